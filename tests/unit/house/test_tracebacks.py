"""An expected failure in somebody's program: a short traceback that ends in our sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cluster.fakes import error, serving
from tests.unit.tandem.commands.test_missing import WELL

ROOT = Path(__file__).resolve().parents[3]
CONNECT = "from cluster import connect\nfrom query import Searcher\n"


def traceback(program, **environ):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 1
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "from encoder import Encoder\nEncoder.load('my-model')",
            "encoder.errors.ModelNotFoundError: the model sentence-transformers/my-model is not",
        ),
        (
            "from cluster import connect\nconnect('http://127.0.0.1:1')",
            "cluster.errors.UnreachableError: nothing listens at",
        ),
    ],
)
def test_a_missing_model_and_an_unreachable_cluster(program, said, tmp_path):
    lines = traceback(program, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path), TANDEM_HOME=str(tmp_path))
    assert lines[-1].startswith(said)
    assert len(lines) < 25, "\n".join(lines)


def test_a_missing_index_and_a_refusal_which_keeps_its_cause(tmp_path):
    ask = "Searcher(connect('{}'), 'books3').search('bees', mode='bm25')"
    with serving(WELL) as (url, _):
        lines = traceback(CONNECT + ask.format(url), TANDEM_HOME=str(tmp_path))
    assert lines[-1].startswith("cluster.errors.MissingIndexError: there is no index books3")
    assert len([line for line in lines if line.startswith("Traceback")]) == 1
    odd = {"*": error("parsing_exception", "unknown query", 400)}
    with serving(WELL | odd) as (url, _):
        lines = traceback(CONNECT + ask.format(url), TANDEM_HOME=str(tmp_path))
    assert lines[-1].startswith("cluster.errors.ClusterError:")
    assert any("opensearchpy.exceptions.RequestError" in line for line in lines)
