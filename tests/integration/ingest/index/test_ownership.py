"""What an alias's load may delete and change: only what carries its mark, looked at just before."""

import json
import time
from dataclasses import asdict

import pytest

from cluster import connect
from ingest import IndexRefusedError, Plan
from ingest.index.aliases import alias as aliases
from ingest.index.aliases.alias import switch
from ingest.index.aliases.generations import delete, generations, older
from ingest.index.note import Note
from ingest.index.open import create_index
from mappings import LOADING, Shape
from tests.servers.flaky import FlakyProxy
from tests.support.commands import tandem
from tests.support.loads import documents, ingested, meta_of
from tests.support.stubs import StubEncoder

# What others may have given an alias; the index's documents have these fields.
TRAITS = {
    "filter": {"range": {"year": {"gte": 1903}}},
    "index_routing": "1",
    "search_routing": "1",
    "is_write_index": True,
    "is_hidden": True,
}


def fill(cluster, alias, count=3, **plan):
    return ingested(
        documents(count), cluster=cluster, alias=alias, encoder=StubEncoder(), plan=Plan(**plan)
    )


def point(cluster, index, alias, **traits):
    action = {"add": {"index": index, "alias": alias, **traits}}
    cluster.client.indices.update_aliases(body={"actions": [action]})


def behind(cluster, alias):
    """Where it points, and what it is there."""
    found = cluster.client.indices.get_alias(name=alias)
    return {index: each["aliases"][alias] for index, each in found.items()}


def there(cluster, *names):
    return [bool(cluster.client.indices.exists(index=name)) for name in names]


def test_an_index_of_others_is_not_deleted_for_its_name(either, index_name):
    foreign = f"{index_name}-20200101000000"
    either.client.indices.create(index=foreign)
    first = fill(either, index_name).index
    second = fill(either, index_name, keep=0)
    assert second.deleted == (first,)
    assert switch(either, index_name, second.index, keep=0).gone == ()
    assert there(either, foreign, first, second.index) == [True, False, True]


def test_an_index_that_serves_another_alias_is_not_deleted(either, index_name):
    first = fill(either, index_name).index
    point(either, first, f"{index_name}-other")
    assert fill(either, index_name, keep=0).deleted == ()
    assert there(either, first) == [True]


def test_an_index_of_another_alias_is_not_deleted(either, index_name):
    """Its name begins like ours: it was loaded for an alias that has a time stamp in its name."""
    name = f"{index_name}-20200101000000"
    create_index(either, name, StubEncoder(), shape=Shape(replicas=0), note=Note("b"))
    assert fill(either, index_name, keep=0).deleted == ()
    assert there(either, f"{index_name}-20200101000000") == [True]


def test_a_copy_of_an_index_is_not_deleted(opensearch, index_name):
    first = fill(opensearch, index_name).index
    copy = f"{index_name}-20200101000000"
    block = {"index.blocks.write": True}
    opensearch.client.indices.put_settings(index=first, body=block)
    opensearch.client.indices.clone(index=first, target=copy, body={"settings": {}})
    assert meta_of(opensearch, copy) == meta_of(opensearch, first)
    assert fill(opensearch, index_name, keep=0).deleted == (first,)
    assert there(opensearch, copy) == [True]


def test_what_older_versions_made_stays_and_is_told(either, index_name):
    first = fill(either, index_name).index
    meta = meta_of(either, first)
    del meta["tandem"]["generation"]
    either.client.indices.put_mapping(index=first, body={"_meta": meta})
    report = fill(either, index_name, keep=0)
    assert report.deleted == ()
    assert there(either, first) == [True]
    assert any(f"`delete_index(cluster, {first!r})`" in each for each in report.warnings)


def test_the_index_before_is_no_load_that_was_given_up(either, index_name):
    """A kill between the switch and the end of a load leaves its note in the live index."""
    first = fill(either, index_name).index
    meta = {**meta_of(either, first), LOADING: asdict(Note(index_name))}
    either.client.indices.put_mapping(index=first, body={"_meta": meta})
    assert fill(either, index_name, keep=1).deleted == ()
    assert there(either, first) == [True]


