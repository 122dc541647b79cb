"""Which fields of a foreign index are what: by name, by a sample, or as the user says."""

import pytest

from mappings.existing import Roles, assigned, fault_of_roles, source_field, values_at
from query import TargetError
from query.target import read_target


def full(*names, **types):
    properties = {name: {"type": "text"} for name in names} | types
    return read_target("x", {"x": {"mappings": {"properties": properties}}}).full_text


def of(names, sample=(), roles=None):
    found = assigned("x", full(*names), roles or Roles(), list(sample))
    return found.fields.text, found.fields.title, found.searched


def test_title_and_body_are_both_searched_and_the_body_is_the_text():
    sample = [{"title": "Wool", "body": "How sheep are shorn."}]
    assert of(["title", "body"], sample) == ("body", "title", ("body", "title"))


def test_an_identifier_is_no_text_though_its_type_is():
    sample = [{"id": "a-very-long-identifier-0001", "passage_text": "Short."}]
    assert of(["id", "passage_text"], sample) == ("passage_text", "title", ("passage_text",))
    assert of(["id"]) == ("id", "title", ("id",))


def test_a_usual_name_counts_unless_another_field_is_more_than_twice_as_long():
    assert of(["text", "notes"], [{"text": "x" * 50, "notes": "x" * 99}])[0] == "text"
    assert of(["text", "notes"], [{"text": "x" * 49, "notes": "x" * 99}])[0] == "notes"


def test_names_alone_decide_without_a_sample():
    assert of(["headline", "content", "author"])[:2] == ("content", "headline")


def test_the_user_decides():
    roles = Roles(text="author", title="body")
    assert of(["title", "body", "author"], roles=roles)[:2] == ("author", "body")
    fault = fault_of_roles("x", {"body": "text"}, Roles(text="bodi"))
    assert "no field 'bodi' for `text_field`: did you mean body?" in fault


def test_how_the_fields_were_found_is_told_unless_the_user_said_it():
    names = full("title", "body")
    (note,) = assigned("x", names, Roles(), []).notes
    assert "its text is taken from 'body' and its titles from 'title'" in note
    assert assigned("x", names, Roles(text="body", title="title"), []).notes == ()


def test_another_view_of_a_text_is_no_field_of_its_own():
    english = {"type": "text", "fields": {"english": {"type": "text"}}}
    assert full("title", body=english) == ["title", "body"]


def test_values_at_a_path():
    source = {"a": [{"b": "1"}, {"b": ["2", "3"]}], "c.d": "4"}
    assert list(values_at(source, ["a", "b"])) == ["1", "2", "3"]
    assert list(values_at(source, ["c", "d"])) == ["4"]
    assert list(values_at(source, ["x"])) == []


def test_fields_of_vectors_that_differ_between_indexes_are_not_compared():
    def index(**spec):
        vector = {"type": "knn_vector", "dimension": 3, "space_type": "l2"} | spec
        return {"mappings": {"properties": {"v": vector}}}

    target = read_target("all", {"a": index(), "b": index(space_type="innerproduct")})
    with pytest.raises(TargetError, match=r"space l2 in one, innerproduct in 'b'"):
        target.vector_field(None)
    bare = {"mappings": {"properties": {"t": {"type": "text"}}}}
    with pytest.raises(TargetError, match=r"'b' has no field 'v' of vectors"):
        read_target("all", {"a": index(), "b": bare}).vector_field(None)
    assert read_target("all", {"a": index(), "b": index()}).vector_field(None).name == "v"


def test_text_that_is_searched_under_another_name_is_read_where_a_document_has_it():
    view = {"type": "keyword", "fields": {"words": {"type": "text"}}}
    properties = {
        "body": {"type": "match_only_text"},
        "content": {"type": "alias", "path": "body"},
        "about": {"properties": {"name": view}},
    }
    mapping = {"properties": properties}
    names = ("body", "content", "about.name.words", "about.name")
    assert [source_field(n, mapping) for n in names] == ["body", "body", *["about.name"] * 2]
    target = read_target("x", {"x": {"mappings": mapping}})
    assert target.full_text == ["body", "content", "about.name.words"]
