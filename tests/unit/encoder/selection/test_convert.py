"""Forms for OpenVINO are made elsewhere, and nobody is told that it is used."""

import os
import subprocess
import sys
from multiprocessing import spawn

import pytest

from encoder import EncoderError
from encoder.selection.convert import quantise
from tests.support.loads import ROOT

PROGRAM = """
import sys
from encoder.engines.openvino_engine import require
require()
from openvino.tools.ovc import telemetry_utils
print(telemetry_utils.tm.__name__, "openvino_telemetry" in sys.modules)
"""


def test_importing_openvino_reports_to_nobody(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "False"], done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_other_process_gets_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hunter2")
    program, python = tmp_path / "python", spawn.get_executable()
    program.write_text("#!/bin/sh\necho $(env | grep -c hunter2) secrets >&2\nexit 3\n")
    program.chmod(0o755)
    spawn.set_executable(str(program))
    try:
        with pytest.raises(EncoderError, match=r"ended with 3 \(0 secrets\)"):
            quantise(tmp_path, [], tmp_path)
    finally:
        spawn.set_executable(python)


def test_what_goes_wrong_elsewhere_is_one_sentence(tmp_path):
    with pytest.raises(EncoderError, match=r"ended with 1 \(.*\): use `backend='torch'`") as caught:
        quantise(tmp_path / "no-such-folder", [[1, 2, 3]], tmp_path)
    assert "\n" not in str(caught.value)
