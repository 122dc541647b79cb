"""The same searches on OpenSearch and Elasticsearch, through the same Python interface."""

import asyncio
import threading

import numpy as np
import pytest

from mappings import LOADING, Fusion
from query import AsyncSearcher, Bm25, Knn, Query, Rerank, Searcher, Tuning
from tests.support.searches import DIM, corpus, cosines, encoder, loaded, queries
from tests.support.stubs import WordScorer

MODES = ("bm25", "knn", "hybrid")
ASKED = "the capital city of France"
LONG = [
    {"_id": f"doc{n}", "title": f"Book {n}", "text": " ".join(f"leaf{n} water" for _ in range(60))}
    for n in range(12)
]


@pytest.fixture(scope="module", params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module", params=[1, 3], ids=["one-shard", "three-shards"])
def books(request, cluster):
    with loaded(cluster, corpus(), shards=request.param) as name:
        yield name


@pytest.fixture
def searcher(cluster, books):
    with Searcher(cluster, books, encoder=encoder()) as made:
        yield made


def ids(result):
    return [hit.id for hit in result]


def scores_of(result):
    return [hit.score for hit in result]


def close(result):
    """Its scores: lucene's own of one vector differ in the last digit from search to search."""
    return pytest.approx(scores_of(result), abs=1e-6)


def test_knn_finds_the_nearest_and_shows_their_cosines(searcher):
    exact = cosines(ASKED, corpus(), encoder())
    best = sorted(exact, key=lambda each: -exact[each])[:10]
    result = searcher.search(ASKED, mode="knn", k=10)
    assert ids(result) == best
    for hit in result:
        assert hit.cosine == hit.score == pytest.approx(exact[hit.id], abs=1e-5)
        assert hit.raw_score == pytest.approx((1 + exact[hit.id]) / 2, abs=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_hits_have_what_was_promised(searcher, mode):
    rows = {row["_id"]: row for row in corpus()}
    result = searcher.search(ASKED, mode=mode, k=7)
    assert len(result) == 7
    assert [hit.rank for hit in result] == list(range(1, 8))
    scores = [hit.score for hit in result]
    assert scores == sorted(scores, reverse=True)
    for hit in result:
        row = rows[hit.id]
        assert hit.text == row["text"]
        assert hit.document_id == hit.id
        assert hit.source["title"] == row["title"]
        assert not {"vector", "content_hash"} & hit.source.keys()
    assert result.partial is None
    assert result.mode == mode


@pytest.mark.parametrize("mode", MODES)
def test_a_filter_holds_for_every_hit_and_costs_none(searcher, mode):
    dsl = {"range": {"year": {"gte": 1990}}}
    allowed = {row["_id"] for row in corpus() if row.get("year", 0) >= 1990}
    by_dsl = searcher.search("of the", mode=mode, k=20, filter=dsl)
    by_where = searcher.search("of the", mode=mode, k=20, where=("year>=1990",))
    assert ids(by_dsl) == ids(by_where)
    assert len(by_dsl) == 20
    assert set(ids(by_dsl)) <= allowed
    both = searcher.search("of the", mode=mode, k=20, filter=dsl, where=("subject=geography",))
    subjects = {row["_id"]: row["subject"] for row in corpus()}
    assert {subjects[each] for each in ids(both)} == {"geography"}
    assert set(ids(both)) <= allowed


def test_a_filter_that_hardly_a_document_can_meet_is_told(searcher):
    found = searcher.search("capital", filter={"term": {"text": "Capital of France"}})
    assert ids(found) == []
    assert any("among the single words of 'text'" in note for note in found.notes)


def test_knn_with_a_filter_finds_the_nearest_of_those_that_meet_it(searcher):
    rows = [row for row in corpus() if row["subject"] == "law"]
    exact = cosines(ASKED, rows, encoder())
    best = sorted(exact, key=lambda each: -exact[each])[:10]
    assert ids(searcher.search(ASKED, mode="knn", k=10, where=("subject=law",))) == best


@pytest.mark.parametrize("mode", MODES)
def test_pages_continue_each_other(searcher, mode):
    whole = searcher.search("of the city", mode=mode, k=60)
    pages = [
        searcher.search("of the city", mode=mode, k=15, start=start) for start in (0, 15, 30, 45)
    ]
    assert [hit.id for page in pages for hit in page] == ids(whole)
    assert [hit.rank for page in pages for hit in page] == list(range(1, 61))
    assert [hit.score for page in pages for hit in page] == close(whole)


@pytest.mark.parametrize("mode", MODES)
def test_a_page_behind_the_last_hit_is_empty(searcher, mode):
    where = ("_id=geo-001,geo-002",)
    result = searcher.search("Paris New York", mode=mode, k=10, start=50, where=where)
    assert len(result) == 0
    assert result.partial is None


def test_a_minimum_cosine_leaves_out_what_is_below(searcher):
    exact = cosines(ASKED, corpus(), encoder())
    tuning = Tuning(knn=Knn(min_cosine=0.2), depth=383)
    wanted = {each for each, cosine in exact.items() if cosine >= 0.2}
    assert 5 < len(wanted) < 200
    assert set(ids(searcher.search(ASKED, mode="knn", k=383, tuning=tuning))) == wanted
    hybrid = searcher.search(ASKED, mode="hybrid", k=383, tuning=tuning, explain=True)
    by_knn = {hit.id for hit in hybrid if hit.explanation.legs[1].rank}
    assert by_knn == wanted


def test_words_can_be_required_boosted_and_misspelt(searcher):
    def found(text, **settings):
        return ids(searcher.search(text, mode="bm25", k=50, tuning=Tuning(bm25=Bm25(**settings))))

    assert found("capital Frnace", operator="and") == []
    assert "geo-001" in found("capital Frnace", operator="and", fuzziness="AUTO", fields=("text",))
    either, most = found("capital of France"), found("capital of France", minimum_should_match="3")
    assert set(most) < set(either)
    assert found("Paris", fields=("title",))[0] == "geo-001"
    assert len(found("of the", phrase_boost=5.0)) == len(found("of the"))
    assert found("city of gastronomy", phrase_boost=50.0)[0] == "geo-005"


@pytest.mark.parametrize("mode", MODES)
def test_explanations_add_up(searcher, mode):
    result = searcher.search(ASKED, mode=mode, k=10, explain=True)
    for hit in result:
        assert hit.explanation.computed == pytest.approx(hit.score, abs=1e-6)
        for leg in hit.explanation.legs:
            assert (leg.rank is None) == (leg.score is None)
    assert result.notes == ()
    marked = {
        text.lower()
        for hit in result
        for fragments in hit.explanation.highlights.values()
        for fragment in fragments
        for text, matched in fragment
        if matched
    }
    assert marked
    assert marked <= set(ASKED.lower().split())


@pytest.mark.parametrize(
    "fusion",
    [
        Fusion(technique="min_max", combination="geometric_mean"),
        Fusion(technique="l2", combination="harmonic_mean", weights=(0.5, 0.5)),
        Fusion(technique="z_score", weights=(0.6, 0.4)),
        Fusion(technique="rrf"),
        Fusion(technique="rrf", weights=(0.2, 0.8), rank_constant=5),
    ],
    ids=lambda fusion: f"{fusion.technique}-{fusion.combination}",
)
def test_explanations_of_every_fusion_follow_from_the_legs(searcher, fusion):
    tuning = Tuning(fusion=fusion)
    bm25 = searcher.search(ASKED, mode="bm25", k=100)
    knn = searcher.search(ASKED, mode="knn", k=100)
    result = searcher.search(ASKED, k=20, explain=True, tuning=tuning)
    assert result.notes == ()
    for hit in result:
        assert hit.explanation.computed == pytest.approx(hit.score, abs=1e-6)
        for leg, alone in zip(hit.explanation.legs, (bm25, knn), strict=True):
            same = next((each for each in alone if each.id == hit.id), None)
            if same is not None:  # on several shards a leg is deeper than its first hundred
                assert leg.score == pytest.approx(same.raw_score, rel=1e-6)


def test_where_a_search_was_fused_is_told(searcher, cluster):
    place = "server" if cluster.capabilities.distribution == "opensearch" else "client"
    told = searcher.search(ASKED).fusion
    assert told["place"] == place
    assert told["technique"] == "min_max"
    forced = searcher.search(ASKED, tuning=Tuning(place="client"))
    assert forced.fusion["place"] == "client"
    assert ids(forced) == ids(searcher.search(ASKED))


@pytest.mark.parametrize("mode", MODES)
def test_many_queries_are_answered_as_one_by_one(searcher, mode):
    texts = queries()[:40]
    answers = list(searcher.search_many(enumerate_ids(texts), mode=mode, k=5, batch=7))
    assert [answer.query.text for answer in answers] == texts
    for answer in answers:
        alone = searcher.search(answer.query.text, mode=mode, k=5)
        assert ids(answer.result) == ids(alone)
        assert scores_of(answer.result) == close(alone)


def test_many_hybrid_hits_have_all_that_hits_of_one_query_have(searcher):
    (answer,) = searcher.search_many([("q", ASKED)], explain=True)
    alone = searcher.search(ASKED, explain=True)
    for hit, other in zip(answer.result, alone, strict=True):
        assert hit.source == other.source
        assert hit.explanation.highlights == other.explanation.highlights
    assert any(hit.explanation.highlights for hit in answer.result)


def enumerate_ids(texts):
    return [(f"q{n}", text) for n, text in enumerate(texts)]


@pytest.mark.parametrize("mode", MODES)
def test_a_failing_query_does_not_end_the_rest(cluster, books, mode):
    zero = encoder(bad={"nothing": np.zeros(DIM, dtype=np.float32)})
    asked = [("a", "Paris"), ("b", " "), ("c", "nothing"), ("d", "London")]
    with Searcher(cluster, books, encoder=zero) as searcher:
        answers = {
            answer.query.id: answer for answer in searcher.search_many(asked, mode=mode, k=3)
        }
    assert list(answers) == ["a", "b", "c", "d"]
    assert len(answers["a"].result) == len(answers["d"].result) == 3
    assert "the query is empty" in answers["b"].error
    if mode == "bm25":
        assert answers["c"].error is None
    else:
        assert "zero, which has no cosine" in answers["c"].error


def test_that_one_query_has_too_many_words_is_told_of_that_one(searcher):
    words = " ".join(f"w{n}" for n in range(70_000))
    asked = [Query("a", "Paris"), Query("long", words), Query("c", "London")]
    found = {a.query.id: a for a in searcher.search_many(asked, mode="bm25", k=3)}
    assert len(found["a"].result) == len(found["c"].result) == 3
    assert "more words than the cluster matches at once" in " ".join(found["long"].result.notes)
    assert found["a"].result.notes == found["c"].result.notes == ()


def test_a_query_is_encoded_once_and_kept(cluster, books):
    stub = encoder()
    with Searcher(cluster, books, encoder=stub) as searcher:
        for _ in range(3):
            searcher.search("Paris", mode="knn")
            searcher.search("Paris", mode="hybrid")
        list(searcher.search_many([("a", "Paris"), ("b", "London")]))
        searcher.search("Berlin", mode="bm25")
    assert stub.asked == ["Paris", "London"]


def test_a_vector_of_ones_own_is_searched_by(searcher):
    vector = encoder().vector(ASKED)
    assert ids(searcher.search("x", mode="knn", vector=vector)) == ids(
        searcher.search(ASKED, mode="knn")
    )


def test_threads_share_a_searcher(searcher):
    texts = queries()[:30]
    alone = {text: ids(searcher.search(text, k=5)) for text in texts}
    wrong = []

    def work(part):
        wrong.extend(t for t in part if ids(searcher.search(t, k=5)) != alone[t])

    threads = [threading.Thread(target=work, args=(texts[n::6],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_coroutines_get_the_same(cluster, books, searcher):
    texts = queries()[:12]

    async def all_of_it():
        async with AsyncSearcher(cluster, books, encoder=encoder()) as many:
            jobs = [many.search(text, mode=mode, k=5) for text in texts for mode in MODES]
            single = await asyncio.gather(*jobs)
            explained = await many.search(ASKED, explain=True, collapse=True)
            answers = [a async for a in many.search_many(enumerate_ids(texts), k=5, batch=5)]
            return single, explained, answers

    single, explained, answers = asyncio.run(all_of_it())
    asked = [(text, mode) for text in texts for mode in MODES]
    for (text, mode), result in zip(asked, single, strict=True):
        assert ids(result) == ids(searcher.search(text, mode=mode, k=5))
    assert explained[0].explanation
    assert [ids(a.result) for a in answers] == [ids(searcher.search(t, k=5)) for t in texts]


def test_a_slow_encoder_does_not_hold_up_the_event_loop(cluster, books):
    async def ticks():
        async with AsyncSearcher(cluster, books, encoder=encoder(seconds=0.5)) as searcher:
            await searcher.search("warm up", mode="bm25")
            job = asyncio.create_task(searcher.search("Paris", mode="knn"))
            count = 0
            while not job.done():
                await asyncio.sleep(0.01)
                count += 1
            return count

    assert asyncio.run(ticks()) > 20


@pytest.mark.parametrize("mode", MODES)
def test_reranking_orders_the_first_hits_anew(searcher, mode):
    model = WordScorer()
    result = searcher.search(
        "the capital of France", mode=mode, k=5, rerank=Rerank(model, depth=30)
    )
    assert len(model.read) == 30
    first = searcher.search("the capital of France", mode=mode, k=30)
    places = {hit.id: hit.rank for hit in first}
    assert [hit.before.rank for hit in result] == [places[hit.id] for hit in result]
    scores = [hit.score for hit in result]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] >= 3
    (answer,) = searcher.search_many(
        [("q", "the capital of France")], mode=mode, k=5, rerank=Rerank(WordScorer(), depth=30)
    )
    assert ids(answer.result) == ids(result)


@pytest.fixture(scope="module")
def long_books(cluster):
    """Twelve documents of many passages each."""
    with loaded(cluster, LONG, by=encoder(max_length=22)) as name:
        yield name


@pytest.mark.parametrize("mode", MODES)
def test_one_hit_a_document_with_its_best_passage(cluster, long_books, mode):
    with Searcher(cluster, long_books, encoder=encoder(max_length=22)) as searcher:
        deep = Tuning(depth=300)
        passages = searcher.search("water leaf3", mode=mode, k=300, tuning=deep)
        result = searcher.search("water leaf3", mode=mode, k=5, collapse=True, tuning=deep)
        rest = searcher.search("water leaf3", mode=mode, k=7, start=5, collapse=True, tuning=deep)
    assert 60 < len(passages) < 300
    best, count = {}, {}
    for hit in passages:
        best.setdefault(hit.document_id, hit)
        count[hit.document_id] = count.get(hit.document_id, 0) + 1
    documents = [*result, *rest]
    assert len({hit.document_id for hit in documents}) == 12
    assert {hit.document_id for hit in documents} == set(best)
    for hit in documents:
        assert hit.score == pytest.approx(best[hit.document_id].score, abs=1e-6)
        assert hit.others == count[hit.document_id] - 1
    if mode == "bm25":
        assert result[0].document_id == "doc3"


def test_collapse_looks_deeper_where_one_document_fills_the_candidates(cluster):
    rows = [
        {"_id": "big", "text": " ".join(f"word{n}" for n in range(3000))},
        *({"_id": f"small{n}", "text": f"other{n}"} for n in range(4)),
    ]
    by = encoder(max_length=12)
    near = by.vector("the query")
    by.bad = {f"other{n}": -near + 0.1 * by.vector(f"other{n}") for n in range(4)}
    with loaded(cluster, rows, by=by) as name, Searcher(cluster, name, encoder=by) as searcher:
        result = searcher.search("the query", mode="knn", k=5, collapse=True)
        assert {hit.document_id for hit in result} == {"big", *(f"small{n}" for n in range(4))}
        assert result[0].others > 200
        (answer,) = searcher.search_many([("q", "the query")], mode="knn", k=5, collapse=True)
        assert ids(answer.result) == ids(result)


def test_an_index_that_is_being_loaded_is_said_to_be(cluster):
    with loaded(cluster, corpus()[:5]) as name, Searcher(cluster, name) as searcher:
        assert searcher.search("Paris", mode="bm25").notes == ()
        meta = cluster.client.indices.get_mapping(index=name)[name]["mappings"]["_meta"]
        meta[LOADING] = {"refresh_interval": None}
        cluster.client.indices.put_mapping(index=name, body={"_meta": meta})
        with Searcher(cluster, name) as other:
            (note,) = other.search("Paris", mode="bm25").notes
    assert "is being loaded" in note


def test_an_alias_that_is_switched_is_followed(cluster):
    one, other = [corpus()[:20], corpus()[20:40]]
    with loaded(cluster, one) as first, loaded(cluster, other) as second:
        alias = f"{first}-alias"
        cluster.client.indices.put_alias(index=first, name=alias)
        with Searcher(cluster, alias, encoder=encoder()) as searcher:
            assert ids(searcher.search("x", mode="knn", k=3))[0] in {row["_id"] for row in one}
            cluster.client.indices.put_alias(index=second, name=alias)
            cluster.client.indices.delete_alias(index=first, name=alias)
            assert set(ids(searcher.search("x", mode="knn", k=3))) <= {row["_id"] for row in other}
            many = list(searcher.search_many([("a", "x")], mode="knn", k=3))
            assert set(ids(many[0].result)) <= {row["_id"] for row in other}


def test_an_alias_switched_to_another_encoder_is_not_searched_by_the_old(cluster):
    with (
        loaded(cluster, corpus()[:20]) as first,
        loaded(cluster, corpus()[:20], by=encoder(fingerprint="beef")) as second,
    ):
        alias = f"{first}-alias"
        cluster.client.indices.put_alias(index=first, name=alias)
        with Searcher(cluster, alias, encoder=encoder()) as searcher:
            searcher.search("x", mode="knn", k=3)
            cluster.client.indices.put_alias(index=second, name=alias)
            cluster.client.indices.delete_alias(index=first, name=alias)
            with pytest.raises(Exception, match=r"beef.*57ab"):
                searcher.search("x", mode="knn", k=3)
