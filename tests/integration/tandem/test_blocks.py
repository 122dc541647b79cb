"""Blocks of an index and of a whole cluster: told in one sentence, before any work is done."""

import json
from contextlib import contextmanager

import pytest

from ingest import (
    adopt_index,
    delete_index,
    describe_index,
    enrich,
    list_indexes,
    remove,
    switch_alias,
)
from query import Searcher
from tandem.base.errors import TandemError
from tests.integration.ingest.existing.books import make_books
from tests.support.commands import tandem
from tests.support.loads import documents, ingested, settings_of, stored
from tests.support.stubs import StubEncoder

# The setting -> the commands that go on in spite of it.
ALLOWED = {
    "index.blocks.write": {"adopt", "switch", "delete"},
    "index.blocks.read_only": set(),
    # A full disk's, which lets go what frees some.
    "index.blocks.read_only_allow_delete": {"delete"},
    "cluster.blocks.read_only": set(),
}


@contextmanager
def blocked(cluster, setting, *names):
    """With a block on indexes, or on the cluster."""
    client = cluster.client

    def put(value):
        if setting.startswith("cluster."):
            client.cluster.put_settings(body={"persistent": {setting: value}})
        for name in names if setting.startswith("index.") else ():
            if client.indices.exists(index=name):
                client.indices.put_settings(index=name, body={setting: value})

    put(True)
    try:
        yield
    finally:
        put(None)


@pytest.fixture
def indexes(either, index_name):
    """One of Tandem's, and one of others with vectors of the same encoder."""
    encoder = StubEncoder()
    ours, theirs = f"{index_name}-ours", f"{index_name}-theirs"
    ingested(documents(5), cluster=either, index=ours, encoder=encoder)
    make_books(either, theirs, encoder.encode_passages)
    return ours, theirs


def commands(cluster, ours, theirs, encoder, *, full):
    """What changes something, by name; full: under the block of a full disk."""
    return {
        "ingest": lambda: ingested(documents(8), cluster=cluster, index=ours, encoder=encoder),
        "enrich": lambda: enrich(
            cluster, theirs, encoder, text_field="headline", vector_field="of_headline"
        ),
        "remove": lambda: remove(cluster, ours, ids=["d1"]),
        "adopt": lambda: adopt_index(cluster, theirs, encoder, vector_field="body_vector"),
        # Elasticsearch lets an alias move on a full disk, and OpenSearch does not.
        **({} if full else {"switch": lambda: switch_alias(cluster, f"{ours}-alias", ours)}),
        "delete": lambda: delete_index(cluster, ours, with_alias=f"{ours}-alias"),
    }


@pytest.mark.parametrize("setting", ALLOWED)
def test_each_command_tells_the_block_and_does_nothing_by_half(either, indexes, setting):
    ours, theirs = indexes
    encoder, searcher = StubEncoder(), StubEncoder()
    full = setting.endswith("allow_delete")
    names = [ours, theirs]
    before = {name: stored(either, name) for name in names}
    mappings = either.client.indices.get_mapping(index=",".join(names))
    with blocked(either, setting, *names):
        for command, run in commands(either, ours, theirs, encoder, full=full).items():
            if command in ALLOWED[setting]:
                continue
            with pytest.raises(TandemError) as caught:
                run()
            said = str(caught.value)
            assert "\n" not in said
            assert f'{{"{setting}": null}}' in said, (command, said)
            assert ("free disk space" in said) == full
            # A cluster's block is told by what it refuses first, which may be a load's first batch.
            if command in ("ingest", "enrich") and setting.startswith("index."):
                assert encoder.encoded == [], command
        assert {name: stored(either, name) for name in names} == before
        assert either.client.indices.get_mapping(index=",".join(names)) == mappings
        assert "refresh_interval" not in settings_of(either, ours)
        with Searcher(either, ours, encoder=searcher) as found:
            assert len(found.search("question", mode="hybrid", k=3)) == 3
        assert ours in {each["index"] for each in list_indexes(either, f"{ours}*")}
        assert describe_index(either, ours)["documents"] == 5
        for command, run in commands(either, ours, theirs, encoder, full=full).items():
            if command in ALLOWED[setting]:
                run()


def test_the_command_line_ends_with_1_and_doctor_tells_it(opensearch, index_name):
    ingested(documents(3), cluster=opensearch, index=index_name, encoder=StubEncoder())
    lift = f'PUT /{index_name}/_settings {{"index.blocks.write": null}}'
    with blocked(opensearch, "index.blocks.write", index_name):
        words = ("remove", "--index", index_name, "--id", "d1", "--yes")
        done = tandem(*words, TANDEM_URL=opensearch.url)
        assert (done.code, done.out) == (1, "")
        assert f"index '{index_name}' takes no writes (index.blocks.write): lift" in done.err
        assert lift in done.err
    with blocked(opensearch, "cluster.blocks.read_only"):
        done = tandem("index", "delete", index_name, "--yes", TANDEM_URL=opensearch.url)
        assert done.code == 1
        assert "PUT /_cluster/settings" in done.err
        done = tandem("doctor", "--json", TANDEM_URL=opensearch.url)
        said = "of the whole cluster: cluster read-only"
        rows = json.loads(done.out)["findings"]
        # Other tests' indexes of the same server may have blocks of their own.
        (row,) = [f for f in rows if f["name"] == "block" and f["value"].startswith(said)]
        assert done.code == 1
        assert '{"persistent": {"cluster.blocks.read_only": null}' in row["cure"]
