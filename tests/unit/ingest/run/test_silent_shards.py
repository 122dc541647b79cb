"""An answer without some of its shards is none to a question on which something depends."""

import pytest

from cluster import connect
from ingest import IndexRefusedError, IngestError, OutageError
from ingest.index.existing.sample import count
from ingest.index.loading import OpenIndex
from ingest.run import finish
from ingest.run.removal.stored import passages
from ingest.write.client import IndexClient
from mappings import Fields
from tests.servers.wrong import Reply, answering, cluster_like

ALL, PART = {"total": 2, "successful": 2}, {"total": 2, "successful": 1}
FAILED = {**PART, "failed": 1, "failures": [{"reason": {"reason": "no space"}}]}
SOURCE = {"document_id": "a", "content_hash": f"{'f' * 32}:{'e' * 16}:1"}
HIT = {"_index": "books", "_id": "a", "_score": None, "_seq_no": 1, "_primary_term": 1}


def page(shards=ALL, hits=({**HIT, "_source": SOURCE},), **more):
    return {"_shards": shards, "_scroll_id": "s", "hits": {"hits": list(hits)}, **more}


def asking(replies, ask, max_outage=60.0):
    """Give each answer once, the last again and again; returns what `ask` gives."""

    def answer(asked):
        if asked.method == "DELETE" or "_refresh" in asked.path:
            return Reply({})
        return Reply(replies.pop(0) if len(replies) > 1 else replies[0])

    with answering(cluster_like(answer)) as (url, _), connect(url) as cluster:
        client = IndexClient(cluster, "books", lambda seconds: None, max_outage)
        return ask(client)


def read(client):
    return [version.id for found in passages(client, Fields()) for version, _ in found]


@pytest.mark.parametrize("second", [page(PART), page(timed_out=True)])
def test_what_is_stored_is_not_listed_to_an_end_that_is_none(second):
    """A page without a shard would leave its documents where they were to be removed."""
    with pytest.raises(IngestError, match=r"not be read to the end.*so nothing was removed"):
        asking([page(), second], read)
    assert asking([page(timed_out=True), page(), page(hits=())], read) == ["a"]


def test_a_search_that_the_cluster_itself_cuts_short_is_told():
    with pytest.raises(OutageError, match="search timeout ended it before all was seen"):
        asking([page(timed_out=True)], read, max_outage=0.0)


@pytest.mark.parametrize("shards", [PART, FAILED])
def test_nothing_is_decided_by_the_count_of_a_part(shards):
    """Vectors of others may be in the shard that is away."""
    with pytest.raises(IndexRefusedError, match=r"incomplete \(1 of 2 shards .*nobody knows whose"):
        asking([{"count": 0, "_shards": shards}], lambda client: count(client._cluster, "books"))


def test_a_merge_that_failed_in_a_shard_is_told():
    index = OpenIndex("books", "u", Fields(), created=False)
    said = asking([{"_shards": FAILED}], lambda client: finish.merge(client, index))
    assert said.startswith("index 'books' holds everything and is not merged, for a shard of its f")
    assert asking([{"_shards": ALL}], lambda client: finish.merge(client, index)) is None
