"""What the processes of Ray get of this process's variables."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.commands import ROOT

WORKER = """
import json, os, sys
from ingest.run.ray.start import started
with started(None, 1) as session:
    seen = session.ray.get(session.ray.remote(lambda: dict(os.environ)).remote())
json.dump([seen, dict(os.environ)], sys.stdout)
"""
OURS = ("TANDEM_PASSWORD", "TANDEM_API_KEY", "TANDEM_PROXY", "TANDEM_URL", "TANDEM_SERVE_KEY")


@pytest.mark.long
def test_a_worker_has_the_keys_of_stores_and_none_of_the_clusters():
    given = dict.fromkeys(OURS, "hush") | {"AWS_SECRET_ACCESS_KEY": "kept", "TANDEM_HOME": "/tmp"}
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    worker, after = json.loads(done.stdout)
    assert {name for name, value in worker.items() if "hush" in value} == set()
    assert (worker["AWS_SECRET_ACCESS_KEY"], worker["TANDEM_HOME"]) == ("kept", "/tmp")
    assert {name: after[name] for name in given} == given
