"""Searches as a user who may see some documents only, on a real secured OpenSearch."""

import pytest

from query import Searcher
from tests.support.searches import corpus, encoder, loaded

USER, PASSWORD = "geographer", "Only-geography-2026!"


@pytest.fixture(scope="module")
def books(secured):
    with loaded(secured, corpus()[:120]) as name:
        yield name


@pytest.fixture(scope="module")
def geographer(secured, secured_server, books):
    """A Cluster as a user whose role has document-level security: he sees geography alone."""
    put = secured.client.transport.perform_request
    api = "/_plugins/_security/api"
    role = {
        "cluster_permissions": ["cluster_composite_ops_ro"],
        "index_permissions": [
            {
                "index_patterns": [books],
                "allowed_actions": ["read", "indices:admin/mappings/get", "indices:admin/get"],
                "dls": '{"term": {"subject": "geography"}}',
            }
        ],
    }
    put("PUT", f"{api}/roles/{USER}", body=role)
    put("PUT", f"{api}/internalusers/{USER}", body={"password": PASSWORD})
    put("PUT", f"{api}/rolesmapping/{USER}", body={"users": [USER]})
    with secured_server.connect(user=USER, password=PASSWORD) as cluster:
        yield cluster


def test_scores_that_security_has_raised_are_shown_as_no_cosine(geographer, secured, books):
    with Searcher(secured, books, encoder=encoder()) as searcher:
        whole = searcher.search("of the city", mode="knn", k=5, where=("subject=geography",))
    with Searcher(geographer, books, encoder=encoder()) as searcher:
        result = searcher.search("of the city", mode="knn", k=5, explain=True)
        both = searcher.search("of the city", mode="hybrid", k=5, explain=True)
    assert [hit.id for hit in result] == [hit.id for hit in whole]
    for hit, seen in zip(result, whole, strict=True):
        assert hit.score == hit.raw_score == pytest.approx(seen.raw_score + 1, abs=1e-5)
        assert hit.cosine is None
        assert hit.explanation.legs[0].cosine is None
    for found in (result, both):
        assert any("document-level security" in note for note in found.notes)
    assert {hit.source["subject"] for hit in (*result, *both)} == {"geography"}
    assert all(leg.cosine is None for hit in both for leg in hit.explanation.legs)


def test_scores_of_a_user_who_sees_all_are_cosines(secured, books):
    with Searcher(secured, books, encoder=encoder()) as searcher:
        result = searcher.search("of the city", mode="knn", k=5)
    assert all(hit.cosine == hit.score <= 1 for hit in result)
    assert result.notes == ()
