"""Every command, where server, model, files and names are hostile: a terminal obeys none of it."""

import json
import subprocess
import sys
from contextlib import ExitStack

import click
import pytest

from mappings import EncoderRecord, IndexRecord
from tandem.cli import COMMANDS, cli
from tests.support.commands import ROOT
from tests.unit.cluster.fakes import serving
from tests.unit.tandem.output.test_terminal import EVIL, harmless, server

# Marks where one command's output ends; in one process, for each start takes long.
END = "=== end ==="
PROGRAM = f"""
import json, sys
from tandem.cli import main
for words in json.load(sys.stdin):
    try:
        main(words)
    except SystemExit:
        pass
    for stream in (sys.stdout, sys.stderr):
        stream.write("{END}")
        stream.flush()
"""
META = IndexRecord(EncoderRecord(f"some/model{EVIL}", f"0{EVIL}", 4)).to_meta()
BOOKS = {
    "settings": {"index": {"uuid": "u", "knn": "true", "number_of_shards": "1"}},
    "mappings": {
        "_meta": META,
        "properties": {
            "text": {"type": "text"},
            f"field{EVIL}": {"type": f"kind{EVIL}"},
            "vector": {"type": "knn_vector", "dimension": 4},
        },
    },
    "aliases": {f"alias{EVIL}": {}},
}
SHARDS = {"total": 1, "successful": 1, "failed": 0}
HIT = {"_index": "books", "_id": f"id{EVIL}", "_score": 1.0, "_source": {"text": f"a text{EVIL}"}}


def lies():
    """A cluster whose answers are as they should be, but for what they say."""
    version = {"number": "3.6.0", "distribution": "opensearch"}
    answers = {
        "/": {"version": version},
        "/_cat/plugins": [{"component": "opensearch-knn"}],
        "/books": {"books": BOOKS},
        "/_all": {"books": BOOKS},
        "/*": {"books": BOOKS},
        "/books/_search": {"took": 1, "_shards": SHARDS, "hits": {"hits": [HIT]}},
        "/books/_count": {"count": 1, "_shards": SHARDS},
    }
    return serving({"*": (404, {"error": EVIL}), **{k: (200, v) for k, v in answers.items()}})


@pytest.fixture
def hostile(tmp_path):
    """(what the words of a command stand for, a folder)."""
    folder = tmp_path / f"model{EVIL}"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": EVIL}))
    home = tmp_path / "home" / "node"
    home.mkdir(parents=True)
    (home / "state.json").write_text(json.dumps({"pid": EVIL, "url": EVIL}))
    evil = tmp_path / f"file{EVIL}.jsonl"
    evil.write_text(json.dumps({"_id": EVIL, EVIL: EVIL}) + f"\n{EVIL}\n")
    with ExitStack() as stack:
        refusing, _ = stack.enter_context(server(EVIL))
        lying, _ = stack.enter_context(lies())
        yield {"REFUSING": refusing, "LYING": lying, "MODEL": str(folder), "FILE": str(evil)}


CASES = [
    "demo EVIL",
    "doctor --url LYING",
    "doctor --url REFUSING",
    "enrich books --text-field EVIL --url LYING",
    "enrich books --text-field text --model MODEL --url LYING",
    "evaluate FILE --index books --qrels FILE --url LYING",
    "index adopt books --model MODEL --url LYING",
    "index create books --model MODEL --url LYING",
    "index create EVIL --model MODEL --url LYING",
    "index show books --url LYING",
    "index show books --json --url LYING",
    "index show books --url REFUSING",
    "index list --url LYING",
    "index list --url REFUSING",
    "index switch books EVIL --url LYING",
    "index switch books other --url REFUSING",
    "index delete books --yes --url REFUSING",
    "index untune books --url REFUSING",
    "index pipeline EVIL --url LYING",
    "index pipeline books --url REFUSING",
    "ingest FILE --index books --url LYING",
    "ingest FILE --index books --url REFUSING",
    "ingest EVIL --index books --model MODEL --url LYING",
    "mine books FILE --qrels FILE --no-judge --folder out --url LYING",
    "node start --port EVIL",
    "node stop",
    "node status",
    "node reset --yes",
    "pipeline install EVIL --service REFUSING --url LYING",
    "pipeline install books --service LYING --url LYING",
    "pipeline show books --url LYING",
    "pipeline show books --url REFUSING",
    "pipeline test books --url LYING",
    "pipeline remove books --url LYING",
    "plan EVIL --dim 4",
    "remove --index books --id EVIL --yes --url LYING",
    "remove --index books --id EVIL --yes --url REFUSING",
    "search EVIL --index books --mode bm25 --url LYING",
    "search EVIL --index books --mode bm25 --json --url LYING",
    "search EVIL --index books --url LYING",
    "search EVIL --index books --url REFUSING",
    "serve --index books --url LYING",
    "serve --index books --url REFUSING",
    "train FILE --model MODEL --folder out",
    "tune books FILE --qrels FILE --url LYING",
]


def leaves(command, *path):
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from leaves(each, *path, name)
    else:
        yield path


def test_no_command_lets_a_hostile_text_through(hostile, tmp_path):
    context = click.Context(cli)
    known = {each for name in COMMANDS for each in leaves(cli.get_command(context, name), name)}
    covered = {each for each in known for case in CASES if case.split()[: len(each)] == list(each)}
    assert covered == known
    meant = {**hostile, "EVIL": EVIL, "out": str(tmp_path / "out")}
    words = [[meant.get(word, word) for word in case.split()] for case in CASES]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TANDEM_HOME": str(tmp_path / "home")},
        input=json.dumps(words),
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = zip(CASES, done.stdout.split(END), done.stderr.split(END), strict=False)
    told = 0
    for case, out, err in said:
        assert out or err, case
        assert harmless(out), (case, out)
        assert harmless(err), (case, err)
        assert "defect in Tandem" not in err, (case, err)
        told += "owned" in out + err
    assert done.stderr.count(END) == len(CASES)
    assert told > len(CASES) / 2
