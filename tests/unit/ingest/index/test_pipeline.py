"""What is refused before a cluster's own pipeline is made, in one sentence with the cure."""

import time
from itertools import chain
from types import SimpleNamespace

import pytest

from cluster import Capabilities
from cluster.access.credentials import Secret
from ingest import IndexRefusedError, install_pipeline
from ingest.index.existing.pipeline import service
from ingest.index.existing.pipeline.ml_commons import MlCommons, _matches, _same
from ingest.index.existing.pipeline.service import ServiceClient
from tandem.output.flags import in_flags
from tests.servers.wrong import Reply, answering
from tests.unit.cluster.fakes import serving


def test_elasticsearch_has_no_such_thing_and_what_it_has_is_named():
    can = Capabilities("elasticsearch", (9, 5, 3), "9.5.3", False, True, False, ())
    with pytest.raises(
        IndexRefusedError, match=r"elasticsearch 9\.5\.3\) has no ML Comm"
    ) as caught:
        install_pipeline(SimpleNamespace(capabilities=can), "shop", "http://127.0.0.1:9")
    cure = "`tandem enrich INDEX --model MODEL --follow` gives documents theirs"
    assert cure in in_flags(str(caught.value))


@pytest.mark.parametrize("name", ["", "_none", "a,b", "a*"])
def test_a_name_that_no_pipeline_can_have_is_refused(name):
    with pytest.raises(IndexRefusedError, match="cannot be the name of a pipeline"):
        install_pipeline(SimpleNamespace(capabilities=None), name, "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {"data": [{"id": "gpt"}]}), "is no Tandem service"),
        ((200, []), "is no Tandem service"),
        ((200, {"data": "gpt"}), "is no Tandem service"),
        ((200, "<html>"), "is no Tandem service"),
        ((503, [{"detail": 3}]), "answered /v1/models with HTTP 503"),
        ((401, {"detail": "no"}), "wants another key: give it in `service_key`"),
        ((404, "not found"), "answered /v1/models with HTTP 404"),
    ],
)
def test_what_is_no_service_is_told(answer, said):
    with serving({"*": answer}) as (url, _), pytest.raises(IndexRefusedError, match=said) as caught:
        ServiceClient(url, Secret("sesame")).look()
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "vectors", [[], [{"embedding": []}], [{"embedding": ["x"]}], [{"embedding": [1.0]}] * 2, "x"]
)
def test_vectors_that_are_none_are_told(vectors):
    models = {"data": [{"id": "m", "fingerprint": "f"}]}
    answers = {"/v1/models": (200, models), "/v1/embeddings": (200, {"data": vectors})}
    with serving(answers) as (url, _), pytest.raises(IndexRefusedError, match="is no Tandem serv"):
        ServiceClient(url, None).look()


def test_a_service_has_a_deadline_for_the_whole_answer_and_sends_no_key_elsewhere(monkeypatch):
    def drips(asked):
        return Reply(chain([b"HTTP/1.1 200 OK\r\n\r\n"], slowly()), raw=True)

    def slowly():
        for _ in range(40):
            time.sleep(0.1)
            yield b" "

    with answering(drips) as (url, _), monkeypatch.context() as hurried:
        hurried.setattr(service, "SECONDS", 0.5)
        with pytest.raises(IndexRefusedError, match="cannot be reached"):
            ServiceClient(url, None).look()
    with answering(lambda asked: Reply({})) as (other, asked):
        there = Reply({}, status=302, headers={"location": f"{other}/v1/models"})
        with (
            answering(lambda asked: there) as (url, _),
            pytest.raises(IndexRefusedError, match="sends on to"),
        ):
            ServiceClient(url, Secret("sesame")).look()
        assert asked == []


def test_a_service_that_is_away_is_told():
    with pytest.raises(IndexRefusedError, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        ServiceClient("http://127.0.0.1:1", None).look()


@pytest.mark.parametrize("url", ["shop", "ftp://h", "http://me:sesame@h:1"])
def test_an_address_that_is_none_is_refused_without_its_password(url):
    with pytest.raises(IndexRefusedError, match="give `service` as") as caught:
        ServiceClient(url, None)
    assert "sesame" not in str(caught.value)


def test_what_is_told_is_compared_with_what_is_wanted():
    told = {"actions": [{"action_type": "PREDICT", "url": "u"}], "parameters": {"n": "1", "m": "2"}}
    assert _same(
        told, {"actions": [{"action_type": "predict", "url": "u"}], "credential": {"k": 1}}
    )
    assert not _same(told, {"actions": []})
    assert not _same(told, {"parameters": {"n": "2"}})
    assert not _same({}, {"model_config": {"n": 1}})


def test_what_the_cluster_trusts_is_read_as_it_reads_it():
    assert _matches("^http://127\\.0\\.0\\.1:[0-9]+/.*$", "http://127.0.0.1:80/v1/embeddings")
    assert not _matches("http://127", "http://127.0.0.1:80/v1/embeddings")
    assert not _matches("(", "http://127.0.0.1:80/v1/embeddings")


def test_a_cluster_without_the_plugin_says_so():
    from opensearchpy.exceptions import RequestError

    class Transport:
        def perform_request(self, *words, **options):
            info = {"error": "no handler found for uri [/_plugins/_ml/models/_search]"}
            raise RequestError(400, info["error"], info)

    class Bare:
        capabilities = Capabilities("opensearch", (3, 6), "3.6.0", False, True, True, ("lucene",))
        client = SimpleNamespace(transport=Transport())

        def explaining(self):
            from contextlib import nullcontext

            return nullcontext()

    with pytest.raises(IndexRefusedError, match=r"opensearch 3\.6\.0\) has no ML Commons"):
        MlCommons(Bare()).find("models", "tandem-shop")