def test_each_is_looked_at_again_just_before_it_is_deleted(either, index_name):
    names = [fill(either, index_name).index for _ in range(4)]
    found = generations(either, index_name)
    planned = older(
        found, index_name, live=[names[3]], before=int(time.time() * 1e3) + 60_000, keep=1
    )
    assert planned.gone == tuple(names[:3])
    # In between: one gets an alias, one is made anew by others.
    point(either, names[0], f"{index_name}-late")
    either.client.indices.delete(index=names[1])
    meta = found[names[1]]["mappings"]
    either.client.indices.create(index=names[1], body={"mappings": {"_meta": meta["_meta"]}})
    done = delete(either, index_name, found, planned, live=names[3])
    assert done.gone == (names[2],)
    assert there(either, *names) == [True, True, False, True]
    assert "late" in done.notes[0]
    assert "made anew" in done.notes[1]


def test_a_dry_run_names_what_would_go(opensearch_server, opensearch, index_name, tmp_path, minilm):
    environ = {k: v for k, v in opensearch_server.environment.items() if k.startswith("TANDEM_")}
    first, second = (fill(opensearch, index_name).index for _ in range(2))
    words = ("index", "switch", index_name, second, "--keep", "0", "--dry-run")
    done = tandem(*words, **environ)
    assert f"would delete {first}" in done.out
    assert json.loads(tandem(*words, "--json", **environ).out)["deleted"] == [first]
    source = tmp_path / "a.jsonl"
    source.write_text(json.dumps(documents(1)[0]))
    ingest = ("ingest", source, "--alias", index_name, "--keep", "1", "--model", minilm)
    done = tandem(*ingest, "--dry-run", "--json", **environ)
    assert json.loads(done.out)["deleted"] == [first]
    assert first in tandem(*ingest, "--dry-run", **environ).out
    assert there(opensearch, first, second) == [True, True]
    assert list(behind(opensearch, index_name)) == [second]


def test_an_alias_keeps_what_it_is(either, index_name):
    first = fill(either, index_name, 10).index
    point(either, first, index_name, **TRAITS)
    before = behind(either, index_name)[first]
    assert before.keys() == TRAITS.keys()
    second = fill(either, index_name, 10).index
    assert behind(either, index_name) == {second: before}
    either.client.indices.refresh(index=second)
    assert either.client.count(index=index_name)["count"] == 7
    switch(either, index_name, first, keep=None)
    assert behind(either, index_name) == {first: before}
    # Once more to where it points already.
    switch(either, index_name, first, keep=None)
    assert behind(either, index_name) == {first: before}


def test_the_write_index_of_several_is_replaced_in_one_step(either, index_name):
    first, second = (fill(either, index_name).index for _ in range(2))
    point(either, first, index_name, is_write_index=True)
    point(either, second, index_name, is_write_index=False)
    third = fill(either, index_name).index
    assert behind(either, index_name) == {third: {"is_write_index": True}}


def test_filters_that_differ_are_not_guessed(either, index_name):
    first, second = (fill(either, index_name).index for _ in range(2))
    point(either, first, index_name, filter=TRAITS["filter"])
    before = behind(either, index_name)
    with pytest.raises(IndexRefusedError, match="another filter or routing"):
        fill(either, index_name)
    with pytest.raises(IndexRefusedError, match="another filter or routing"):
        switch(either, index_name, second, keep=None)
    assert behind(either, index_name) == before


def test_an_alias_of_others_is_not_taken_from_them(either, index_name):
    foreign = f"{index_name}-logs"
    either.client.indices.create(index=foreign)
    point(either, foreign, index_name, filter=TRAITS["filter"])
    encoder = StubEncoder()
    with pytest.raises(IndexRefusedError, match=rf"points to {foreign}, which Tandem did not make"):
        ingested(documents(3), cluster=either, alias=index_name, encoder=encoder)
    assert encoder.encoded == []
    ready = fill(either, f"{index_name}-ready").index
    with pytest.raises(IndexRefusedError, match="Tandem did not make"):
        switch(either, index_name, ready, keep=0)
    assert list(behind(either, index_name)) == [foreign]
    taken = fill(either, index_name, take_alias=True).index
    assert behind(either, index_name) == {taken: {"filter": TRAITS["filter"]}}


