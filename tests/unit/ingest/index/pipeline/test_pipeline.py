"""What is refused before a cluster's own pipeline is made, in one sentence with the cure."""

import copy
from contextlib import suppress
from types import SimpleNamespace

import pytest

from cluster import Capabilities
from ingest import (
    IndexRefusedError,
    install_pipeline,
    read_installed_pipeline,
    remove_pipeline,
)
from ingest.index.existing.pipeline.check import _documents
from ingest.index.existing.pipeline.install import _check_fusion
from ingest.index.existing.pipeline.ml_commons import MlCommons, _matches, _same
from mappings import (
    Fields,
    Fusion,
    InstalledIngest,
    Service,
    connector_body,
    ingest_pipeline_body,
    model_body,
    search_pipeline_body,
)
from tandem.base.errors import TandemError
from tandem.output.flags import in_flags
from tests.unit.cluster.fakes import serving
from tests.unit.ingest.index.pipeline.commons import Commons
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


@pytest.mark.parametrize(
    ("fusion", "version", "lacks"),
    [
        (Fusion(technique="z_score"), (2, 19), "no z_score, which came with 3.0"),
        (Fusion(technique="rrf", weights=(0.2, 0.8)), (3, 0), "no weights of rrf"),
        (Fusion(technique="rrf"), (2, 19), None),
        (Fusion(technique="z_score", weights=(0.2, 0.8)), (3, 0), None),
    ],
)
def test_a_fusion_that_the_cluster_lacks_is_refused_before_anything_is_made(fusion, version, lacks):
    text = ".".join(map(str, version))
    can = Capabilities("opensearch", version, text, False, True, True, ("lucene",))
    if lacks is None:
        _check_fusion(can, "books", fusion)
        return
    with pytest.raises(IndexRefusedError, match=lacks) as caught:
        _check_fusion(can, "books", fusion)
    assert "`tandem index untune books`" in in_flags(str(caught.value))


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
