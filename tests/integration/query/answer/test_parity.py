"""Fused by the cluster or by us: the same hits, the same scores, for everything both can do."""

from contextlib import contextmanager

import pytest

from mappings import Fusion
from query import Knn, Searcher, Tuning
from tests.support.searches import corpus, cosines, encoder, loaded, queries

COUNT, TOP = 200, 10
# Of fusions that nobody gets unasked, and of other ways to ask, every eighth query: what differs is
# how scores are added up.
FEW = 8
AGREEMENT = 1e-4
# Scores this near may come in either order: lucene's cosine of one vector itself moves so far.
TIE = 1e-6
MEANS = ("arithmetic_mean", "geometric_mean", "harmonic_mean")
FUSIONS = [
    *(
        Fusion(technique=technique, combination=mean)
        for technique in ("min_max", "l2")
        for mean in MEANS
    ),
    Fusion(technique="min_max", weights=(0.5, 0.5)),
    Fusion(technique="min_max", weights=(0.0, 1.0)),
    Fusion(technique="z_score"),
    Fusion(technique="z_score", weights=(0.6, 0.4)),
    Fusion(technique="rrf"),
    Fusion(technique="rrf", rank_constant=5, weights=(0.2, 0.8)),
]


@pytest.fixture(scope="module", params=[1, 3], ids=["one-shard", "three-shards"])
def index(request, opensearch):
    with loaded(opensearch, corpus(), shards=request.param) as name:
        yield name


def asked():
    """200 texts: the queries of examples/, and titles of its passages."""
    texts = [*queries(), *(row["title"] for row in corpus())]
    return [(str(n), text) for n, text in enumerate(dict.fromkeys(texts))][:COUNT]


def answers(searcher, fusion, place, depth, every=FEW, knn=Knn(), **options):  # noqa: B008 - frozen
    tuning = Tuning(knn=knn, fusion=fusion, place=place, depth=depth)
    found = list(
        searcher.search_many(asked()[::every], k=TOP + 5, tuning=tuning, source=False, **options)
    )
    assert {answer.result.fusion["place"] for answer in found} == {place}
    return found


def same_but_for_ties(ours, theirs):
    """Whether the first hits are the same; of equal scores, in any order and across the cut."""
    scores = {hit.id: hit.score for hit in ours}
    for mine, other in zip(ours[:TOP], theirs[:TOP], strict=True):
        if mine.id != other.id and abs(scores.get(other.id, mine.score) - mine.score) > TIE:
            return False
        if other.id not in scores and abs(other.score - ours[-1].score) > TIE:
            return False
    return True


@pytest.mark.parametrize("depth", [15, 100])
@pytest.mark.parametrize(
    "fusion", FUSIONS, ids=lambda f: f"{f.technique}-{f.combination}-{f.weights}"
)
def test_queries_rank_the_same(opensearch, index, fusion, depth):
    every = 1 if fusion == Fusion() else FEW
    with Searcher(opensearch, index, encoder=encoder()) as searcher:
        theirs = answers(searcher, fusion, "server", depth, every)
        ours = answers(searcher, fusion, "client", depth, every)
    assert len(ours) == len(theirs) == COUNT // every
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = mine.result.hits, other.result.hits
        assert len(mine) == len(other) == TOP + 5
        apart = max(abs(a.score - b.score) for a, b in zip(mine, other, strict=True))
        assert apart < AGREEMENT
        assert same_but_for_ties(mine, other)


def test_with_a_filter_and_on_a_later_page(opensearch, index):
    where = ("subject=law,geography,history",)
    with Searcher(opensearch, index, encoder=encoder()) as searcher:
        theirs = answers(searcher, Fusion(), "server", 60, where=where, start=10)
        ours = answers(searcher, Fusion(), "client", 60, where=where, start=10)
    for mine, other in zip(ours, theirs, strict=True):
        assert len(mine.result) == len(other.result) > 0
        for a, b in zip(mine.result, other.result, strict=True):
            assert a.score == pytest.approx(b.score, abs=AGREEMENT)


