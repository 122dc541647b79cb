"""Every option of a search means the same on the command line, in Python and over HTTP."""

from urllib.parse import urlencode

import click
import pytest
from starlette.datastructures import QueryParams

from mappings import Fusion
from query import Bm25, Knn, Question, Rerank, Roles, Tuning
from tandem.commands.searches.search import command as search
from tandem.options.cluster import cluster_options
from tandem.options.search import asking_options, role_options, tuning_options
from tandem.service.routes.search_request import InAddress, SearchRequest

# Flag, what it says in Python, and over HTTP in a body and in an address.
SAID = [
    ("-k=7", {"k": 7}, {"k": 7}),
    ("--mode=bm25", {"mode": "bm25"}, {"mode": "bm25"}),
    ('--filter={"term": {"a": 1}}', {"filter": {"term": {"a": 1}}}, {}),
    ("--where=year=1990..2000", {"where": ["year=1990..2000"]}, {"where": ["year=1990..2000"]}),
    ("--from=20", {"start": 20}, {"from": 20}),
    ("--page=3", {"start": 20}, {"page": 3}),
    ("--collapse", {"collapse": True}, {"collapse": True}),
    ("--explain", {"explain": True}, {"explain": True}),
    ("--facet=lang", {"facets": ["lang"]}, {"facets": ["lang"]}),
    ("--total", {"total": True}, {"total": True}),
    ("--sort=year:desc", {"sort": ["year:desc"]}, {"sort": ["year:desc"]}),
    ("--boost=added:30d", {"boost": ["added:30d"]}, {"boost": ["added:30d"]}),
    ("--fields=meta.*", {"source": ["meta.*"]}, {"source": ["meta.*"]}),
    ("--depth=50", Tuning(depth=50), {"depth": 50}),
    ("--fusion-at=client", Tuning(place="client"), {"fusion_at": "client"}),
    ("--pipeline=theirs", Tuning(pipeline="theirs"), {"pipeline": "theirs"}),
    ("--field=title^2", Tuning(bm25=Bm25(fields=["title^2"])), {"fields": ["title^2"]}),
    ("--operator=and", Tuning(bm25=Bm25(operator="and")), {"operator": "and"}),
    (
        "--minimum-should-match=75%",
        Tuning(bm25=Bm25(minimum_should_match="75%")),
        {"minimum_should_match": "75%"},
    ),
    ("--phrase-boost=2", Tuning(bm25=Bm25(phrase_boost=2.0)), {"phrase_boost": 2}),
    ("--fuzziness=AUTO", Tuning(bm25=Bm25(fuzziness="AUTO")), {"fuzziness": "AUTO"}),
    ("--vector-field=v", Tuning(knn=Knn(field="v")), {"vector_field": "v"}),
    ("--ef-search=200", Tuning(knn=Knn(ef_search=200)), {"ef_search": 200}),
    ("--oversample=3", Tuning(knn=Knn(oversample=3.0)), {"oversample": 3}),
    ("--min-cosine=0.3", Tuning(knn=Knn(min_cosine=0.3)), {"min_cosine": 0.3}),
    ("--fusion=rrf", Tuning(fusion=Fusion(technique="rrf")), {"technique": "rrf"}),
    (
        "--combination=harmonic_mean",
        Tuning(fusion=Fusion(combination="harmonic_mean")),
        {"combination": "harmonic_mean"},
    ),
    ("--weights=0.2,0.8", Tuning(fusion=Fusion(weights=(0.2, 0.8))), {}),
    (
        "--rank-constant=9",
        Tuning(fusion=Fusion(technique="rrf", rank_constant=9)),
        {"technique": "rrf", "rank_constant": 9},
    ),
    ("--text-field=body", Roles(text="body"), {"text_field": "body"}),
    ("--title-field=head", Roles(title="head"), {"title_field": "head"}),
    ("--document-id-field=doc", Roles(document_id="doc"), {"document_id_field": "doc"}),
]
# What a body and an address write in two ways: the body's, the address's.
APART = {
    "--filter": ({"filter": {"term": {"a": 1}}}, {"filter": '{"term": {"a": 1}}'}),
    "--weights": ({"weights": [0.2, 0.8]}, {"weights": "0.2,0.8"}),
}
# Without which one changes nothing, and is refused.
BESIDE = {"--rank-constant=9": ["--fusion=rrf"]}
# The reranker of a service is loaded with it, and its index and model are named otherwise.
OWN = {"text", "index", "rerank", "rerank_depth", "model", "queries", "run", "batch", "as_json"}


class Parts:
    """Of a service: its cross-encoder."""

    class reranker:  # noqa: N801
        name = "judge"

        def score(self, query, texts):
            return [0.0] * len(texts)


@click.command()
@role_options
@asking_options
@tuning_options
def said(asked, tuning, roles):
    return asked, tuning, roles


@pytest.mark.parametrize(("flag", "meant", "told"), SAID, ids=[each[0] for each in SAID])
def test_an_option_means_the_same_in_all_three(flag, meant, told):
    asked, tuning, roles = said.main(
        [flag.replace("-k=", "-k"), *BESIDE.get(flag, [])], standalone_mode=False
    )
    in_body, in_address = APART.get(flag.partition("=")[0], (told, told))
    body = SearchRequest(query="bees", **in_body)
    assert InAddress(q="bees", **in_address).whole() == body
    said_twice = urlencode({"q": "wool", **in_address}, doseq=True) + "&q=bees"
    assert InAddress.of(QueryParams(said_twice)).whole() == body
    options = body.options(Parts())
    assert options.pop("rerank") is None
    assert body.roles() == roles == (meant if isinstance(meant, Roles) else Roles())
    python = {"tuning": meant} if isinstance(meant, Tuning) else meant
    expected = Question("bees", **({} if isinstance(meant, Roles) else python))
    assert alike(Question("bees", **options)) == alike(expected)
    assert alike(Question("bees", **asked, tuning=tuning)) == alike(expected)


def alike(question):
    """As text, in which a list is as a tuple."""
    return str(question).replace("(", "[").replace(",)", "]").replace(")", "]")


def test_no_option_of_a_search_is_left_out():
    reaching = {each.name for each in click.command()(cluster_options(lambda target: None)).params}
    options = {each.name for each in search.params} - OWN - reaching
    assert options == {each.name for each in said.params}
    of_flags = {
        name
        for flag, *_ in SAID
        for each in said.params
        if flag.partition("=")[0] in each.opts
        for name in [each.name]
    }
    assert of_flags == options


def test_reranking_is_by_the_services_own_model():
    parts = Parts()
    body = SearchRequest(query="bees", rerank=True, rerank_depth=20)
    assert InAddress(q="bees", rerank=True, rerank_depth=20).whole() == body
    assert body.options(parts)["rerank"] == Rerank(parts.reranker, depth=20)
