"""Facets, totals, sorting, boosts and fields: alike on both clusters, in each mode and fusion."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest

from ingest import ingest
from mappings import Shape
from query import AsyncSearcher, FilterError, QueryError, Searcher, Tuning
from tests.support.stubs import StubEncoder

NOW = datetime.now(timezone.utc)
LONG = " ".join(f"leaf{n} in the wood." for n in range(200))
TEXTS = {
    "engine": ("The steam engine of James Watt.", "machine", 7, 1),
    "pump": ("A pump that a steam engine drove.", "machine", 90, 300),
    "ship": ("A ship with a steam engine.", "ship", 1000, 30),
    "wool": ("Sheep give wool.", "animal", None, 5),
    "wood": (LONG, "plant", 3, 10),
}
ROWS = [
    {"id": id_, "text": text, "kind": kind, "likes": likes, "meta": {"age": age, "of": id_}}
    | {"published": (NOW - timedelta(days=age)).isoformat()}
    for id_, (text, kind, likes, age) in TEXTS.items()
]
# Mode and place of fusion.
WAYS = [("bm25", "auto"), ("knn", "auto"), ("hybrid", "auto"), ("hybrid", "client")]
ALL = {"machine": 2, "ship": 1, "animal": 1, "plant": 1}


@pytest.fixture(scope="module", params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module", params=[1, 3], ids=["one-shard", "three-shards"])
def index(request, cluster):
    name = f"test-facets-{request.param}"
    shape = Shape(replicas=0, shards=request.param)
    ingest(ROWS, cluster=cluster, index=name, encoder=StubEncoder(), shape=shape)
    yield name
    cluster.client.indices.delete(index=name)


@pytest.fixture
def searcher(cluster, index):
    with Searcher(cluster, index, encoder=StubEncoder()) as made:
        yield made


@pytest.fixture(params=WAYS, ids="-".join)
def find(request, searcher):
    mode, place = request.param

    def found(text="steam engine", **options):
        return searcher.search(text, mode=mode, tuning=Tuning(place=place), **options)

    found.mode = mode
    return found


def ids(result):
    return [hit.document_id for hit in result]


def age(row):
    return datetime.now(timezone.utc) - datetime.fromisoformat(row["published"])


def counts(result, field="kind"):
    (facet,) = [each for each in result.facets if each.field == field]
    return {each.value: each.count for each in facet.values}


def test_values_are_counted_over_what_matches_and_not_over_the_page(find):
    result = find(facets=["kind"], total=True, collapse=True, k=1)
    expected = {"machine": 2, "ship": 1} if find.mode == "bm25" else ALL
    assert counts(result) == expected
    assert (result.total.value, result.total.exact) == (sum(expected.values()), True)
    assert len(result) == 1
    narrow = find(facets=["kind", "meta.*"], total=True, where=["kind=ship"], collapse=True)
    assert counts(narrow) == {"ship": 1}
    assert counts(narrow, "meta.of") == {"ship": 1}
    assert narrow.total.value == 1


def test_documents_count_once_where_they_are_collapsed_and_passages_else(find):
    apart, together = (find("wood", facets=["kind"], total=True, collapse=c) for c in (False, True))
    assert counts(apart)["plant"] > 2
    assert counts(together)["plant"] == 1
    assert apart.total.value > together.total.value


def test_hits_come_in_the_order_of_a_field(find):
    newest = find(sort=["published:desc"], collapse=True)
    by_age = ["engine", "wool", "wood", "ship", "pump"]
    wanted = [each for each in by_age if find.mode != "bm25" or each not in ("wool", "wood")]
    assert ids(newest) == wanted
    assert ids(find(sort=["likes"], collapse=True))[-1] == (
        "ship" if find.mode == "bm25" else "wool"
    )
    pages = [find(sort=["kind", "likes:desc"], where=["likes=*"], k=1, start=n) for n in range(2)]
    first, second = (page[0] for page in pages)
    wanted = ["pump", "engine"]
    assert [first.document_id, second.document_id] == wanted
    assert [first.rank, second.rank] == [1, 2]


def days(row, now):
    """The age of a document, which was made long before where other tests came first."""
    return (now - datetime.fromisoformat(row["published"])) / timedelta(days=1)


def test_recent_and_liked_documents_are_raised_by_the_formula_that_is_told(find):
    plain = {hit.id: hit for hit in find(k=50, where=["likes=*"])}
    for boost, share in (
        ("published:30d", lambda row, now: 2 ** (-days(row, now) / 30)),
        ("likes:100^2", lambda row, now: 2 * row["likes"] / (row["likes"] + 100)),
    ):
        now = datetime.now(timezone.utc)
        raised = find(k=50, where=["likes=*"], boost=[boost], explain=True)
        assert {hit.id for hit in raised} == plain.keys()
        scores = [hit.score for hit in raised]
        assert scores == sorted(scores, reverse=True)
        for hit in raised:
            (row,) = [each for each in ROWS if each["id"] == hit.document_id]
            before = plain[hit.id].score
            wanted = before + abs(before) * share(row, now)
            assert hit.score == pytest.approx(wanted, abs=2e-4)
            assert hit.explanation.computed == pytest.approx(hit.score, abs=2e-4)
            if find.mode == "knn":
                assert hit.cosine == pytest.approx(before, abs=1e-5)
        assert raised.notes == ()
    page = find(k=2, start=1, boost=["likes:100^2"], where=["likes=*"])
    assert [hit.id for hit in page] == [hit.id for hit in raised[1:3]]
    alone = find(where=["kind=animal", "meta.age=5"], boost=["likes"])
    assert all(hit.boost in (None, 1.0) for hit in alone)


def test_hits_carry_the_fields_that_were_asked_for_and_keep_their_text(find):
    whole = find(k=3)
    some = find(k=3, source=["kind", "meta.*", "-meta.age"])
    assert [hit.text for hit in some] == [hit.text for hit in whole]
    assert ids(some) == ids(whole)
    for hit in some:
        assert hit.source == {"kind": TEXTS[hit.document_id][1], "meta": {"of": hit.document_id}}
    assert all("text" not in hit.source for hit in find(source=["-text"]))


def test_coroutines_and_many_queries_get_the_same(cluster, index, searcher):
    asked = {"facets": ["kind"], "total": True, "sort": ["likes:desc"], "collapse": True}
    expected = searcher.search("steam engine", **asked)
    (answer,) = searcher.search_many([("q", "steam engine")], **asked)

    async def alone():
        async with AsyncSearcher(cluster, index, encoder=StubEncoder()) as searching:
            return await searching.search("steam engine", **asked)

    for found in (answer.result, asyncio.run(alone())):
        assert ids(found) == ids(expected)
        assert (found.total, found.facets) == (expected.total, expected.facets)


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({"facets": ["text"]}, FilterError, "is full text, whose values cannot be counted"),
        ({"facets": ["knd"]}, FilterError, "did you mean kind"),
        ({"sort": ["vector"]}, FilterError, "whose values cannot be sorted by"),
        ({"boost": ["published"]}, QueryError, "write it as published:30d"),
        ({"boost": ["kind"]}, QueryError, "is of type keyword and raises no score"),
        ({"boost": ["likes:many"]}, QueryError, "'many' is no number above 0"),
        ({"boost": ["likes"], "sort": ["likes"]}, QueryError, "leave out one of them"),
        ({"sort": ["likes"], "explain": True}, QueryError, "leave out `explain` or `sort`"),
    ],
)
def test_what_cannot_be_counted_or_ordered_is_one_sentence(searcher, asked, kind, said):
    with pytest.raises(kind, match=said):
        searcher.search("steam", **asked)