@contextmanager
def both(cluster):
    """Two indexes, of 1 and of 3 shards, as an alias and as a list of names."""
    rows = corpus()
    with loaded(cluster, rows[:80]) as one, loaded(cluster, rows[80:], shards=3) as other:
        alias = f"{one}-both"
        for index in (one, other):
            cluster.client.indices.put_alias(index=index, name=alias)
        yield alias, f"{one},{other}"


def test_an_alias_of_two_indexes_ranks_the_same(opensearch):
    with both(opensearch) as names:
        for name in names:
            with Searcher(opensearch, name, encoder=encoder()) as searcher:
                theirs = answers(searcher, Fusion(), "server", 15)
                ours = answers(searcher, Fusion(), "client", 15)
                explained = searcher.search(asked()[0][1], explain=True, tuning=Tuning(depth=15))
            for mine, other in zip(ours, theirs, strict=True):
                mine, other = mine.result.hits, other.result.hits
                apart = max(abs(a.score - b.score) for a, b in zip(mine, other, strict=True))
                assert apart < AGREEMENT
                assert same_but_for_ties(mine, other)
            assert explained.notes == ()


def ids_of_shards(cluster, index, count):
    """The ids of each shard's passages."""
    for shard in range(count):
        found = cluster.client.search(
            index=index, body={"size": 400, "_source": False}, preference=f"_shards:{shard}"
        )
        yield [hit["_id"] for hit in found["hits"]["hits"]]


def test_an_alias_of_two_indexes_has_candidates_of_each_shard_on_elasticsearch(elasticsearch):
    depth, fusion, all_of_them = 15, Fusion(weights=(0.0, 1.0)), Knn(ef_search=400)
    with both(elasticsearch) as (alias, names):
        with Searcher(elasticsearch, alias, encoder=encoder()) as searcher:
            found = answers(searcher, fusion, "client", depth, knn=all_of_them)
        shards = [
            ids
            for name, count in zip(names.split(","), (1, 3), strict=True)
            for ids in ids_of_shards(elasticsearch, name, count)
        ]
    assert sum(map(len, shards)) == len(corpus())
    for answer in found:
        exact = cosines(answer.query.text, corpus(), encoder())
        best = [sorted((exact[each] for each in ids), reverse=True)[:depth] for ids in shards]
        low, high = min(map(min, best)), max(map(max, best))
        for hit in answer.result:
            wanted = max(0.001, (exact[hit.id] - low) / (high - low))
            assert hit.score == pytest.approx(wanted, abs=1e-3)


def test_a_pipeline_of_the_cluster_is_the_same_as_the_inline_one(opensearch, index):
    from query.search.pipeline import put_pipeline

    fusion = Fusion(technique="l2", combination="harmonic_mean", weights=(0.4, 0.6))
    name = f"{index}-fuses"
    body = put_pipeline(opensearch, name, fusion)
    stored = opensearch.client.transport.perform_request("GET", f"/_search/pipeline/{name}")
    assert stored[name] == body
    try:
        with Searcher(opensearch, index, encoder=encoder()) as searcher:
            named = searcher.search("Paris", tuning=Tuning(pipeline=name), explain=True)
            inline = searcher.search("Paris", tuning=Tuning(fusion=fusion))
        assert [h.id for h in named] == [h.id for h in inline]
        assert [h.score for h in named] == pytest.approx([h.score for h in inline], abs=1e-6)
        assert named.fusion["pipeline"] == name
        assert named.fusion["technique"] == "l2"
        for hit in named:
            assert hit.explanation.computed == pytest.approx(hit.score, abs=1e-6)
        assert named.notes == ()
    finally:
        opensearch.client.transport.perform_request("DELETE", f"/_search/pipeline/{name}")
