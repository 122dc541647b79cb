"""What a cluster that asks a service is told, and by what Tandem's own is known again."""

import json

import pytest

from mappings import (
    PASSAGE,
    PIPELINE,
    QUERY,
    EncoderRecord,
    Fields,
    Fusion,
    IndexRecord,
    Service,
    connector_body,
    has_own_pipeline,
    ingest_pipeline_body,
    is_marked,
    is_own,
    model_body,
    pipeline_body,
    read_ingest_pipeline,
    read_pipeline,
    read_search_pipeline,
    search_pipeline_body,
)

SERVICE = Service("http://127.0.0.1:8080", "some/model", "57ab", 8, asymmetric=False)
FIELDS = Fields(vector="embedding", text="body")


@pytest.mark.parametrize("kind", [None, PASSAGE, QUERY])
def test_a_connector_says_where_and_what(kind):
    body = connector_body("tandem-shop", SERVICE, kind, "sesame")
    (action,) = body["actions"]
    assert action["url"] == "http://127.0.0.1:8080/v1/embeddings"
    said = "${parameters.content_type}" if kind is None else kind
    assert f'"input_type": "{said}"' in action["request_body"]
    assert body["parameters"]["model"] == "some/model"
    assert is_marked(body)
    assert is_marked(model_body("tandem-shop", SERVICE, kind))


def test_the_key_is_in_the_credential_alone():
    body = connector_body("tandem-shop", SERVICE, PASSAGE, "sesame")
    assert body.pop("credential") == {"key": "sesame"}
    assert body["actions"][0]["headers"]["Authorization"] == "Bearer ${credential.key}"
    assert "sesame" not in json.dumps(body)
    bare = connector_body("tandem-shop", SERVICE, PASSAGE, "")
    assert bare["credential"]  # without one ML Commons refuses a connector
    assert "sesame" not in json.dumps(bare)
    assert "Authorization" not in bare["actions"][0]["headers"]


def test_a_model_of_both_kinds_says_so():
    of_both = model_body("tandem-shop", SERVICE, None)["model_config"]
    assert of_both["additional_config"]["is_asymmetric"]
    assert of_both["embedding_dimension"] == 8
    assert "model_config" not in model_body("tandem-shop", SERVICE, PASSAGE)


def test_an_ingest_pipeline_is_read_back():
    body = json.loads(json.dumps(ingest_pipeline_body("m1", SERVICE, FIELDS)))
    found = read_ingest_pipeline(body)
    assert (found.model_id, found.fingerprint, found.fields) == ("m1", "57ab", FIELDS)


def test_a_search_pipeline_is_read_back_and_fuses():
    body = search_pipeline_body("m1", Fusion(weights=(0.8, 0.2)))
    assert read_search_pipeline(body) == "m1"
    assert read_pipeline(body, "shop") == Fusion(weights=(0.8, 0.2))
    # `put_pipeline` must not take it for one of its own.
    assert not is_own(body)
    assert read_search_pipeline(pipeline_body(Fusion())) is None


@pytest.mark.parametrize(
    "change",
    [
        {"description": "ours"},
        {"version": 3},
        {"processors": []},
        {"processors": [{"script": {}}, {"text_embedding": {}}, {"remove": {}}]},
    ],
)
def test_what_others_changed_is_not_ours(change):
    body = ingest_pipeline_body("m1", SERVICE, FIELDS)
    assert read_ingest_pipeline({**body, **change}) is None


def test_a_processor_more_in_a_search_pipeline_is_others():
    body = search_pipeline_body("m1", Fusion())
    more = [*body["request_processors"], {"filter_query": {}}]
    assert read_search_pipeline({**body, "request_processors": more}) is None


def described(meta, **settings):
    return {"mappings": {"_meta": meta}, "settings": {"index": settings}}


def test_tandem_knows_whose_pipeline_an_index_has():
    own = IndexRecord(EncoderRecord("m", "57ab", 8)).to_meta()
    noted = {**own, PIPELINE: "shop"}
    assert has_own_pipeline(described(noted, default_pipeline="shop"))
    assert not has_own_pipeline(described(noted, default_pipeline="others"))
    assert not has_own_pipeline(described(noted))
    assert not has_own_pipeline(described(own, default_pipeline="shop"))
    # A `_meta` without Tandem's record is its owner's.
    assert not has_own_pipeline(described({PIPELINE: "shop"}, default_pipeline="shop"))
