"""Phrases, unwanted words, patterns and ranges, on both kinds of cluster and in both fusions."""

import pytest

from ingest import ingest
from mappings import Shape
from query import Bm25, Knn, QueryError, Searcher, Tuning
from tests.support.stubs import StubEncoder

TEXTS = {
    "engine": "The steam engine of James Watt drove pumps.",
    "apart": "An engine that runs without steam, on hot air.",
    "ship": "A ship with a steam engine crossed the sea.",
    "wool": "Sheep give wool.",
}
ALL = set(TEXTS)


@pytest.fixture(scope="module", params=["opensearch", "elasticsearch"])
def searcher(request):
    cluster, name = request.getfixturevalue(request.param), "test-query-syntax"
    rows = [
        {"id": id_, "text": text, "lang": f"l-{id_}", "year": 1700 + 50 * number}
        | {"made": f"201{number}-0{number + 4}-20T10:00:00Z"}
        for number, (id_, text) in enumerate(TEXTS.items())
    ]
    encoder = StubEncoder()
    ingest(rows, cluster=cluster, index=name, encoder=encoder, shape=Shape(replicas=0))
    with Searcher(cluster, name, encoder=encoder) as made:
        yield made
    cluster.client.indices.delete(index=name)


def ids(result):
    return {hit.id for hit in result}


@pytest.mark.parametrize("place", ["auto", "client"])
def test_phrases_and_unwanted_words(searcher, place):
    tuning = Tuning(place=place)

    def found(text, mode):
        return ids(
            searcher.search(text, mode=mode, tuning=tuning if mode == "hybrid" else Tuning())
        )

    assert found("steam engine", "bm25") == {"engine", "apart", "ship"}
    assert found('"steam engine"', "bm25") == {"engine", "ship"}
    assert found('"steam engine" -sea', "bm25") == {"engine"}
    assert found('engine -"hot air"', "bm25") == {"engine", "ship"}
    assert found("steam engine -sea", "hybrid") == {"engine", "apart", "wool"}
    assert found('"steam engine"', "hybrid") == ALL  # neighbours know no phrases
    assert found("steam engine -sea", "knn") == ALL
    best = searcher.search('"steam engine" -sea', tuning=tuning, explain=True)[0]
    assert best.id == "engine"
    marked = {text for part in best.explanation.highlights["text"] for text, hit in part if hit}
    assert marked == {"steam", "engine"}
    (answer,) = searcher.search_many([("q", "steam engine -sea")])
    assert ids(answer.result) == {"engine", "apart", "wool"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("year=1750..1800", {"apart", "ship"}),
        ("year=..1749", {"engine"}),
        ("year!=1750..", {"engine"}),
        ("lang=l-?????", {"apart"}),
        ("lang=l-*p,l-wool", {"ship", "wool"}),
        ("lang!=l-e*", {"apart", "ship", "wool"}),
        ('lang="l-*"', set()),
        ("year=*", ALL),
        ("lang!=*", set()),
        ("made=2011", {"apart"}),
        ("made=2011-05", {"apart"}),
        ("made=2010..2011", {"engine", "apart"}),
        ("made>2011", {"ship", "wool"}),
        ("made>=2011-05", {"apart", "ship", "wool"}),
        ("made<=2011-05", {"engine", "apart"}),
        ("made<2011", {"engine"}),
        ("made!=2011-05,2013", {"engine", "ship"}),
    ],
)
def test_ranges_and_patterns(searcher, condition, expected):
    assert ids(searcher.search("x", mode="knn", where=[condition])) == expected


@pytest.mark.parametrize("place", ["auto", "client"])
def test_a_minimum_cosine_holds_for_all_hits_of_a_hybrid_search(searcher, place):
    question = "engine wool sea"
    cosines = {hit.id: hit.cosine for hit in searcher.search(question, mode="knn")}
    least = sorted(cosines.values())[-2] - 1e-4
    tuning = Tuning(place=place, knn=Knn(min_cosine=least))
    near = {id_ for id_, cosine in cosines.items() if cosine >= least}
    assert len(near) == 2
    found = searcher.search(question, tuning=tuning, where=["year=*"], explain=True)
    assert ids(found) == near
    words = ids(searcher.search(question, mode="bm25"))
    assert words - near
    ranked = {
        hit.id for hit in found for leg in hit.explanation.legs if leg.leg == "bm25" and leg.rank
    }
    assert ranked == words & near


# More than any cluster of the tests takes, which is 1,024 words or, by its heap, some thousands.
PASTED = "steam engine sea " + " ".join(f"said{n}" for n in range(20_000))
MANY = "has more words than the cluster matches at once: its 100 most telling ones"


@pytest.mark.parametrize(
    ("mode", "place"), [("bm25", "auto"), ("hybrid", "auto"), ("hybrid", "client")]
)
def test_a_pasted_page_is_answered_by_its_most_telling_words(searcher, mode, place):
    asked = {"mode": mode, "tuning": Tuning(place=place), "where": ["year>=1700"], "explain": True}
    result = searcher.search(PASTED, **asked)
    (note,) = [each for each in result.notes if "words" in each]
    assert MANY in note
    found = {
        hit.id for hit in result for leg in hit.explanation.legs if leg.leg == "bm25" and leg.rank
    }
    assert found == {"engine", "apart", "ship"}
    for queries in ([("1", PASTED)], [("1", PASTED), ("2", "wool")]):
        first, *rest = searcher.search_many(queries, **asked)
        assert ids(first.result) == ids(result)
        assert MANY in " ".join(first.result.notes)
        assert all(MANY not in " ".join(each.result.notes) for each in rest)


def test_likeness_of_words_is_named_where_it_is_too_much(searcher):
    tuning = Tuning(bm25=Bm25(fuzziness="AUTO"))
    with pytest.raises(QueryError, match="by `fuzziness='AUTO'` are more than"):
        searcher.search(PASTED, mode="bm25", tuning=tuning)
    assert searcher.search(PASTED, mode="knn").notes == ()
