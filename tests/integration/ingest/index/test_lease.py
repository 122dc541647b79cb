"""Two loaders of one alias: the one that slept is refused, and harms nothing of the other."""

import pytest

from ingest import LostPlaceError, Plan
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
