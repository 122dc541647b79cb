"""Which indexes can be made where; the clusters are prepared answers of real ones."""

import pytest

from cluster import connect
from cluster.capabilities import SERVERLESS, Capabilities
from ingest import IndexRefusedError
from ingest.index.open import planned_body
from mappings import Shape
from tests.support.stubs import StubEncoder
from tests.unit.cluster.fakes import serving

KNN = [{"component": "opensearch-knn"}]


def planned(version, plugins=KNN, **shape):
    root = {"version": {"number": version, "distribution": "opensearch"}, "tagline": "x"}
    answers = {"/": (200, root), "/_cat/plugins": (200, plugins)}
    with serving(answers) as (url, _), connect(url) as cluster:
        return planned_body(cluster, "x", StubEncoder(), Shape(**shape))


def test_the_engine_is_always_named_and_the_space_is_cosine():
    for version in ("2.11.0", "2.19.1", "3.6.0"):
        method = planned(version)["mappings"]["properties"]["vector"]["method"]
        assert (method["engine"], method["space_type"]) == ("lucene", "cosinesimil")


def test_faiss_is_for_versions_that_know_its_cosine():
    method = planned("2.19.0", engine="faiss")["mappings"]["properties"]["vector"]["method"]
    assert method["engine"] == "faiss"
    with pytest.raises(
        IndexRefusedError, match=r"2\.18\.0.*since OpenSearch 2\.19.*`engine='lucene'`"
    ):
        planned("2.18.0", engine="faiss")


def test_a_cluster_without_k_nn_is_refused():
    with pytest.raises(IndexRefusedError, match=r"2\.19\.1.* has no k-NN"):
        planned("2.19.1", plugins=[])


def test_serverless_is_refused_because_nothing_could_be_stored_once():
    class Elsewhere:
        """Only what is asked of a cluster before anything is sent; there is none to reach here."""

        capabilities = Capabilities("opensearch", (), SERVERLESS, False, True, False, ("faiss",))

    with pytest.raises(IndexRefusedError, match="Serverless gives documents ids of its own"):
        planned_body(Elsewhere(), "x", StubEncoder(), Shape())
