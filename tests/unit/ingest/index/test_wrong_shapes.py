"""Whatever is wrong with what an index says of itself, each of its readers says in one sentence."""

import json
import sys
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster import connect
from cluster.client.answers import misshapen
from ingest import (
    Plan,
    Writing,
    adopt_index,
    create_index,
    delete_index,
    describe_index,
    dry_run,
    enrich,
    ingest,
    install_pipeline,
    list_indexes,
    remove,
    switch_alias,
)
from ingest.index.describe import shown
from ingest.index.existing.diagnosis.judge import diagnose_index
from mappings import EncoderRecord, Generation, IndexRecord
from query import Searcher, SearchSettings, put_search_settings, remove_search_settings
from tandem.base.errors import TandemError
from tests.servers.wrong import Reply, answering, cluster_like
from tests.support.stubs import StubEncoder
from tests.unit.query.search.test_wrong_shapes import FOUND, LACKS, changed, places
from tests.unit.query.targets import described

NAME, ALIAS = "books-20200101000000", "novels"
SHARDS = {"total": 1, "successful": 1}
STATS = {
    "primaries": {"docs": {"count": 3}, "store": {"size_in_bytes": 5}},
    "shards": {"0": [{"routing": {"primary": True}}]},
}
NOTE = {"alias": ALIAS, "whole": False, "settings": {"refresh_interval": None}, "loaders": {}}
SETTINGS = {
    "uuid": "u",
    "creation_date": "1700000000000",
    "refresh_interval": "1s",
    "blocks": {"write": "false"},
    "default_pipeline": "_none",
    "search": {"default_pipeline": "_none"},
    "mapping": {"ignore_malformed": "false"},
    "routing": {"allocation": {}},
}
DOCUMENTS = [{"_id": "1", "text": "a"}]
PLAN = Plan(writing=Writing(max_outage=0.01), keep=0)


def one(generation=ALIAS, **record):
    """What GET /INDEX says of an index that was loaded for an alias."""
    made = described(dimension=8)
    who = EncoderRecord("stub", "57ab", 8)
    mark = Generation(generation, NAME)
    meta = IndexRecord(who, generation=mark, **record).to_meta()
    fields = made["mappings"]["properties"]
    fields = {k: fields[k] for k in ("vector", "text", "content_hash", "document_id", "name")}
    source = {"includes": ["*"], "excludes": ["secret"]}
    made["mappings"] = {"_meta": meta, "properties": fields, "_source": source}
    made["aliases"] = {ALIAS: {"filter": {"term": {"lang": "en"}}, "is_write_index": True}}
    made["settings"]["index"] |= SETTINGS
    return made


def without_record():
    made = one()
    del made["mappings"]["_meta"]
    return made


def noted():
    made = one()
    made["mappings"]["_meta"] |= {"loading": NOTE, "search": {"depth": 50}}
    return made


def search(cluster, encoder):
    with Searcher(cluster, NAME, encoder=encoder) as searcher:
        searcher.search("a")


# All that reads what an index says of itself: (cluster, encoder) -> anything.
READERS = {
    "show": lambda c, e: shown(describe_index(c, NAME)),
    "list": lambda c, e: list_indexes(c),
    "delete": lambda c, e: delete_index(c, NAME, with_alias=[ALIAS]),
    "switch": lambda c, e: switch_alias(c, ALIAS, NAME, keep=0),
    "search": search,
    "ingest": lambda c, e: ingest(DOCUMENTS, cluster=c, encoder=e, index=NAME, plan=PLAN),
    "load": lambda c, e: ingest(DOCUMENTS, cluster=c, encoder=e, alias=ALIAS, plan=PLAN),
    "dry run": lambda c, e: dry_run(DOCUMENTS, cluster=c, encoder=e, index=NAME),
    "dry load": lambda c, e: dry_run(DOCUMENTS, cluster=c, encoder=e, alias=ALIAS, plan=PLAN),
    "create": lambda c, e: create_index(c, NAME, e),
    "remove": lambda c, e: remove(c, NAME, ids=["1"]),
    "enrich": lambda c, e: enrich(c, NAME, e, text_field="text", dry_run=True),
    "copy": lambda c, e: enrich(c, NAME, e, text_field="text", copy_to="new", dry_run=True),
    "adopt": lambda c, e: adopt_index(c, NAME, e, dry_run=True),
    "doctor": lambda c, e: diagnose_index(c, NAME, lambda record: e),
    "tune": lambda c, e: put_search_settings(c, NAME, SearchSettings(depth=50)),
    "untune": lambda c, e: remove_search_settings(c, NAME),
    "pipeline": lambda c, e: install_pipeline(c, "p", c.url, index=NAME),
}


