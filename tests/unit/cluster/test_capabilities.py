"""What a cluster says of itself, and what is inferred where it says nothing."""

import pytest

from cluster import ClusterError, connect
from tests.unit.cluster.fakes import error, serving

KNN, NEURAL = {"component": "opensearch-knn"}, {"component": "opensearch-neural-search"}
FORBIDDEN = error("security_exception", "no permissions for [cluster:monitor/main] and User", 403)
HIDDEN = (405, {"Message": "Your request is not allowed."})


def root(number, **more):
    return (200, {"version": {"number": number, **more}, "tagline": "x"})


def opensearch(number):
    return root(number, distribution="opensearch")


def found(answers, **options):
    with serving(answers) as (url, _), connect(url, **options) as cluster:
        return cluster.capabilities


def test_opensearch_with_all_plugins():
    can = found({"/": opensearch("3.6.0"), "/_cat/plugins": (200, [KNN, NEURAL])})
    assert (can.distribution, can.version, can.version_text) == ("opensearch", (3, 6, 0), "3.6.0")
    assert (can.knn, can.neural_search, can.engines) == (True, True, ("lucene", "faiss"))
    assert not can.embedded
    assert can.rrf_is_global


def test_opensearch_without_plugins():
    can = found({"/": opensearch("2.19.1"), "/_cat/plugins": (200, [])})
    assert (can.knn, can.neural_search, can.engines) == (False, False, ())


@pytest.mark.parametrize(
    ("number", "knn", "neural"), [("2.19.1", True, True), ("2.9.0", True, False)]
)
def test_a_hidden_plugin_list_is_inferred_from_the_version(number, knn, neural):
    can = found({"/": opensearch(number), "*": HIDDEN})
    assert (can.knn, can.neural_search, can.rrf_is_global) == (knn, neural, False)


def test_plugins_are_read_from_the_nodes_where_cat_is_hidden():
    nodes = {"nodes": {"a": {"plugins": [{"name": "opensearch-knn"}]}}}
    can = found(
        {"/": opensearch("3.6.0"), "/_cat/plugins": HIDDEN, "/_nodes/_local/plugins": (200, nodes)}
    )
    assert (can.knn, can.neural_search) == (True, False)


def test_a_user_who_may_not_see_the_root_is_not_turned_away():
    can = found({"*": FORBIDDEN})
    assert (can.distribution, can.version, can.version_text) == ("opensearch", (), "unknown")
    assert (can.knn, can.neural_search, can.rrf_is_global) == (True, False, False)


def test_opensearch_that_claims_to_be_7_10_is_known_by_its_tagline():
    said = {"version": {"number": "7.10.2"}, "tagline": "The OpenSearch Project: https://x/"}
    assert found({"/": (200, said), "/_cat/plugins": (200, [KNN])}).distribution == "opensearch"


@pytest.mark.parametrize(("number", "knn"), [("9.5.3", True), ("8.19.21", True), ("7.17.0", False)])
def test_elasticsearch(number, knn):
    can = found({"/": root(number, build_flavor="default")})
    assert (can.distribution, can.knn, can.neural_search) == ("elasticsearch", knn, False)
    assert can.engines == ()


def test_elasticsearch_without_a_root_page():
    nodes = {"nodes": {"a": {"version": "9.5.3", "build_flavor": "default"}}}
    can = found({"/": HIDDEN, "/_nodes/_local": (200, nodes)})
    assert (can.distribution, can.version) == ("elasticsearch", (9, 5, 3))


def test_credentials_reach_the_cluster_and_no_repr():
    answers = {"/": opensearch("3.6.0"), "*": (200, [])}
    with serving(answers) as (url, seen):
        connect(url, api_key="c2VjcmV0").close()
        connect(url, user="ann", password="pw").close()
    sent = {each.headers["authorization"] for each in seen}
    assert sent == {"ApiKey c2VjcmV0", "Basic YW5uOnB3"}


def test_loopback_is_not_compressed_and_a_path_is_kept():
    answers = {"/es/": opensearch("3.6.0"), "*": (200, [])}
    with serving(answers) as (url, seen), connect(f"{url}/es") as cluster:
        assert cluster.url == f"{url}/es"
        assert all(each.path.startswith("/es/") for each in seen)
        assert not any(each.headers.get("accept-encoding") == "gzip,deflate" for each in seen)


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("http://ann:secret@host:9200", {}, "`password`"),
        ("ftp://host", {}, "https://search.example:9200"),
        ("host:9200", {}, "https://search.example:9200"),
        ("http://host:99999", {}, "65535"),
        ("http://host/?x=1", {}, "query"),
        ("http://host", {"user": "ann"}, "give it in `password`"),
        ("http://host", {"password": "pw"}, "`user`"),
        ("http://host", {"user": "a", "password": "b", "api_key": "c"}, "one of them"),
        ("https://host", {"ca_certs": "/no/such.pem"}, "/no/such.pem"),
        ("https://host", {"ca_certs": __file__}, "PEM"),
        (None, {"user": "ann", "password": "pw"}, "`url`"),
    ],
)
def test_wrong_options_are_said_before_anything_is_sent(url, options, said):
    with pytest.raises(ClusterError) as caught:
        connect(url, **options)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "engines"), [("2.18.0", ("lucene",)), ("2.19.0", ("lucene", "faiss"))]
)
def test_faiss_knows_cosine_since_2_19(number, engines):
    can = found({"/": opensearch(number), "/_cat/plugins": (200, [KNN])})
    assert can.engines == engines
    assert can.takes_ids
