"""What a search learns of an index, and why some vectors cannot be searched."""

import pytest

from mappings import MappingError
from query.errors import FilterError, TargetError
from query.target import read_target, valued_field
from tests.unit.query.targets import described, target


def foreign(**properties):
    return {"mappings": {"properties": properties}, "settings": {"index": {"knn": "true"}}}


VECTOR = {
    "type": "knn_vector",
    "dimension": 3,
    "method": {"name": "hnsw", "engine": "faiss", "space_type": "l2"},
}


def test_an_index_that_tandem_made():
    found = target(shards=3, number_of_replicas="2", max_result_window="500")
    assert (found.all_shards, found.replicas, found.window) == (3, 2, 500)
    assert found.record.fingerprint == "57ab"
    assert found.text_fields == ("text", "title")
    field = found.vector_field(None)
    assert (field.name, field.dimension, field.space) == ("vector", 3, "cosinesimil")
    assert (field.engine, field.compressed) == ("lucene", False)
    assert found.types["name.raw"] == "keyword"
    assert found.types["author.name"] == "keyword"
    assert found.hidden_fields == ("content_hash", "vector")


def test_an_index_on_elasticsearch():
    field = target(distribution="elasticsearch").vector_field(None)
    assert (field.engine, field.space, field.dimension) == (None, "cosine", 3)


def test_defaults_where_settings_may_not_be_read():
    found = read_target("books", {"books": {"mappings": described()["mappings"]}})
    assert (found.all_shards, found.window, found.refusal) == (1, 10_000, None)


def test_a_foreign_index_is_searched_by_what_it_has():
    found = read_target("x", {"x": foreign(body={"type": "text"}, v=VECTOR)})
    assert found.record is None
    assert found.text_fields == ("body",)
    assert found.vector_field(None).space == "l2"


def test_no_vectors_are_told_with_the_cure():
    found = read_target("x", {"x": foreign(body={"type": "text"})})
    with pytest.raises(TargetError, match=r"'x' has no field of vectors.*mode bm25"):
        found.vector_field(None)


def test_several_vectors_need_a_name():
    found = read_target("x", {"x": foreign(a=VECTOR, b={"properties": {"c": VECTOR}})})
    with pytest.raises(TargetError, match=r"\(a, b\.c\): name one with `Knn.field`"):
        found.vector_field(None)
    assert found.vector_field("b.c").name == "b.c"
    with pytest.raises(TargetError, match=r"no field 'd' of vectors: it has a, b\.c"):
        found.vector_field("d")


def test_a_second_vector_beside_the_recorded_one_does_not_confuse():
    made = described()
    made["mappings"]["properties"]["image"] = VECTOR
    assert read_target("books", {"books": made}).vector_field(None).name == "vector"


def test_index_knn_false_is_told():
    for changes in ({"knn": "false"}, {"knn": None}):
        with pytest.raises(TargetError, match=r"index\.knn false.*new index, or use mode bm25"):
            target(**changes).vector_field(None)


def test_dense_vectors_that_are_not_indexed_are_no_vectors():
    plain = {"type": "dense_vector", "dims": 3, "index": False}
    assert read_target("x", {"x": foreign(v=plain)}).vectors == ()


@pytest.mark.parametrize(
    "spec",
    [
        {**VECTOR, "compression_level": "32x"},
        {**VECTOR, "mode": "on_disk"},
        {**VECTOR, "method": {**VECTOR["method"], "parameters": {"encoder": {"name": "sq"}}}},
        {"type": "dense_vector", "dims": 3, "index_options": {"type": "int8_hnsw"}},
        {"type": "dense_vector", "dims": 3, "index_options": {"type": "bbq_hnsw"}},
    ],
)
def test_compressed_fields_are_known(spec):
    assert read_target("x", {"x": foreign(v=spec)}).vector_field(None).compressed


def test_an_alias_of_one_encoder_is_one_target():
    found = read_target("both", {"a": described(shards=2), "b": described(shards=3)})
    assert found.indexes == {"a", "b"}
    assert (found.shards, found.all_shards, found.refusal) == ({"a": 2, "b": 3}, 5, None)


