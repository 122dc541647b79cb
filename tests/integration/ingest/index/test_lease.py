"""Two loaders of one alias: the one that slept is refused, and harms nothing of the other."""

from dataclasses import asdict

import pytest

from ingest import IndexRefusedError, LostPlaceError, Plan
from ingest.index.note import Note
from mappings import LOADING
from tests.support.loads import documents, ingested, meta_of, settings_of, silence, stored
from tests.support.stubs import StubEncoder


@pytest.mark.long
def test_a_loader_that_slept_stops_before_it_writes_on(opensearch, index_name):
    fill = {"cluster": opensearch, "alias": index_name}
    done = []

    def slept():
        yield from documents(5)
        (index,) = opensearch.client.indices.get(index=f"{index_name}-*")
        silence(opensearch, index)
        done.append(ingested(documents(8), encoder=StubEncoder(), **fill))
        yield {"id": "late", "text": "of the one that slept"}

    with pytest.raises(LostPlaceError, match="lost its place"):
        ingested(slept(), encoder=StubEncoder(), **fill)
    index = done[0].index
    assert list(opensearch.client.indices.get_alias(name=index_name)) == [index]
    assert stored(opensearch, index_name).keys() == {f"d{n}" for n in range(8)}
    assert LOADING not in meta_of(opensearch, index)
    assert "refresh_interval" not in settings_of(opensearch, index)
    assert opensearch.client.indices.get_alias(index=index)[index]["aliases"].keys() == {index_name}


def test_an_owners_settings_come_back_exactly(opensearch, index_name):
    ingested(documents(2), cluster=opensearch, index=index_name, encoder=StubEncoder())
    mine = {"index": {"refresh_interval": "9s", "auto_expand_replicas": "0-1"}}
    opensearch.client.indices.put_settings(index=index_name, body=mine)
    ingested(
        documents(3),
        cluster=opensearch,
        index=index_name,
        encoder=StubEncoder(),
        plan=Plan(relax=True),
    )
    found = settings_of(opensearch, index_name)
    assert (found["refresh_interval"], found["auto_expand_replicas"]) == ("9s", "0-1")


def put_note(cluster, index, **settings):
    """Somebody's note of a load, in an index that is as one which is being loaded."""
    meta = {**meta_of(cluster, index), LOADING: asdict(Note(settings=settings))}
    cluster.client.indices.put_mapping(index=index, body={"_meta": meta})
    relaxed = {"refresh_interval": "-1", "number_of_replicas": "0"}
    cluster.client.indices.put_settings(index=index, body={"index": relaxed})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number_of_replicas", "100000"),  # more shards than the cluster may have
        ("number_of_replicas", "99999999999"),
        ("number_of_replicas", "-1"),
        ("refresh_interval", "10y"),
        ("auto_expand_replicas", "yes"),
    ],
)
def test_a_hostile_note_is_one_sentence_with_a_cure_that_helps(either, index_name, name, value):
    load = {"cluster": either, "index": index_name, "encoder": StubEncoder()}
    ingested(documents(2), **load)
    put_note(either, index_name, **{name: value})
    said = f"^index '{index_name}' has a note of a load in its mapping's _meta .*{name}.*{value}"
    for _ in range(2):
        with pytest.raises(IndexRefusedError, match=f"{said}.*: set refresh_interval.* put the"):
            ingested(documents(3), **load, plan=Plan(relax=True))
    meta = {key: each for key, each in meta_of(either, index_name).items() if key != LOADING}
    either.client.indices.put_mapping(index=index_name, body={"_meta": meta})
    ours = {"refresh_interval": None, "number_of_replicas": "0"}
    either.client.indices.put_settings(index=index_name, body={"index": ours})
    assert ingested(documents(3), **load, plan=Plan(relax=True)).held == 3
    assert "refresh_interval" not in settings_of(either, index_name)
    assert LOADING not in meta_of(either, index_name)


def test_replicas_are_kept_where_that_is_asked(opensearch, index_name):
    seen = []

    def watched():
        yield from documents(3)
        seen.append(settings_of(opensearch, index_name))

    ingested(documents(1), cluster=opensearch, index=index_name, encoder=StubEncoder(), plan=Plan())
    replicas = {"index": {"number_of_replicas": "1"}}
    opensearch.client.indices.put_settings(index=index_name, body=replicas)
    plan = Plan(relax=True, keep_replicas=True)
    ingested(watched(), cluster=opensearch, index=index_name, encoder=StubEncoder(), plan=plan)
    (during,) = seen
    assert (during["number_of_replicas"], during["refresh_interval"]) == ("1", "-1")
    after = settings_of(opensearch, index_name)
    assert (after["number_of_replicas"], "refresh_interval" in after) == ("1", False)
    assert LOADING not in meta_of(opensearch, index_name)