def test_an_alias_that_others_gave_an_index_meanwhile_is_not_taken(either, index_name):
    """The load began before: at its end the alias is looked at again."""
    foreign = f"{index_name}-logs"
    either.client.indices.create(index=foreign)

    def late():
        yield from documents(2)
        point(either, foreign, index_name)

    with pytest.raises(IndexRefusedError, match="Tandem did not make"):
        ingested(late(), cluster=either, alias=index_name, encoder=StubEncoder())
    assert list(behind(either, index_name)) == [foreign]


def moved_meanwhile(cluster, alias, index, actions):
    """Switch, and have others change the alias between the look at it and the switch itself."""
    done = []

    def passed(path, body):
        if not done and path == f"/{alias}":
            done.append(path)
            cluster.client.indices.update_aliases(body={"actions": actions})

    with (
        FlakyProxy(cluster.url, lambda number: None, passed=passed) as proxy,
        connect(proxy.url) as slow,
    ):
        return switch(slow, alias, index, keep=0)


def test_an_alias_that_others_move_at_this_moment_stays_with_them(either, index_name):
    first, second = (fill(either, index_name).index for _ in range(2))
    foreign = f"{index_name}-logs"
    either.client.indices.create(index=foreign)
    added = {"add": {"index": foreign, "alias": index_name}}
    moved = [{"remove": {"index": second, "alias": index_name}}, added]
    said = rf"somebody else moved the alias .*\(to {foreign}\), so it was not switched"
    with pytest.raises(IndexRefusedError, match=said):
        moved_meanwhile(either, index_name, first, moved)
    assert list(behind(either, index_name)) == [foreign]
    back = [{"remove": {"index": foreign, "alias": index_name}}]
    point(either, second, index_name)
    either.client.indices.update_aliases(body={"actions": back})
    older = moved_meanwhile(either, index_name, first, [added])
    assert set(behind(either, index_name)) == {first, foreign}
    assert f"points to {foreign} too" in older.notes[0]
    assert (older.gone, there(either, first, second)) == ((), [True, True])


def test_the_command_says_how_to_take_an_alias(opensearch, index_name):
    foreign = f"{index_name}-logs"
    opensearch.client.indices.create(index=foreign)
    point(opensearch, foreign, index_name)
    ready = fill(opensearch, f"{index_name}-ready").index
    words = ("index", "switch", index_name, ready)
    done = tandem(*words, TANDEM_URL=opensearch.url)
    assert (done.code, "--take-alias" in done.err) == (1, True)
    assert list(behind(opensearch, index_name)) == [foreign]
    assert tandem(*words, "--take-alias", TANDEM_URL=opensearch.url).code == 0
    assert list(behind(opensearch, index_name)) == [ready]


def test_an_alias_of_several_is_loaded_by_its_write_index(either, index_name):
    given = {"cluster": either, "encoder": StubEncoder()}
    for name in ("a", "b"):
        create_index(either, f"{index_name}-{name}", StubEncoder(), shape=Shape(replicas=0))
        point(either, f"{index_name}-{name}", index_name)
    with pytest.raises(IndexRefusedError, match="has no write index"):
        ingested(documents(2), index=index_name, **given)
    point(either, f"{index_name}-b", index_name, is_write_index=True)
    assert ingested(documents(2), index=index_name, **given).index == f"{index_name}-b"
    assert either.client.count(index=f"{index_name}-a")["count"] == 0
    point(either, f"{index_name}-a", f"{index_name}-read", is_write_index=False)
    with pytest.raises(IndexRefusedError, match="not to be written through"):
        ingested(documents(2), index=f"{index_name}-read", **given)


def test_an_alias_whose_indexes_would_have_too_long_names(opensearch, index_name):
    alias = index_name + "a" * (241 - len(index_name))
    with pytest.raises(IndexRefusedError, match=r"256 bytes.*at most 255.*shorter alias"):
        fill(opensearch, alias)
    assert fill(opensearch, alias[:-1]).alias == alias[:-1]
    assert aliases.read_alias(opensearch, alias[:-1]).strangers == []
