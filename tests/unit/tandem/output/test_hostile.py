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
            "document_id": {"type": "keyword"},
            f"field{EVIL}": {"type": f"kind{EVIL}"},
            "vector": {"type": "knn_vector", "dimension": 4},
        },
    },
    "aliases": {f"alias{EVIL}": {}},
}
SHARDS = {"total": 1, "successful": 1, "failed": 0}
PASSAGES = [{"pid": f"p{EVIL}", "text": EVIL, "score": 1.0, "system": EVIL}]
MINED = {"qid": EVIL, "query": EVIL, "pos": PASSAGES, "neg": PASSAGES, "dropped": {}, "error": None}
HIT = {"_index": "books", "_id": f"id{EVIL}", "_score": 1.0, "_source": {"text": f"a text{EVIL}"}}


def lies():
    """A cluster whose answers are as they should be, but for what they say."""
    version = {"number": "3.6.0", "distribution": "opensearch"}
    found = {"took": 1, "_shards": SHARDS, "hits": {"hits": [HIT]}}
    answers = {
        "/": {"version": version},
        "/_cat/plugins": [{"component": "opensearch-knn"}],
        "/books": {"books": BOOKS},
        "/_all": {"books": BOOKS},
        "/*": {"books": BOOKS},
        "/books/_search": found,
        "/books/_count": {"count": 1, "_shards": SHARDS},
    }
    refused = {"error": {"type": "x", "reason": EVIL}, "status": 400}

    def several(body):
        return (200, {"responses": [found, *[refused] * (body.count(b"\n") // 2 - 1)]})

    told = {path: (200, answer) for path, answer in answers.items()}
    return serving({"*": (404, {"error": EVIL}), "/_msearch": several, **told})


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
    # No name in a file of judgements has a blank or a line end.
    name = "q{}\x1b]0;owned\x07\u202e".format
    queries, qrels, mined = tmp_path / "q.jsonl", tmp_path / "q.qrels", tmp_path / f"mined{EVIL}"
    asked = [{"_id": name(n), "text": f"a text{EVIL}"} for n in range(9)]
    queries.write_text("".join(f"{json.dumps(each)}\n" for each in asked))
    qrels.write_text("".join(f"{name(n)} 0 {name('id')} 1\n" for n in range(9)))
    mined.mkdir()
    (mined / "mining.json").write_text(json.dumps({EVIL: EVIL, "index": EVIL}))
    (mined / "mined.jsonl").write_text(f"{json.dumps(MINED)}\n" * 3)
    files = {"QUERIES": queries, "QRELS": qrels, "MINED": mined, "MODEL": folder, "FILE": evil}
    with ExitStack() as stack:
        refusing, _ = stack.enter_context(server(EVIL))
        lying, _ = stack.enter_context(lies())
        yield {"REFUSING": refusing, "LYING": lying, **{k: str(v) for k, v in files.items()}}


CASES = [
    "demo EVIL",
    "doctor --url LYING",
    "doctor --url REFUSING",
    "enrich books --text-field EVIL --url LYING",
    "enrich books --text-field text --model MODEL --url LYING",
    "evaluate --queries QUERIES --index books --qrels QRELS --mode bm25 --url LYING",
    "evaluate --queries QUERIES --index books --qrels QRELS --mode bm25 --json --url LYING",
    "evaluate --queries QUERIES --index books --qrels QRELS --url LYING",
    "evaluate --queries FILE --index books --qrels QRELS --url LYING",
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
    "mine --index books --queries QUERIES --qrels QRELS --no-judge --out out --url LYING",
    "mine --index books --queries QUERIES --qrels QRELS --judge MODEL --out out --url LYING",
    "ingest FILE --index books --runner EVIL --url LYING",
    "ingest FILE --index books --runner ray --device EVIL:0 --url LYING",
    "ingest FILE --index books --runner ray --address EVIL --url REFUSING",
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
    "train --mined MINED --model MODEL --out trained",
    "train --mined MODEL --model MODEL --out trained",
    "tune --index books --queries QUERIES --qrels QRELS --url LYING",
    "tune --index books --queries QUERIES --qrels QRELS --url REFUSING",
]


def leaves(command, *path):
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from leaves(each, *path, name)
    else:
        yield path


@pytest.mark.long
def test_no_command_lets_a_hostile_text_through(hostile, tmp_path):
    context = click.Context(cli)
    known = {each for name in COMMANDS for each in leaves(cli.get_command(context, name), name)}
    covered = {each for each in known for case in CASES if case.split()[: len(each)] == list(each)}
    assert covered == known
    meant = {
        **hostile,
        "EVIL": EVIL,
        "out": str(tmp_path / "out"),
        "trained": str(tmp_path / "trained"),
    }
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
        # A sentence about wrong usage would have reached nobody's text.
        assert "Usage:" not in err or "EVIL" in case, (case, err)
    assert done.stderr.count(END) == len(CASES)
    assert told > len(CASES) / 2
