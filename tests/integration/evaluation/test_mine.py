"""Mining on a real node, in an index made by hand."""

import json

import pytest

from evaluation import Mining, mine
from query import Query, Searcher
from tests.support.searches import encoder, loaded
from tests.unit.evaluation.mine.fakes import ODDS, TEXTS, TableJudge

QUERY = Query("q1", "capital of France")
# Of several passages, none of which has a word of the query.
LONG = "Unlike all others it says nothing about that. " * 200
LOW = {pid for pid in TEXTS if ODDS.get(pid, -5.0) < -2.5} - {"same", "near"}


@pytest.fixture(scope="module")
def index(opensearch):
    rows = [{"_id": pid, "text": text} for pid, text in TEXTS.items()]
    with loaded(opensearch, [*rows, {"_id": "long", "text": LONG}]) as name:
        yield name


@pytest.mark.parametrize("systems", [("knn",), ("bm25",), ("knn", "bm25"), ("hybrid",)])
def test_negatives_of_a_real_index(opensearch, index, tmp_path, systems):
    judged = {"q1": {"right": 1, "long": 1}}
    with Searcher(opensearch, index, encoder=encoder()) as searcher:
        mining = Mining(systems=systems, keep=20, margin=-100)
        mine(searcher, [QUERY], judged, tmp_path, index=index, judge=TableJudge(), mining=mining)
    (line,) = map(json.loads, (tmp_path / "mined.jsonl").read_text().splitlines())
    positives = [each["pid"] for each in line["pos"]]
    assert positives == (["right"] if systems == ("bm25",) else ["right", "long"])
    kept = [each["pid"] for each in line["neg"]]
    assert len(kept) == len(set(kept))
    assert set(kept) <= LOW
    if systems != ("bm25",):
        # lyon and lyons have the same words: one of them is enough.
        assert set(kept) | {"lyon", "lyons"} == LOW
        assert len(kept) == len(LOW) - 1
    assert not {each["text"] for each in line["neg"]} & {each["text"] for each in line["pos"]}