class Answers:
    """Answers as a cluster that has one index, described by `found`."""

    found: object

    def __call__(self, asked):
        path = asked.path.partition("?")[0]
        parts = path.strip("/").split("/")
        known = {
            "_search": FOUND,
            "_count": {"count": 1, "_shards": SHARDS},
            "_stats": {"indices": {NAME: STATS}},
            "models": {"data": [{"id": "stub", "fingerprint": "57ab"}]},
            "embeddings": {"data": [{"embedding": [1.0] * 8}]},
            "_mget": {"docs": []},
        }
        if asked.path.partition("?")[0].endswith("point_in_time"):
            return Reply({"pit_id": "p"} if asked.method == "POST" else {})
        if b"pit" in asked.body:
            return Reply(FOUND | {"hits": {"hits": []}})
        if "scroll" in asked.path:
            return Reply(FOUND | {"hits": {"hits": []}, "_scroll_id": "s"})
        kind = next((each for each in reversed(parts) if each in known), None)
        if kind:
            return Reply(known[kind])
        if asked.method == "GET" and len(parts) == 1 and parts[0] and parts[0][0] != "_":
            return Reply(self.found)
        if asked.method == "GET":
            return cluster_like(lambda asked: Reply({"error": "none"}, 404))(asked)
        return Reply({"acknowledged": True, "_shards": SHARDS})


@pytest.fixture(scope="module")
def wrong():
    """(A cluster, the answers that it gives)."""
    answers = Answers()
    with answering(answers) as (url, _), connect(url) as cluster:
        yield cluster, answers


def read(cluster, encoder, readers=READERS):
    """Have all read it; whatever is no TandemError ends the test."""
    for reader in readers:
        with suppress(TandemError):
            READERS[reader](cluster, encoder)


@pytest.mark.parametrize("made", [one, without_record, noted], ids=lambda made: made.__name__)
def test_each_part_of_a_description_may_be_anything(wrong, made):
    cluster, answers = wrong
    whole = {NAME: made()}
    # What a run of ingestion asks for is what its dry run asks for, and it waits for an outage.
    readers = READERS.keys() - {"ingest", "load"}
    for place in places(whole):
        for new in (None, "text", -7, [], {"a": 1}, [1], LACKS):
            if not place and new is LACKS:
                continue
            answers.found = changed(whole, place, new)
            # What is refused unread is asked for again for as long as an outage may last.
            if misshapen(answers.found, "GET", f"/{NAME}", {}) is None:
                read(cluster, StubEncoder(), readers)


RECORD = one()["mappings"]["_meta"] | {"loading": NOTE, "search": {"depth": 50}}
# What opens a folder, or reaches another machine, wherever it is believed.
BAIT = "tandem-bait"
NAMES = st.sampled_from(
    [
        f"/tmp/{BAIT}",
        f"../{BAIT}",
        f"./{BAIT}",
        f"~/{BAIT}",
        f"file:///tmp/{BAIT}",
        f"https://{BAIT}.invalid/a/b",
        f"hf://{BAIT}/a",
        f"{BAIT}/a",
        f"{BAIT}/a@main",
        f"\\\\{BAIT}\\share",
        f"{BAIT}\0/a",
        f"\x1b]0;{BAIT}\7",
        f"{BAIT}/" + "a" * 995,
        f"models--{BAIT}--a",
        f"s3://{BAIT}/a",
    ]
)
JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "9" * 5000, "text", "_id", "a.b", "content_hash"]),
    NAMES,
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["device", "trust_remote_code", "model", "a"]), NAMES),
)


@st.composite
def metas(draw):
    """Tandem's record, note and settings in a `_meta`, with up to three places changed."""
    meta = RECORD
    if draw(st.booleans()):
        meta = changed(meta, ("tandem", "encoder", "model"), draw(NAMES))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from([each for each in places(meta) if each]))
        meta = changed(meta, place, draw(JSON))
    extra = draw(st.sampled_from(["model", "backend", "trust_remote_code", "a" * 300]))
    own = meta["tandem"]
    if isinstance(own, dict) and isinstance(own.get("encoder"), dict) and draw(st.booleans()):
        meta = changed(meta, ("tandem", "encoder"), own["encoder"] | {extra: draw(JSON)})
    return meta


LISTENING = {"on": False}
OPENED = []


def _listen(event, words):
    heard = event in ("open", "os.listdir", "os.scandir", "socket.getaddrinfo")
    if LISTENING["on"] and heard and BAIT in str(words[0]):
        OPENED.append((event, words[0]))


@given(meta=metas())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_record_may_say_anything_and_nothing_is_opened_or_fetched(wrong, meta):
    cluster, answers = wrong
    made = one()
    made["mappings"]["_meta"] = json.loads(json.dumps(meta))
    answers.found = {NAME: made}
    LISTENING["on"] = True
    try:
        read(cluster, StubEncoder())
        with suppress(TandemError), Searcher(cluster, NAME) as searcher:
            searcher.search("a", mode="knn")
    finally:
        LISTENING["on"] = False
    # A model's name that this machine does not have is looked for among those that it has.
    assert [each for each in OPENED if "hub" not in str(each[1])] == []


sys.addaudithook(_listen)
