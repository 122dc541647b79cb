"""The service of a pipeline: an address that is one, answers that are, and who gets its key."""

import json
import time
import warnings
from itertools import chain

import pytest

from cluster import connect
from cluster.access.credentials import Secret
from ingest import (
    IndexRefusedError,
    check_pipeline,
    read_installed_pipeline,
)
from ingest.index.existing.pipeline import service
from ingest.index.existing.pipeline.service import ServiceClient
from mappings import (
    Fields,
    Fusion,
    Service,
    connector_body,
    ingest_pipeline_body,
    model_body,
    search_pipeline_body,
)
from tandem.output.flags import in_flags
from tests.servers.wrong import ROOT, Reply, answering
from tests.unit.cluster.fakes import serving


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


@pytest.mark.parametrize(
    "url",
    [
        "shop",
        "ftp://h",
        "http://me:sesame@h:1",
        "http://:sesame@h:1",
        "http://@h:1",
        "http://h:1/?token=sesame",
        "http://h:1#sesame",
        "http://h:sesame",
        "http://[sesame",
        "http://a b:1",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(url):
    with pytest.raises(IndexRefusedError, match="give `service` as") as caught:
        ServiceClient(url, None)
    assert "sesame" not in str(caught.value)


def test_a_key_over_plain_http_to_another_machine_warns_and_so_names_the_service():
    with pytest.warns(UserWarning, match=r"key for http://192\.0\.2\.1:8080 goes over plain http"):
        ServiceClient("http://192.0.2.1:8080", Secret("sesame"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ServiceClient("http://192.0.2.1:8080", None)
        ServiceClient("https://192.0.2.1:8080", Secret("sesame"))
        ServiceClient("http://127.0.0.1:8080", Secret("sesame"))


def found(source):
    """What ML Commons answers that has this."""
    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    return {"_shards": shards, "hits": {"hits": [{"_id": "m", "_source": source}]}}


def installed_at(url):
    """What a cluster answers that has the pipeline `shop` of a service at a URL."""
    there = Service(url, "m", "f", 1, asymmetric=False)
    made = {
        "connectors": connector_body("tandem-shop", there, None, ""),
        "models": model_body("tandem-shop", there, None),
    }
    hits = {f"/_plugins/_ml/{kind}/_search": (200, found(each)) for kind, each in made.items()}
    return {
        **hits,
        "/": (200, ROOT),
        "/_ingest/pipeline/shop": (200, {"shop": ingest_pipeline_body("m", there, Fields())}),
        "/_search/pipeline/shop": (200, {"shop": search_pipeline_body("m", Fusion())}),
        "/_ingest/pipeline/shop/_simulate": (200, {"docs": []}),
        "/_plugins/_ml/models/m/_predict": (200, {"inference_results": []}),
        "*": (200, {}),
    }


def embeds(body):
    vectors = [{"embedding": [1.0]} for _ in json.loads(body)["input"]]
    return 200, {"data": vectors}


SERVES = {
    "/v1/models": (200, {"data": [{"id": "m", "fingerprint": "f"}]}),
    "/v1/embeddings": embeds,
}


def keys_of(asked):
    return {each.headers.get("Authorization") for each in asked}


def test_a_key_goes_to_the_service_that_is_named_and_never_to_one_of_the_cluster_alone():
    refuses = serving({"*": (401, {"detail": "no key"})})
    with refuses as (theirs, saw), serving(SERVES) as (ours, asked):
        with serving(installed_at(theirs)) as (url, _), connect(url) as cluster:
            with pytest.raises(IndexRefusedError, match="alone names") as caught:
                check_pipeline(cluster, "shop", service_key="sesame")
            assert theirs in str(caught.value)
            assert "give that URL in --service where" in in_flags(str(caught.value))
            assert keys_of(saw) == {None}
            told = check_pipeline(cluster, "shop", service=ours, service_key="sesame")
            names = [each.name for each in told]
            assert names == ["the service's model", "documents", "queries"]
            with pytest.raises(IndexRefusedError, match="wants another key: give it"):
                check_pipeline(cluster, "shop", service=theirs)
            with pytest.raises(IndexRefusedError, match="the service is called ''"):
                check_pipeline(cluster, "shop", service="")
        assert keys_of(saw) == {None}
        assert keys_of(asked) == {"Bearer sesame"}


def test_a_service_without_a_key_is_asked_where_the_cluster_names_it_without_one():
    with serving(SERVES) as (ours, asked):
        with serving(installed_at(ours)) as (url, _), connect(url) as cluster:
            check_pipeline(cluster, "shop", service_key="sesame")
        assert len(asked) > 3
        assert keys_of(asked) == {None}


def test_what_an_older_connector_says_of_its_service_is_shown_without_secrets():
    with serving(installed_at("http://h:1/?token=sesame")) as (url, _), connect(url) as cluster:
        told = read_installed_pipeline(cluster, "shop").to_json()
        assert told["services"] == ["http://h:1/?***"]
        with pytest.raises(IndexRefusedError, match="the service is called") as caught:
            check_pipeline(cluster, "shop")
        assert "sesame" not in str(caught.value)
