"""An older OpenSearch, 2.19.1 with TLS and users: what it lacks is done here, and said."""

import pytest

from cluster import AccessError
from mappings import Fusion
from query import QueryError, Searcher, Tuning
from tests.support.searches import corpus, encoder, loaded

ASKED = "the capital city of France"


@pytest.fixture(scope="module", params=[1, 3], ids=["one-shard", "three-shards"])
def books(request, secured):
    with loaded(secured, corpus(), shards=request.param) as name:
        yield name, request.param


def searched(secured, name, fusion, place="auto", **options):
    tuning = Tuning(fusion=fusion, place=place)
    with Searcher(secured, name, encoder=encoder()) as searcher:
        return searcher.search(ASKED, k=10, tuning=tuning, **options)


@pytest.mark.parametrize("fusion", [Fusion(), Fusion(technique="l2", combination="geometric_mean")])
def test_what_it_can_fuse_it_fuses_as_we_do(secured, books, fusion):
    name, _ = books
    theirs, ours = searched(secured, name, fusion), searched(secured, name, fusion, "client")
    assert theirs.fusion["place"] == "server"
    assert [h.id for h in theirs] == [h.id for h in ours]
    assert [h.score for h in theirs] == pytest.approx([h.score for h in ours], abs=1e-4)


@pytest.mark.parametrize(
    "fusion",
    [Fusion(technique="z_score"), Fusion(technique="rrf", weights=(0.4, 0.6))],
    ids=["z_score", "weighted"],
)
def test_what_came_later_is_done_here(secured, books, fusion):
    name, _ = books
    result = searched(secured, name, fusion, explain=True)
    assert result.fusion["place"] == "client"
    assert "which came with 3." in result.fusion["reason"]
    assert len(result) == 10
    with pytest.raises(QueryError, match=r"which came with 3\."):
        searched(secured, name, fusion, "server")


def test_rrf_ranks_over_all_shards_and_not_within_each(secured, books):
    name, shards = books
    result = searched(secured, name, Fusion(technique="rrf"), explain=True)
    assert result.fusion["place"] == ("server" if shards == 1 else "client")
    for hit in result:
        ranks = [leg.rank for leg in hit.explanation.legs if leg.rank]
        assert hit.score == pytest.approx(sum(1 / (60 + rank) for rank in ranks), abs=1e-6)


@pytest.mark.parametrize("mode", ["bm25", "knn", "hybrid"])
def test_many_queries_and_documents(secured, books, mode):
    name, _ = books
    with Searcher(secured, name, encoder=encoder()) as searcher:
        answers = list(searcher.search_many([("a", ASKED), ("b", "London")], mode=mode, k=5))
        assert [h.id for h in answers[0].result] == [
            h.id for h in searcher.search(ASKED, mode=mode, k=5)
        ]
        whole = searcher.search(ASKED, mode=mode, k=5, collapse=True)
    assert len(whole) == 5
    assert all(hit.others == 0 for hit in whole)


def test_a_user_who_may_not_read_the_mapping_is_told_which_permission(secured_server, secured):
    with (
        loaded(secured, corpus()[:5]) as name,
        secured_server.connect(user="readall", password="readall") as cluster,
        Searcher(cluster, name, encoder=encoder()) as searcher,
        pytest.raises(AccessError, match="indices:admin/mappings/get"),
    ):
        searcher.search(ASKED)
