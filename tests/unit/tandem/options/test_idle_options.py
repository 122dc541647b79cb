"""What would change nothing is refused or said, never ignored without a word."""

import pytest

from query import QueryError
from tandem.service.routes.search_request import InAddress, SearchRequest
from tests.support.commands import tandem
from tests.unit.cluster.fakes import serving
from tests.unit.tandem.commands.test_missing import WELL

NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("bm25", ("--min-cosine", "0.5")),
        ("bm25", ("--ef-search", "50")),
        ("bm25", ("--depth", "50")),
        ("bm25", ("--fusion", "rrf")),
        ("knn", ("--weights", "0.3,0.7")),
        ("knn", ("--fusion-at", "client")),
        ("knn", ("--operator", "and")),
        ("knn", ("-f", "title")),
    ],
)
def test_an_option_of_another_mode_names_both(mode, words):
    done = tandem("search", "bees", "--index", "a", "--mode", mode, *words, TANDEM_URL=NOWHERE)
    assert done.code == 2
    name = {"-f": "--field"}.get(words[0], words[0])
    assert f"{name} is for" in done.err
    assert f"changes nothing in --mode {mode}" in done.err


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("--mode", "bm25", "--operator", "and"), {}),
        (("--mode", "knn", "--min-cosine", "0.5", "--depth", "50"), {}),
        (("--min-cosine", "0.5", "--operator", "and", "--weights", "0.3,0.7"), {}),
        (("--mode", "bm25"), {"TANDEM_WEIGHTS": "0.3,0.7", "TANDEM_MIN_COSINE": "0.5"}),
    ],
)
def test_what_counts_and_defaults_set_beforehand_pass(words, environ):
    done = tandem("search", "bees", "--index", "a", *words, TANDEM_URL=NOWHERE, **environ)
    assert (done.code, "nothing listens" in done.err) == (1, True), done.err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"mode": "bm25", "min_cosine": 0.5}, "`min_cosine` is for kNN and changes nothing in"),
        ({"mode": "bm25", "depth": 9}, "`depth` is for kNN and changes nothing in `mode` bm25"),
        ({"mode": "knn", "fields": ["title"]}, "`fields` is for BM25 and changes nothing in"),
        ({"mode": "knn", "fusion_at": "client"}, "`fusion_at` is for hybrid searches and"),
        ({"pipeline": "p", "rank_constant": 9}, "`pipeline` p fuses in its own way, so `rank"),
        ({"mode": "knn", "weights": [0.3, 0.7]}, "`weights` is for hybrid searches and"),
        ({"sort": ["year"], "weights": [0.3, 0.7]}, "`weights` is for scores that are fused,"),
        ({"sort": ["year"], "fusion_at": "client"}, "`fusion_at` is for scores that are fused,"),
        ({"rank_constant": 9}, "`rank_constant` is for rrf and changes nothing in `technique` min"),
        ({"operator": "and", "minimum_should_match": "2"}, "`minimum_should_match` is for some"),
    ],
)
def test_over_http_it_is_refused_with_the_same_sentence(asked, said):
    in_address = {**asked, "weights": "0.3,0.7"} if "weights" in asked else asked
    for request in (SearchRequest(query="bees", **asked), InAddress(q="bees", **in_address)):
        whole = request.whole() if isinstance(request, InAddress) else request
        with pytest.raises(QueryError) as refused:
            whole.options(None)
        assert str(refused.value).startswith(said)
        assert str(refused.value).endswith(": leave out one of them.")


def test_over_http_a_depth_for_no_cross_encoder_is_refused_too():
    for rerank in ({}, {"rerank": False}):
        with pytest.raises(
            QueryError, match=r"^`rerank_depth` is for `rerank` and changes nothing"
        ):
            SearchRequest(query="bees", rerank_depth=9, **rerank).options(None)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"sort": ["year"], "depth": 9, "fields": ["title"]},
        {"technique": "rrf", "rank_constant": 9},
        {"operator": "or", "minimum_should_match": "2"},
        {"mode": "bm25"},
        {"mode": "bm25", "operator": "and", "boost": ["likes"], "depth": 9},
        {"mode": "knn", "min_cosine": 0.5, "from": 10},
        {"weights": None, "pipeline": "p"},
        {"mode": "knn", "fields": [], "fuzziness": None},
    ],
)
def test_over_http_what_counts_passes_and_so_does_what_says_nothing(asked):
    posted = SearchRequest(query="bees", **asked)
    assert InAddress(q="bees", **asked).whole().options(None) == posted.options(None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rerank-depth", "9"), "--rerank-depth is for --rerank and changes nothing without it"),
        (("--sort", "year", "--weights", "1,0"), "--weights is for scores that are fused, which"),
        (("--sort", "year", "--fusion-at", "client"), "--fusion-at is for scores that are fused"),
        (("--rank-constant", "9"), "--rank-constant is for rrf and changes nothing in --fusion"),
        (
            ("--operator", "and", "--minimum-should-match", "2"),
            "--minimum-should-match is for some of the words and changes nothing in --operator and",
        ),
        (("--fields", "title"), "--fields is for what --json shows: add --json."),
    ],
)
def test_an_option_without_what_it_is_for_names_both(words, said):
    done = tandem("search", "bees", "--index", "a", *words, TANDEM_URL=NOWHERE)
    assert (done.code, said in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--mode", "bm25", "--mode", "knn", "--weights", "1,0"), 2),
        (("--mode", "bm25", "--mode", "hybrid", "--weights", "1,0"), 1),
    ],
)
def test_in_several_modes_what_counts_in_one_passes(words, code, tmp_path):
    (tmp_path / "queries.tsv").write_text("1\tbees\n")
    (tmp_path / "qrels.tsv").write_text("1 0 a 1\n")
    judged = ("--queries", tmp_path / "queries.tsv", "--qrels", tmp_path / "qrels.tsv")
    done = tandem("evaluate", "--index", "a", *judged, *words, TANDEM_URL=NOWHERE)
    said = "--weights is for hybrid searches and changes nothing in --mode bm25, knn: leave out"
    assert (done.code, said in done.err) == (code, code == 2), done.err


def test_an_authority_without_tls_is_wrong_usage():
    done = tandem("index", "list", "--url", NOWHERE, "--ca-certs", "nope.pem")
    assert done.code == 2
    assert f"--ca-certs is for TLS, and --url {NOWHERE} is not" in done.err


def test_replicas_are_not_mentioned_on_a_cluster_of_ones_own(tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text('{"id": 1, "text": "A."}\n')
    words = ("ingest", source, "--index", "books3", "--replicas", "1", "--model", "./none")
    with serving(WELL) as (url, _):
        done = tandem(*words, "--url", url)
    assert (done.code, "replicas" in done.err) == (1, False)