def test_an_alias_of_two_encoders_is_refused_naming_both():
    found = read_target("both", {"a": described(), "b": described(fingerprint="beef")})
    with pytest.raises(TargetError, match=r"a by stub \(57ab\), b by stub \(beef\)"):
        found.vector_field(None)
    bare = read_target("both", {"a": described(), "b": foreign(v=VECTOR)})
    with pytest.raises(TargetError, match="'b' has no record of its encoder"):
        bare.vector_field(None)


def test_nothing_behind_a_name_and_a_damaged_record():
    with pytest.raises(TargetError, match="no index is called 'no-such-\\*'"):
        read_target("no-such-*", {})
    made = described()
    del made["mappings"]["_meta"]["tandem"]["encoder"]
    with pytest.raises(MappingError, match="damaged Tandem record"):
        read_target("books", {"books": made})


def test_the_indexs_own_pipeline_is_seen():
    assert target(search={"default_pipeline": "mine"}).pipeline == "mine"
    assert target(search={"default_pipeline": "_none"}).pipeline is None


def test_aliases_of_fields_have_their_fields_type_but_vectors_have_none():
    alias = {"type": "alias", "path": "body"}
    found = read_target(
        "x",
        {
            "x": foreign(
                body={"type": "text"},
                v=VECTOR,
                words=alias,
                near={"type": "alias", "path": "v"},
                inner={"properties": {"words": alias}},
            )
        },
    )
    assert found.types["words"] == found.types["inner.words"] == "text"
    assert found.vector_field(None).name == "v"
    # k-NN finds nothing by an alias of a vector field, and says nothing (k-NN#3485).
    with pytest.raises(TargetError, match="no field 'near' of vectors: it has v"):
        found.vector_field("near")


def test_vectors_of_nested_objects_are_found_with_what_they_are_in():
    nested = {"type": "nested", "properties": {"v": VECTOR}}
    found = read_target("x", {"x": foreign(body={"type": "text"}, parts=nested)})
    assert (found.vector_field(None).name, found.vector_field(None).nested) == ("parts.v", "parts")


def test_bits_and_bytes_are_told_from_numbers():
    spec = {**VECTOR, "data_type": "BYTE"}
    found = read_target("x", {"x": foreign(v=spec)}).vector_field(None)
    assert (found.element, found.compressed) == ("byte", False)
    others = {"x": foreign(v=VECTOR), "y": foreign(v=spec)}
    with pytest.raises(TargetError, match="numbers float in one, byte in 'y'"):
        read_target("*", others).vector_field(None)


def test_words_of_several_indexes_are_searched_where_each_has_them():
    own, other = described(), foreign(body={"type": "text"}, isbn={"type": "text"})
    both = read_target("*", {"a": own, "b": other})
    assert both.text_fields == ("text", "title", "body", "isbn")
    assert "different fields (a: text, title; b: body, isbn), all of" in both.notes[0]
    assert read_target("*", {"a": own, "b": described()}).notes == ()


@pytest.mark.parametrize("meta", [{"tandem": "2024"}, {"tandem": ["a"]}])
def test_a_record_that_is_none_is_damaged_and_does_not_hide_other_indexes(meta):
    bad = described()
    bad["mappings"]["_meta"] = meta
    with pytest.raises(
        MappingError, match=r"'bad' has a damaged Tandem record.*put the record back"
    ):
        read_target("bad", {"bad": bad})
    both = read_target("*", {"bad": bad, "good": described()})
    assert both.text_fields == ("text", "title")
    with pytest.raises(TargetError, match="'bad' has a damaged Tandem record"):
        both.vector_field(None)


def test_meta_of_others_is_left_alone():
    other = described()
    other["mappings"]["_meta"] = "ours"
    assert read_target("x", {"x": other}).record is None


def test_a_load_is_of_an_index_that_tandem_made():
    ours = described()
    assert not read_target("books", {"books": ours}).loading
    ours["mappings"]["_meta"]["loading"] = {}
    assert read_target("books", {"books": ours}).loading
    theirs = {"mappings": {"_meta": {"loading": "lazy"}, "properties": {"a": {"type": "text"}}}}
    assert not read_target("books", {"books": theirs}).loading


def test_the_keys_of_opensearchs_flat_objects_have_no_values_of_their_own():
    with pytest.raises(FilterError, match=r"key of the flat object 'tags'.*cannot be sorted by"):
        valued_field("tags.of", {"tags": "flat_object"}, "x", "sorted by")
    assert valued_field("tags.of", {"tags": "flattened"}, "x", "counted") == ("tags.of", "keyword")
