"""Where a hybrid search is fused follows from what the cluster can do."""

import re

import pytest

from mappings import Fusion
from query.body.hybrid import place_of_fusion
from query.errors import QueryError
from query.question import Question, Tuning
from tests.unit.query.targets import ELASTICSEARCH, opensearch, target

Z, RRF, WEIGHTED = (
    Fusion(technique="z_score"),
    Fusion(technique="rrf"),
    Fusion(technique="rrf", weights=(0.3, 0.7)),
)


@pytest.mark.parametrize(
    ("can", "fusion", "shards", "reason"),
    [
        (opensearch((3, 6, 0)), Fusion(), 1, None),
        (opensearch((3, 6, 0)), RRF, 3, None),
        (opensearch((3, 6, 0)), Z, 3, None),
        (opensearch((2, 19)), Fusion(technique="l2"), 3, None),
        (opensearch((3, 0)), Z, 3, None),
        (opensearch((2, 19, 1)), RRF, 1, None),
        (opensearch((2, 19, 1)), RRF, 2, r"before OpenSearch 3\.5 rrf ranks within each shard"),
        (opensearch((3, 4, 0)), RRF, 2, r"before OpenSearch 3\.5"),
        (opensearch((3, 5, 0)), RRF, 2, None),
        (opensearch((3, 0, 0)), WEIGHTED, 1, r"no weights of rrf, which came with 3\.1"),
        (opensearch((3, 1, 0)), WEIGHTED, 1, None),
        (opensearch((2, 19, 1)), Z, 1, r"no z_score, which came with 3\.0"),
        (opensearch((2, 18)), Fusion(), 1, "no pagination_depth"),
        (opensearch((3, 6, 0), neural=False), Fusion(), 1, "neural-search plugin is missing"),
        (opensearch(()), Fusion(), 1, "does not tell its version"),
        (opensearch((3, 6, 0)), Fusion(), 513, "513 shards are more than a hybrid query takes"),
        (ELASTICSEARCH, Fusion(), 1, "Elasticsearch has no hybrid query"),
    ],
)
def test_the_cluster_decides_and_can_be_forced(can, fusion, shards, reason):
    books = target(shards=shards)
    place = place_of_fusion(Question("a", tuning=Tuning(fusion=fusion)), books, can)
    assert place.on_server is (reason is None)
    assert place_of_fusion(
        Question("a", tuning=Tuning(fusion=fusion, place="client")), books, can
    ) == type(place)(False, "as asked")
    forced = Question("a", tuning=Tuning(fusion=fusion, place="server"))
    if reason is None:
        assert place_of_fusion(forced, books, can).on_server
        return
    with pytest.raises(QueryError, match=f"cannot fuse this search: .*{reason}.*`place`"):
        place_of_fusion(forced, books, can)
    assert re.search(reason, place.reason)


def test_a_pipeline_wants_the_server():
    question = Question("a", tuning=Tuning(pipeline="mine"))
    place = place_of_fusion(question, target(), opensearch((3, 6, 0)))
    assert place.on_server
    assert "mine" in place.reason
    with pytest.raises(QueryError, match="leave out `pipeline`"):
        place_of_fusion(question, target(), ELASTICSEARCH)
