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


@pytest.mark.parametrize(
    "asked",
    [
        {},
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
