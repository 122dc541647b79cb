"""Whatever a cluster answers to bulk requests, the counts add up and what is "written" is there."""

import gzip
import json
import random
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster import connect
from ingest import IncompleteError, RejectLimit, Writing
from ingest.errors import IngestError
from ingest.read.rejects import RejectsFile
from ingest.records import Document, Origin, Passage, Version, stamp
from ingest.tally import Tally
from ingest.write import updates
from ingest.write.bulk import Budget, Sender, actions, requests
from ingest.write.client import IndexClient
from ingest.write.lookup import SAMPLE, Sample, look_up
from mappings import Fields
from tests.servers.wrong import Reply, answering, cluster_like

FIELDS = Fields()
# What is done to the items of an answer, and to the first.
SPOILT = {
    "an item less": lambda items, first: items.pop(),
    "an item more": lambda items, first: items.append(items[0]),
    "one twice": lambda items, first: items.__setitem__(-1, items[0]),
    "the last first": lambda items, first: items.insert(0, items.pop()),
    "no id": lambda items, first: first.pop("_id"),
    "another id, as a list": lambda items, first: first.update(_id=[]),
    "mixed up": lambda items, first: random.Random(1).shuffle(items),
    "other ids": lambda items, first: first.update(_id="other"),
    "other index": lambda items, first: first.update(_index="elsewhere"),
    "no result": lambda items, first: first.update(result=None),
    "deleted": lambda items, first: first.update(result="deleted"),
    "text for a status": lambda items, first: first.update(status="201"),
    "a status of no such request": lambda items, first: first.update(status=100),
    "stored and refused": lambda items, first: first.update(status=400),
    "refused and well": lambda items, first: first.update(status=201, error={"type": "x"}),
    "an error that is text": lambda items, first: first.update(status=400, error="no"),
    "two actions": lambda items, first: items[0].update(delete=first),
    "other action": lambda items, first: items.__setitem__(0, {"update": first}),
}
# What becomes of the answer to one request.
ANSWERS = ["right", "html", "text", "nothing", "cut", "no items", "an old answer", "lost", *SPOILT]
ANSWERS += ["status 429", "status 503", "status 502", "a redirect", "no list"]
ANSWERS += ["no object", "no gzip", "half a gzip", "a gzip that says nothing", "a byte at a time"]
ANSWERS += ["too large", "longer than it says", "deep", "text for JSON"]
# And of one item.
ITEMS = ["stored", "stored", "stored", "full", "failing", "refused", "dropped", "hidden error"]
# What others do to its document just before.
OTHERS = ["taken by a stranger", "loaded by another", "loaded by another as it is", "removed"]
# And an ingest pipeline, where there is one.
PIPELINE = ["moved", "renamed", "renamed to one", "dropped"]
STRANGER = {"text": "not ours"}


