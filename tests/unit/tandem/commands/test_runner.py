"""What a run on Ray cannot do is refused before a cluster is reached or a model loaded."""

import sys

import pytest

from tandem.cli import main

NOWHERE = ("--url", "http://127.0.0.1:1")


@pytest.fixture
def ingest(capsys, monkeypatch, tmp_path):
    """Runs a command that must reach nothing; gives exit code and standard error."""
    monkeypatch.setenv("TANDEM_CONFIG", str(tmp_path / "tandem.toml"))
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    (tmp_path / "tandem.toml").write_text("")
    source = tmp_path / "a.jsonl"
    source.write_text('{"id": 1, "text": "A."}\n')

    def run(*words):
        named = () if "-" in words else (str(source),)
        with pytest.raises(SystemExit) as caught:
            main(["ingest", *named, "--index", "books", "--model", "./none", *words])
        return caught.value.code, " ".join(capsys.readouterr().err.split())

    return run


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--workers", "2"), 2, "--address, --workers and --worker-gpus are for --runner ray"),
        (("--runner", "spark"), 2, "'spark' is not 'ray'"),
        (("--runner", "ray", "--workers", "0"), 2, "0 is not in the range x>=1"),
        (("--runner", "ray", "--worker-gpus", "inf"), 2, "is no finite number"),
        (("--runner", "ray", "--address", "head"), 2, "name a cluster that all machines reach"),
        (("--runner", "ray", "--device", "cuda:1", *NOWHERE), 2, "with --worker-gpus"),
        (("--runner", "ray", "--follow", *NOWHERE), 1, "or leave --runner out"),
        (("--runner", "ray", "-", *NOWHERE), 1, "save it to files"),
    ],
)
def test_what_ray_cannot_do_is_refused_at_once(ingest, words, code, said):
    found, err = ingest(*words)
    assert said in err
    assert found == code


def test_without_ray_one_sentence_names_the_extra(ingest, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, err = ingest("--runner", "ray", *NOWHERE)
    assert code == 1
    assert "pip install 'tandem-search[ray]', or leave --runner out" in err
