"""What of OpenVINO must be done before threads share it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("openvino")

# Without what `require` does first, three of four such processes waited for ever.
TOGETHER = """
import sys, threading
from encoder.engines.openvino_engine import require
openvino = require()
sys.setswitchinterval(1e-6)
ready = threading.Barrier(16)
def first():
    ready.wait(30)
    openvino.Type.i64.to_dtype()
threads = [threading.Thread(target=first) for _ in range(16)]
for each in threads:
    each.start()
for each in threads:
    each.join(30)
"""


def test_threads_that_use_it_first_at_once_do_not_wait_for_each_other() -> None:
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", TOGETHER], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
