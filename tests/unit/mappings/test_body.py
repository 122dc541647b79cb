import pytest

from mappings import (
    EncoderRecord,
    Fields,
    IndexRecord,
    MappingError,
    Shape,
    index_body,
    read_record,
)

ENCODER = EncoderRecord(model="a/model", fingerprint="f00d", dimension=8)


def test_opensearch_body_says_everything_that_the_server_would_otherwise_choose():
    body = index_body(IndexRecord(ENCODER), Shape(m=24, ef_construction=200, shards=3, replicas=2))
    assert body["settings"]["index"] == {
        "knn": True,
        "number_of_shards": 3,
        "number_of_replicas": 2,
    }
    assert body["mappings"]["properties"]["vector"] == {
        "type": "knn_vector",
        "dimension": 8,
        "method": {
            "name": "hnsw",
            "engine": "lucene",
            "space_type": "cosinesimil",
            "parameters": {"m": 24, "ef_construction": 200},
        },
    }


def test_elasticsearch_body_uses_its_own_vector_type_and_cosine():
    body = index_body(IndexRecord(ENCODER), Shape(analyzer="english"), "elasticsearch")
    vector = body["mappings"]["properties"]["vector"]
    assert (vector["type"], vector["dims"], vector["similarity"]) == ("dense_vector", 8, "cosine")
    assert vector["index_options"] == {"type": "hnsw", "m": 16, "ef_construction": 100}
    assert body["mappings"]["properties"]["title"] == {"type": "text", "analyzer": "english"}


def test_fields_take_the_names_asked_for():
    record = IndexRecord(ENCODER, Fields(vector="embedding", text="body"))
    properties = index_body(record)["mappings"]["properties"]
    assert properties["embedding"]["type"] == "knn_vector"
    assert properties["body"]["type"] == "text"
    assert "vector" not in properties
    assert "text" not in properties


@pytest.mark.parametrize("distribution", ["opensearch", "elasticsearch"])
def test_the_record_is_read_back_from_the_mapping(distribution):
    record = IndexRecord(ENCODER, Fields(text="body"))
    assert read_record(index_body(record, None, distribution)["mappings"], "books") == record


def test_two_bodies_share_nothing():
    first, second = index_body(IndexRecord(ENCODER)), index_body(IndexRecord(ENCODER))
    first["mappings"]["properties"]["vector"]["dimension"] = 9
    assert second["mappings"]["properties"]["vector"]["dimension"] == 8


def test_an_index_without_a_record_reads_as_none():
    assert read_record({}, "books") is None
    assert read_record({"_meta": {"owner": "someone"}}, "books") is None


def test_a_newer_record_names_both_formats():
    with pytest.raises(MappingError, match=r"'books'.*format 99.*format 1.*upgrade"):
        read_record({"_meta": {"tandem": {"format": 99}}}, "books")


def test_a_damaged_record_is_said():
    with pytest.raises(MappingError, match="damaged"):
        read_record({"_meta": {"tandem": {"format": 1, "encoder": {"model": "m"}}}}, "books")


@pytest.mark.parametrize(
    ("distribution", "dimension", "most"),
    [("opensearch", 16_001, "16000"), ("elasticsearch", 4_097, "4096")],
)
def test_too_many_dimensions_names_both_numbers(distribution, dimension, most):
    record = IndexRecord(EncoderRecord("m", "f", dimension))
    with pytest.raises(MappingError, match=rf"{dimension}.*{most}.*`truncate_dim`"):
        index_body(record, None, distribution)


@pytest.mark.parametrize(
    "wrong",
    [{"engine": "nmslib"}, {"m": 0}, {"shards": 0}, {"replicas": -1}, {"ef_construction": 0}],
)
def test_a_shape_that_cannot_be_is_refused(wrong):
    with pytest.raises(MappingError):
        Shape(**wrong)


GOOD = {
    "format": 1,
    "encoder": {"model": "a/model", "fingerprint": "f00d", "dimension": 8, "settings": {}},
    "fields": {"vector": "vector"},
}


def test_an_empty_prompt_is_a_setting():
    record = IndexRecord(EncoderRecord("a/model", "f00d", 8, {"query_prompt": ""}))
    assert read_record({"_meta": record.to_meta()}, "books") == record


@pytest.mark.parametrize(
    ("part", "wrong", "said"),
    [
        ("encoder", {"model": 7}, "encoder.model"),
        ("encoder", {"model": ""}, "encoder.model"),
        ("encoder", {"fingerprint": None}, "encoder.fingerprint"),
        ("encoder", {"dimension": "8"}, "encoder.dimension"),
        ("encoder", {"dimension": 0}, "encoder.dimension"),
        ("encoder", {"dimension": 10**12}, "encoder.dimension"),
        ("encoder", {"settings": [1]}, "encoder.settings"),
        ("encoder", {"settings": {"device": "cuda"}}, "device"),
        ("encoder", {"settings": {"model": "/etc"}}, "model"),
        ("encoder", {"settings": {"truncate_dim": -1}}, "truncate_dim"),
        ("encoder", {"settings": {"query_prompt": 7}}, "query_prompt"),
        ("encoder", {"settings": {"precision": "int2"}}, "precision"),
        ("fields", {"vector": 7}, "fields"),
        ("fields", {"vector": ""}, "fields"),
        ("fields", {"colour": "c"}, "colour"),
    ],
)
def test_what_tandem_never_writes_is_one_sentence(part, wrong, said):
    meta = {**GOOD, part: {**GOOD[part], **wrong}}
    with pytest.raises(MappingError, match="'books' has a damaged Tandem record") as caught:
        read_record({"_meta": {"tandem": meta}}, "books")
    assert said in str(caught.value)


@pytest.mark.parametrize("part", ["encoder", "fields"])
@pytest.mark.parametrize("wrong", [None, 7, "text", [], [{}]])
def test_a_part_that_is_no_object_is_one_sentence(part, wrong):
    with pytest.raises(MappingError, match="damaged"):
        read_record({"_meta": {"tandem": {**GOOD, part: wrong}}}, "books")
