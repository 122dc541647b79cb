"""Whoever may write an index's mapping chooses neither what Tandem opens nor what it fetches."""

import json
import subprocess
import sys

import pytest

from mappings import EncoderRecord, IndexRecord
from tests.servers.wrong import Reply, answering, cluster_like
from tests.support.commands import ROOT
from tests.unit.query.targets import described

# Every command that loads the model that an index's record names; in one process, for each start
# takes long.
CASES = [
    "doctor --index books --json",
    "enrich books --text-field text",
    "evaluate --queries QUERIES --index books --qrels QRELS",
    "ingest DOCUMENTS --index books",
    "ingest DOCUMENTS --index books --dry-run",
    "mine --index books --queries QUERIES --qrels QRELS --no-judge --out OUT",
    "search bees --index books",
    "search --queries QUERIES --index books --run RUN",
    "serve --index books --port 0",
    "tune --index books --queries QUERIES --qrels QRELS",
]
HIT = {"_index": "books", "_id": "1", "_score": 1.0, "_source": {"text": "a", "vector": [1] * 8}}
FOUND = {"hits": {"total": {"value": 1, "relation": "eq"}, "hits": [HIT]}}
END = "=== end ==="
PROGRAM = f"""
import json, sys
from tandem.cli import main
for words in json.load(sys.stdin):
    try:
        main(words)
    except SystemExit as end:
        print(end.code, end="")
    for stream in (sys.stdout, sys.stderr):
        print("{END}", end="", file=stream, flush=True)
"""


@pytest.mark.parametrize("name", ["FOLDER", "../model", "HUB/some/model", "some/model"])
def test_a_model_that_an_index_names_is_neither_opened_nor_fetched(name, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    # Whatever opens one of these waits for ever.
    for each in ("config.json", "modules.json"):
        subprocess.run(["mkfifo", folder / each], check=True)
    files = {
        "DOCUMENTS": json.dumps({"_id": "1", "text": "bees"}),
        "QUERIES": "\n".join(json.dumps({"_id": f"q{n}", "text": "bees"}) for n in range(9)),
        "QRELS": "\n".join(f"q{n} 0 1 1" for n in range(9)),
    }
    for each, text in files.items():
        (tmp_path / each).with_suffix(".jsonl").write_text(f"{text}\n")

    def answer(asked):
        kind = asked.path.partition("?")[0].removeprefix("/books")
        known = {"": {"books": one}, "/_count": {"count": 1}, "/_search": FOUND}
        return Reply(known[kind]) if kind in known else Reply({"error": "none"}, status=404)

    with (
        answering(lambda asked: Reply({}, status=404)) as (hub, fetched),
        answering(cluster_like(lambda asked: answer(asked))) as (url, _),
    ):
        named = {"FOLDER": str(folder), "HUB/some/model": f"{hub}/some/model"}.get(name, name)
        record = IndexRecord(EncoderRecord(named, "57ab", 8))
        one = described(dimension=8)
        one["mappings"]["_meta"], one["aliases"] = record.to_meta(), {}
        one["settings"]["index"]["uuid"] = "u"
        meant = {each: str(tmp_path / f"{each}.jsonl") for each in files} | {
            "OUT": str(tmp_path / "out"),
            "RUN": str(tmp_path / "run.trec"),
        }
        words = [[*(meant.get(w, w) for w in case.split()), "--url", url] for case in CASES]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=tmp_path,
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": str(ROOT),
                "HOME": str(tmp_path),
                "HF_ENDPOINT": hub,
            },
            input=json.dumps(words),
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert fetched == []
    plain = named == "some/model"
    why = "not on this machine and is not fetched" if plain else "a folder and no plain name"
    assert done.stdout.count(END) == done.stderr.count(END) == len(CASES)
    for case, out, err in zip(CASES, done.stdout.split(END), done.stderr.split(END), strict=False):
        told = f"the index names the model {named if plain else repr(named)}, which is {why}"
        assert told in out + err, (case, out, err)
        # To doctor it is a finding.
        assert out[-1] == ("0" if case.startswith("doctor") else "1"), (case, out, err)
