"""Blocks of an index and of a whole cluster: told in one sentence, before any work is done."""

import json
from contextlib import contextmanager

import pytest

from ingest import (
    adopt_index,
    create_index,
    delete_index,
    describe_index,
    enrich,
    list_indexes,
    remove,
    switch_alias,
)
from mappings import Fusion
from query import Searcher, SearchSettings, put_pipeline, put_search_settings
from tandem.base.errors import TandemError
from tests.integration.ingest.existing.books import make_books, make_index
from tests.support.commands import tandem
from tests.support.loads import documents, ingested, settings_of, stored
from tests.support.stubs import StubEncoder

# The setting -> the commands that go on in spite of it.
ALLOWED = {
    "index.blocks.write": {"adopt", "tune", "switch", "delete"},
    "index.blocks.read_only": set(),
    # A full disk's, which lets go what frees some.
    "index.blocks.read_only_allow_delete": {"delete"},
    "cluster.blocks.read_only": set(),
}

HEADLINES = {"text_field": "headline", "vector_field": "of_headline"}


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
    """Tandem's own, one of others with vectors of the same encoder, and one that was enriched."""
    encoder = StubEncoder()
    ours, theirs, enriched = (f"{index_name}-{each}" for each in ("ours", "theirs", "enriched"))
    ingested(documents(5), cluster=either, index=ours, encoder=encoder)
    make_books(either, theirs, encoder.encode_passages)
    make_index(either, enriched, {"body": {"type": "text"}}, [{"body": "one"}])
    enrich(either, enriched, encoder, text_field="body")
    either.client.index(index=enriched, id="new", body={"body": "two"}, refresh=True)
    return ours, theirs, enriched


def commands(cluster, names, encoder, setting):
    """What changes something, by name, under a block."""
    ours, theirs, enriched = names
    index = {
        "ingest": lambda: ingested(documents(8), cluster=cluster, index=ours, encoder=encoder),
        "enrich": lambda: enrich(cluster, theirs, encoder, **HEADLINES),
        "enrich again": lambda: enrich(cluster, enriched, encoder),
        "remove": lambda: remove(cluster, ours, ids=["d1"]),
        "adopt": lambda: adopt_index(cluster, theirs, encoder, vector_field="body_vector"),
        "tune": lambda: put_search_settings(cluster, ours, SearchSettings(depth=20)),
        "switch": lambda: switch_alias(cluster, f"{ours}-alias", ours),
        "delete": lambda: delete_index(cluster, ours, with_alias=f"{ours}-alias"),
    }
    if setting.startswith("index."):
        return index
    whole = {
        "create": lambda: create_index(cluster, f"{ours}-2", encoder),
        "copy": lambda: enrich(cluster, theirs, encoder, **HEADLINES, copy_to=f"{theirs}-2"),
        "load": lambda: ingested(documents(3), cluster=cluster, alias=ours[:-5], encoder=encoder),
    }
    if cluster.capabilities.distribution == "opensearch":
        whole["pipeline"] = lambda: put_pipeline(cluster, f"{ours}-pipeline", Fusion())
    return index | whole


@pytest.mark.parametrize("setting", ALLOWED)
def test_each_command_tells_the_block_and_does_nothing_by_half(either, indexes, setting):
    ours, encoder, searcher = indexes[0], StubEncoder(), StubEncoder()
    full = setting.endswith("allow_delete")
    allowed = ALLOWED[setting]
    if full and either.capabilities.distribution == "elasticsearch":
        allowed = allowed | {"tune", "switch"}  # on a full disk it stops documents alone
    before = {name: stored(either, name) for name in indexes}
    mappings = either.client.indices.get_mapping(index=f"{ours[:-5]}*")
    with blocked(either, setting, *indexes):
        for command, run in commands(either, indexes, encoder, setting).items():
            if command in allowed:
                continue
            with pytest.raises(TandemError) as caught:
                run()
            said = str(caught.value)
            assert "\n" not in said
            assert f'{{"{setting}": null}}' in said, (command, said)
            assert ("free disk space" in said) == full
            assert command == "adopt" or encoder.encoded == [], command
            encoder.encoded.clear()
        assert {name: stored(either, name) for name in indexes} == before
        assert either.client.indices.get_mapping(index=f"{ours[:-5]}*") == mappings
        assert "refresh_interval" not in settings_of(either, ours)
        with Searcher(either, ours, encoder=searcher) as found:
            assert len(found.search("question", mode="hybrid", k=3)) == 3
        assert ours in {each["index"] for each in list_indexes(either, f"{ours}*")}
        assert describe_index(either, ours)["documents"] == 5
        for command, run in commands(either, indexes, encoder, setting).items():
            if command in allowed:
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
