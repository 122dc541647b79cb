"""A parent that has searched forks, as gunicorn --preload, Celery and multiprocessing do."""

import json
import subprocess
import sys

import pytest

from encoder import Encoder
from tests.support.loads import ROOT
from tests.support.searches import corpus, loaded

CHILDREN, SEARCHES = 3, 400


@pytest.fixture(scope="module")
def books(opensearch, minilm):
    with loaded(opensearch, corpus(), by=Encoder.load(minilm)) as name:
        yield name


@pytest.mark.long
def test_forked_children_get_their_own_hits(opensearch, books, minilm):
    words = (opensearch.url, books, minilm, str(CHILDREN), str(SEARCHES))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.processes.fork_script", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert not done.returncode, done.stderr
    told = json.loads(done.stdout)
    assert told["searched"] == [{"right": SEARCHES, "wrong": 0, "failed": 0}] * (CHILDREN + 1)
    assert told["codes"] == [0] * CHILDREN
