"""What is refused before a cluster's own pipeline is made, in one sentence with the cure."""

<<<<<<< HEAD
import copy
import time
from contextlib import suppress
=======
import json
import time
import warnings
>>>>>>> c4c2b8f (Send the service's key to the URL that is named alone, and warn of every secret over plain http)
from itertools import chain
from types import SimpleNamespace

import pytest

from cluster import Capabilities, connect
from cluster.access.credentials import Secret
from ingest import (
    IndexRefusedError,
<<<<<<< HEAD
    install_pipeline,
    read_installed_pipeline,
    remove_pipeline,
=======
    check_pipeline,
    install_pipeline,
    read_installed_pipeline,
>>>>>>> c4c2b8f (Send the service's key to the URL that is named alone, and warn of every secret over plain http)
)
from ingest.index.existing.pipeline import service
from ingest.index.existing.pipeline.check import _documents
from ingest.index.existing.pipeline.ml_commons import MlCommons, _matches, _same
from ingest.index.existing.pipeline.service import ServiceClient
from mappings import (
    Fields,
    Fusion,
<<<<<<< HEAD
    InstalledIngest,
=======
>>>>>>> c4c2b8f (Send the service's key to the URL that is named alone, and warn of every secret over plain http)
    Service,
    connector_body,
    ingest_pipeline_body,
    model_body,
    search_pipeline_body,
)
<<<<<<< HEAD
from tandem.base.errors import TandemError
from tandem.output.flags import in_flags
from tests.servers.commons import Commons
from tests.servers.wrong import Reply, answering
=======
from tandem.output.flags import in_flags
from tests.servers.wrong import ROOT, Reply, answering
>>>>>>> c4c2b8f (Send the service's key to the URL that is named alone, and warn of every secret over plain http)
from tests.unit.cluster.fakes import serving
from tests.unit.query.search.test_wrong_shapes import LACKS, changed, places


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


def installed_at(url):
    """What a cluster answers that has the pipeline `shop` of a service at a URL."""
    there = Service(url, "m", "f", 1, asymmetric=False)
    made = {
        "connectors": connector_body("tandem-shop", there, None, ""),
        "models": model_body("tandem-shop", there, None),
    }
    hits = {
        f"/_plugins/_ml/{kind}/_search": (200, {"hits": {"hits": [{"_id": "m", "_source": each}]}})
        for kind, each in made.items()
    }
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
            assert [each.name for each in told] == ["the service's model", "queries"]
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


SERVICE = Service("http://127.0.0.1:9", "m", "f", 1, asymmetric=False)
MODELS = {"/v1/models": (200, {"data": [{"id": "m", "fingerprint": "f"}]})}
ONE = {"/v1/embeddings": lambda body: (200, {"data": [{"embedding": [1.0]}]})}
SEARCHES = ["connectors", "models", "model_groups"]


def installed():
    """ML Commons with one pipeline of Tandem's."""
    commons = Commons()
    with serving({**MODELS, **ONE}) as (url, _):
        assert install_pipeline(commons, "shop", url).whole
    return commons


def test_a_pipeline_comes_and_goes_with_all_its_parts():
    commons = installed()
    assert [len(commons.held[kind]) for kind in commons.held] == [1] * 5
    remove_pipeline(commons, "shop")
    assert not any(commons.held.values())


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize("silent", [{"total": 2, "successful": 1}, {"total": 1, "successful": 0}])
def test_what_a_part_of_ml_commons_does_not_tell_is_not_taken_for_absent(kind, silent):
    """A second model was made, or a pipeline told as removed whose connector had the key still."""
    commons = installed()
    before = copy.deepcopy({k: commons.held[k] for k in SEARCHES})

    def partly(method, path, answer):
        if path.endswith(f"/{kind}/_search"):
            return {"hits": {"hits": []}, "_shards": silent}
        return answer

    commons.change = partly
    told = rf"not all {kind.replace('_', ' ')} of ML Commons were looked at \(1 of"
    with pytest.raises(IndexRefusedError, match=told):
        remove_pipeline(commons, "shop")
    if kind != "model_groups":
        with pytest.raises(IndexRefusedError, match=told):
            install_pipeline(commons, "shop", "http://127.0.0.1:9")
    assert {k: commons.held[k] for k in SEARCHES} == before


def all_of(commons):
    """What is asked of ML Commons and of the pipelines, but for the service."""
    asking = MlCommons(commons)
    asking.check_allowed("http://127.0.0.1:9/v1/embeddings")
    model = asking.model(connector_body("c", SERVICE, None, ""), model_body("c", SERVICE, None))
    put = commons.perform_request
    ingest = ingest_pipeline_body(model, SERVICE, Fields())
    put("PUT", "/_ingest/pipeline/shop", body=ingest)
    put("PUT", "/_search/pipeline/shop", body=search_pipeline_body(model, Fusion()))
    with suppress(IndexRefusedError):
        read_installed_pipeline(commons, "shop").to_json()
    client = SimpleNamespace(embed=lambda texts, kind: [[1.0]] * len(texts))
    list(_documents(commons, "shop", InstalledIngest(model, "f", Fields()), client))
    asking.model(connector_body("c", SERVICE, None, ""), model_body("c", SERVICE, None))
    if found := asking.find("models", "c"):
        asking.delete_model(found)


# What is stored and given back as it is.
INERT = {"client_config", "headers", "pre_process_function", "source", "params"}


def test_each_part_of_each_answer_may_be_anything():
    """It is one sentence, and no id of an answer is a path to something else."""
    good, commons = {}, Commons()

    def keep(method, path, answer):
        if answer not in good.values():
            good[len(commons.asked)] = answer
        return answer

    commons.change = keep
    all_of(commons)
    for number, answer in good.items():
        for place in places(answer):
            # Another state of a model is waited for.
            if place != ("model_state",) and not INERT & set(place[:-1]):
                for new in ("../a", [7], LACKS):
                    check_survives(number, place, new)


def check_survives(number, place, new):
    commons = Commons()

    def once(method, path, answer):
        wrong = len(commons.asked) == number and (place or new is not LACKS)
        return changed(answer, place, new) if wrong else answer

    commons.change = once
    with suppress(TandemError):
        all_of(commons)
    odd = [path for _, path in commons.asked if ".." in path or "%" in path or path.endswith("*")]
    assert odd == [], (number, place, new)