class WrongServer:
    """Stores what it is sent, and answers by a list of faults, then rightly."""

    def __init__(self, pipeline, answers, items):
        self.stored, self.pipeline = {}, pipeline
        self.strangers, self.seq_nos = set(), {}
        self._answers, self._items = iter(answers), iter(items)
        self._before = {"errors": False, "items": []}

    def __call__(self, asked):
        path = asked.path.partition("?")[0]
        if path.endswith("_settings"):
            index = {"default_pipeline": "p"} if self.pipeline else {}
            return Reply({"books": {"settings": {"index": index}}})
        if path.endswith("_mget"):
            return Reply({"docs": list(map(self._looked_up, json.loads(asked.body)["ids"]))})
        lines = list(map(json.loads, asked.body.splitlines()))
        pairs = zip(lines[::2], lines[1::2], strict=True)
        items = [
            {action: self._item(action, head, next(self._items, "stored"), source)}
            for each, source in pairs
            for action, head in each.items()
        ]
        return self._replied(next(self._answers, "right"), items)

    def _looked_up(self, name):
        version = {"_seq_no": self.seq_nos.get(name), "_primary_term": 1}
        found = version | {"found": True, "_source": self.stored.get(name)}
        known = found if name in self.stored else {"found": False}
        return {"_index": "books", "_id": name} | known

    def _item(self, action, head, fate, source):
        if fate in OTHERS:
            self._others(fate, head["_id"], source)
        told = {"_index": "books", "_id": head["_id"]}
        if fate in ("full", "failing", "refused", "hidden error"):
            status = {"full": 429, "failing": 500}.get(fate, 400)
            return {**told, "status": status, "error": {"type": "x", "reason": fate}}
        if fate == "dropped" or (fate in PIPELINE and not self.pipeline):
            return {**told, "status": 200, "result": "noop"}
        if fate == "moved":
            return {**told, "_index": "elsewhere", "status": 201, "result": "created"}
        if fate in PIPELINE:
            told["_id"] = "one" if fate == "renamed to one" else f"new-{head['_id']}"
        return told | self._stored(action, head, told["_id"], source)

    def _stored(self, action, head, name, source):
        """As clusters do: a place that was empty stays others', and so does another version."""
        there = name in self.stored
        other = "if_seq_no" in head and head["if_seq_no"] != self.seq_nos.get(name)
        if other or (action == "create" and there):
            return {"status": 409, "error": {"type": "version_conflict_engine_exception"}}
        self._put(name, source)
        return {"status": 200 if there else 201, "result": "updated" if there else "created"}

    def _put(self, name, source):
        self.stored[name] = source
        self.seq_nos[name] = 1 + max(self.seq_nos.values(), default=0)

    def _others(self, fate, name, source):
        if fate == "removed":
            if name not in self.strangers:
                self.stored.pop(name, None)
            return
        if fate == "taken by a stranger":
            self.strangers.add(name)
        if fate == "loaded by another" and name not in self.strangers:
            source = {**source, FIELDS.content_hash: f"{'f' * 32}:{'e' * 16}:1"}
        self._put(name, STRANGER if name in self.strangers else source)

    def _replied(self, fault, items):
        before, answer = self._before, {"errors": False, "items": items}
        self._before = json.loads(json.dumps(answer))
        data = json.dumps(answer).encode()
        if fault in SPOILT:
            SPOILT[fault](items, next(iter(items[0].values())))
        replies = {
            "status 429": Reply({"error": "busy"}, status=429),
            "status 503": Reply({"error": "busy"}, status=503),
            "status 502": Reply(b"<html>", status=502, kind="text/html"),
            "a redirect": Reply(answer, status=307, headers={"location": "http://127.0.0.1:1/"}),
            "no list": Reply({"items": {"0": items[0]}}),
            "no object": Reply([answer]),
            "no gzip": Reply(data, headers={"content-encoding": "gzip"}),
            "half a gzip": Reply(gzip.compress(data)[:-9], headers={"content-encoding": "gzip"}),
            "a gzip that says nothing": Reply(gzip.compress(data)),
            "a byte at a time": Reply(iter([each.to_bytes() for each in data])),
            "too large": Reply(data, status=413),
            "longer than it says": Reply(data, headers={"content-length": str(len(data) - 9)}),
            "deep": Reply(b"[" * 200_000),
            "text for JSON": Reply(answer, kind="text/plain"),
            "html": Reply(b"<html>", kind="text/html"),
            "text": Reply(b"upstream connect error", kind="text/plain"),
            "nothing": Reply(b""),
            "cut": Reply(data[: len(data) // 2]),
            "no items": Reply({"took": 3, "errors": False}),
            "an old answer": Reply(before),
            "lost": Reply(iter([data[:5]]), raw=True),
        }
        return replies.get(fault, Reply(answer))


def passages(documents):
    for number in range(documents):
        name, vector = f"d{number}", np.array([1, number], dtype=np.float32)
        origin = Origin("memory", number)
        document = Document(number, name, name, None, {}, "", "", origin, {"id": name})
        body = {"text": name, FIELDS.document_id: name}
        yield Passage(document, name, 0, 1, name, body, stamp("a", name, body, 1), vector)


class Load:
    """The bulk path alone, from passages to the tally."""

    def __init__(self, cluster, folder):
        limit = RejectLimit(share=None, number=10_000)
        self.rejects = RejectsFile(Path(folder) / "rejects.jsonl")
        self.tally = Tally("books", self.rejects, limit)
        self.written = []
        self.tally.on_settled(self._settled)
        self.sample = Sample()
        self.client = IndexClient(cluster, "books", lambda seconds: None, 60.0)
        self.sender = Sender(self.client, FIELDS, self.tally, Budget(1_000_000), self.sample)

    def _settled(self, number, stored):
        if stored:
            self.written.append(number)

    def deliver(self, documents, at_once):
        for passage in passages(documents):
            self.tally.took()
            self.tally.expect(passage.document, 1)
        packed = actions(passages(documents), FIELDS)
        for group in requests(packed, Writing(max_count=at_once)):
            self.sender.deliver(group)
        return self.tally.report()


@pytest.fixture(scope="module")
def wrong():
    """Serves the WrongServer that it is given; yields (a cluster there, how to give one)."""
    now = []
    with (
        answering(cluster_like(lambda asked: now[-1](asked))) as (url, _),
        connect(url, timeout=10.0) as cluster,
    ):
        yield cluster, now.append


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    documents=st.integers(1, 12),
    at_once=st.integers(1, 6),
    pipeline=st.booleans(),
    answers=st.lists(st.sampled_from(ANSWERS), max_size=8),
    items=st.lists(st.sampled_from([*ITEMS, *OTHERS, *PIPELINE]), max_size=20),
)
def test_what_is_called_written_is_there(wrong, documents, at_once, pipeline, answers, items):
    cluster, give = wrong
    server = WrongServer(pipeline, answers, items)
    give(server)
    with TemporaryDirectory() as folder:
        load = Load(cluster, folder)
        report = load.deliver(documents, at_once)
        assert report.read == documents
        assert report.read == report.written + report.skipped + report.rejected
        assert len(load.written) == report.written
        written = {f"d{number}" for number in load.written}
        assert written <= server.stored.keys() - server.strangers
        load.sample.check(load.client, FIELDS)
        # Nothing was written over what is not ours.
        assert all(server.stored[each] == STRANGER for each in server.strangers)
        load.rejects.close()


@pytest.mark.parametrize("lie", ["forget", "another hash", "another vector"])
def test_what_was_called_written_and_is_not_is_found_by_reading_back(wrong, tmp_path, lie):
    cluster, give = wrong
    server = WrongServer(False, [], [])
    give(server)
    load = Load(cluster, tmp_path)
    assert load.deliver(SAMPLE, 10).written == SAMPLE
    load.sample.check(load.client, FIELDS)
    if lie == "forget":
        del server.stored["d3"]
    else:
        wrongly = {
            "another hash": {FIELDS.content_hash: "x"},
            "another vector": {"vector": [-1, 0]},
        }
        server.stored["d3"] |= wrongly[lie]
    with pytest.raises(IncompleteError, match=r"1 of 32 passages.*as they were written \(d3\)"):
        load.sample.check(load.client, FIELDS)


def test_each_written_passage_is_as_likely_to_be_read_back():
    many = list(passages(10 * SAMPLE))
    often = count()
    for _ in range(50):
        sample = Sample()
        sample.add(many)
        assert len({each for each, _, _ in sample._kept}) == SAMPLE
        for each, _, _ in sample._kept:
            next(often) if int(each[1:]) < len(many) // 2 else None
    assert 600 < next(often) < 1000  # of 1600, half


@pytest.mark.parametrize("change", [updates.delete, lambda c, found: updates.update(c, found, {})])
def test_changes_are_tied_to_what_was_sent(tmp_path, change):
    """A short or shifted answer is asked for again, and does not end in a traceback."""
    asked = []

    def answer(request):
        asked.append(request)
        lines = [json.loads(line) for line in request.body.splitlines()]
        heads = [each for each in lines if each.keys() & {"delete", "update"}]
        items = [
            {action: {"_id": each["_id"], "status": 200, "result": "updated"}}
            for head in heads
            for action, each in head.items()
        ]
        return Reply({"items": {1: items[1:], 2: items[::-1]}.get(len(asked), items)})

    with answering(cluster_like(answer)) as (url, _), connect(url) as cluster:
        client = IndexClient(cluster, "books", lambda seconds: None, 60.0)
        assert change(client, [Version(each, 1, 1, None) for each in "ab"]).done == 2
    assert len(asked) == 3


def test_a_look_up_is_tied_to_what_was_asked_for():
    docs = [{"_id": each, "found": False} for each in "ab"]
    away = {"_id": "b", "error": {"type": "no_shard_available_action_exception", "reason": "away"}}
    replies = [docs[:1], docs[::-1], [docs[0], away], docs]
    with (
        answering(cluster_like(lambda asked: Reply({"docs": replies.pop(0)}))) as (url, _),
        connect(url) as cluster,
    ):
        client = IndexClient(cluster, "books", lambda seconds: None, 60.0)
        assert look_up(client, ["a", "b"], "content_hash") == {}
    assert client.retries == 3


def test_an_index_that_is_gone_is_no_outage():
    gone = {"_id": "a", "error": {"type": "index_not_found_exception", "reason": "no such index"}}
    with (
        answering(cluster_like(lambda asked: Reply({"docs": [gone]}))) as (url, _),
        connect(url) as cluster,
    ):
        client = IndexClient(cluster, "books", lambda seconds: None, 60.0)
        with pytest.raises(IngestError, match="deleted or closed"):
            look_up(client, ["a"], "content_hash")
