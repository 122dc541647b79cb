"""Vectors in fewer bits: the bodies of each store's documentation, and sizes by hand."""

import pytest

from mappings import Fields, MappingError, Shape, index_body, laid_out
from mappings.quantization import needs, ways_of
from mappings.record import EncoderRecord, IndexRecord

RECORD = IndexRecord(EncoderRecord("m", "f", 8, {}))


def vector(distribution="opensearch", **shape):
    body = index_body(RECORD, Shape(**shape), distribution)
    return body, body["mappings"]["properties"]["vector"]


@pytest.mark.parametrize(
    ("engine", "quantization", "level"),
    [
        ("lucene", "none", {}),
        ("lucene", "int8", {"compression_level": "4x"}),
        ("lucene", "byte", {"data_type": "byte"}),
        ("faiss", "none", {}),
        ("faiss", "fp16", {"compression_level": "2x"}),
        ("faiss", "binary", {"mode": "in_memory", "compression_level": "32x"}),
        ("faiss", "on-disk", {"mode": "on_disk", "compression_level": "32x"}),
        ("faiss", "on-disk-16x", {"mode": "on_disk", "compression_level": "16x"}),
        ("faiss", "on-disk-8x", {"mode": "on_disk", "compression_level": "8x"}),
    ],
)
def test_a_level_of_the_engine(engine, quantization, level):
    _, field = vector(engine=engine, quantization=quantization)
    assert field == {
        "type": "knn_vector",
        "dimension": 8,
        "method": {
            "name": "hnsw",
            "engine": engine,
            "space_type": "cosinesimil",
            "parameters": {"m": 16, "ef_construction": 100},
        },
        **level,
    }


def test_faiss_compares_bytes_by_their_inner_product():
    """Since 3.6 k-NN refuses its cosine of bytes, and before it failed at the first document."""
    _, field = vector(engine="faiss", quantization="byte")
    assert field == {
        "type": "knn_vector",
        "dimension": 8,
        "data_type": "byte",
        "method": {
            "name": "hnsw",
            "engine": "faiss",
            "space_type": "innerproduct",
            "parameters": {"m": 16, "ef_construction": 100},
        },
    }


@pytest.mark.parametrize(
    ("quantization", "kind"),
    [("none", "hnsw"), ("int8", "int8_hnsw"), ("int4", "int4_hnsw"), ("binary", "bbq_hnsw")],
)
def test_a_graph_of_elasticsearch(quantization, kind):
    _, field = vector("elasticsearch", quantization=quantization)
    assert field["index_options"] == {"type": kind, "m": 16, "ef_construction": 100}


@pytest.mark.parametrize(
    ("distribution", "engine", "quantization"),
    [
        *(("opensearch", "lucene", each) for each in ways_of("lucene")),
        *(("opensearch", "faiss", each) for each in ways_of("faiss")),
        *(("elasticsearch", "lucene", each) for each in ("none", "int8", "int4", "binary")),
    ],
)
def test_what_was_asked_for_is_read_from_the_index(distribution, engine, quantization):
    body, _ = vector(distribution, engine=engine, quantization=quantization)
    assert laid_out(body, Fields())["quantization"] == quantization
    if distribution == "opensearch":  # which shows kinds of data so
        field = body["mappings"]["properties"]["vector"]
        field["data_type"] = field.get("data_type", "float").upper()
        assert laid_out(body, Fields())["quantization"] == quantization


@pytest.mark.parametrize(
    ("distribution", "shape", "said"),
    [
        ("opensearch", {"quantization": "fp16"}, r"engine lucene has no.*'fp16'.*`engine='faiss'`"),
        ("opensearch", {"quantization": "int4"}, r"lucene has no.*`quantization='byte'`\.$"),
        ("opensearch", {"engine": "faiss", "quantization": "int8"}, r"faiss has no.*'fp16'"),
        ("elasticsearch", {"quantization": "on-disk"}, r"Elasticsearch has no.*'binary'"),
    ],
)
def test_what_a_store_lacks_is_refused_with_what_it_has(distribution, shape, said):
    with pytest.raises(MappingError, match=said):
        vector(distribution, **shape)


def test_an_unknown_one_is_refused():
    with pytest.raises(MappingError, match=r"unknown quantization 'pq': use one of none, fp16"):
        Shape(quantization="pq")


def test_sizes_by_hand():
    found = {(each.store, each.quantization): each for each in needs(1_000_000, 256, m=16)}
    # OpenSearch's own example: 1.1 * (4 * 256 + 8 * 16) * 1,000,000, about 1.267 GB.
    assert found["lucene", "none"].memory == 1_267_200_000
    assert found["faiss", "fp16"].memory == 1.1 * (512 + 128) * 1_000_000
    # The example of byte vectors: 1.1 * (256 + 8 * 16) * 1,000,000, about 0.39 GB (0.422).
    assert found["faiss", "byte"].memory == found["lucene", "byte"].disk == 422_400_000
    assert found["faiss", "byte"].disk == 422_400_000 + 256_000_000
    assert found["lucene", "int8"].disk == 422_400_000 + 1_024_000_000
    assert found["faiss", "on-disk"].memory == 1.1 * (32 + 128) * 1_000_000
    assert found["faiss", "on-disk-8x"].memory == 1.1 * (128 + 128) * 1_000_000
    assert found["elasticsearch", "none"].memory == (1024 + 64) * 1_000_000
    assert found["elasticsearch", "int4"].memory == (128 + 4 + 64) * 1_000_000
    assert found["elasticsearch", "binary"].disk == (32 + 14 + 64 + 1024) * 1_000_000
    assert [each.memory for each in needs(0, 256)] == [0] * len(found)
