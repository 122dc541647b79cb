"""Rows to documents: which fields, which reasons."""

from itertools import islice

import pytest

from ingest import IngestError, Reading, SourceError
from ingest.read.documents import DocumentMaker
from ingest.read.fields import check_texts, without
from ingest.read.rejects import envelope, unwrap
from ingest.read.template import Template, lookup
from ingest.records import Document, Origin, Reject, Row
from mappings import Fields

HERE = Origin("a.jsonl", 3)


def make(value, **reading):
    (found,) = DocumentMaker(Reading(**reading), Fields()).make(iter([Row(HERE, value)]))
    return found


def reason(value, **reading):
    found = make(value, **reading)
    assert isinstance(found, Reject)
    return found.reason


def test_the_usual_names():
    found = make({"_id": "7", "title": "T", "text": "x", "year": 1, "deep": {"a": 1}})
    assert isinstance(found, Document)
    assert (found.id, found.title, found.text) == ("7", "T", "x")
    assert found.metadata == {"year": 1, "deep": {"a": 1}}
    assert found.before + found.text + found.after == "T\nx"


def test_integers_are_ids_and_nothing_else_is():
    assert make({"id": 12, "text": "x"}).id == "12"
    assert "the id is a boolean" in reason({"id": True, "text": "x"})
    assert "the id is a number" in reason({"id": 1.5, "text": "x"})
    assert "the id is an object" in reason({"id": {"a": 1}, "text": "x"})
    assert "no id (looked for" in reason({"text": "x"})
    assert "no id" in reason({"id": "", "text": "x"})


def test_ids_that_the_cluster_cannot_hold():
    assert "501 bytes" in reason({"id": "x" * 501, "text": "x"})
    assert "NUL" in reason({"id": "a\0", "text": "x"})
    assert "##" in reason({"id": "a##3", "text": "x"})
    assert make({"id": "page.html#3", "text": "x"}).id == "page.html#3"


def test_nested_fields_by_dotted_path():
    value = {"doc": {"key": "k", "body": "the text", "more": 1}, "a.b": "dotted"}
    found = make(value, id_field="doc.key", text_fields=("doc.body",), title_field="a.b")
    assert (found.id, found.text, found.title) == ("k", "the text", "dotted")
    assert found.metadata == {"doc": {"more": 1}}
    assert lookup({"a": {"b": 1}, "a.b": 2}, "a.b") == 2
    assert without({"a": {"b": 1, "c": 2}}, "a.b") == {"a": {"c": 2}}


def test_several_text_fields_are_joined_and_missing_ones_left_out():
    value = {"id": 1, "abstract": "One.", "body": "Two."}
    assert make(value, text_fields=("abstract", "none", "body")).text == "One.\nTwo."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        (" \n\t ", "only white space"),
        ("a\0b", "NUL"),
        (None, "no text (looked for"),
        (5, "text is a number"),
        ({"a": 1}, "text is an object"),
        ([], "the text is empty"),
        (["a", 5], "text[1] is a number"),
        ("ü" * 60, "120 bytes and at most 100"),
    ],
)
def test_texts_that_are_none(text, said):
    assert said in reason({"id": 1, "text": text}, max_bytes=100)


def test_a_title_without_a_text_is_a_document():
    for text in ("", None, "  ", []):
        found = make({"id": 1, "title": "Only this", "text": text, "year": 1958})
        assert (found.text, found.title, found.metadata) == ("", "Only this", {"year": 1958})
        assert found.before + found.text + found.after == "Only this"
    assert make({"id": 1, "title": "T"}, template="{title}: {text}").before == "T:"
    said = reason({"id": 1, "title": "T", "text": ""}, template="passage: {text}")
    assert said == "the text is empty, and the template has no title to encode instead"
    first, same, other = (
        make({"title": title, "text": ""}, id_from_content=True) for title in ("A", "A", "B")
    )
    assert first.id == same.id != other.id


def test_a_list_of_sentences_is_a_text():
    assert make({"id": 1, "text": ["One. ", "Two.", None]}).text == "One. \nTwo."


def test_a_number_is_a_title():
    assert make({"id": 1, "title": 1984, "text": "x"}).before == "1984\n"
    assert "title is a boolean" in reason({"id": 1, "title": True, "text": "x"})


def test_a_title_in_the_text_is_encoded_once():
    found = make({"id": 1, "title": "T", "body": "x"}, text_fields=("title", "body"))
    assert (found.before + found.text, found.title) == ("T\nx", "T")


def test_ids_of_a_column_with_gaps_are_told():
    assert "the id is 12.0, a whole number written as a fraction" in reason(
        {"id": 12.0, "text": "x"}
    )
    rows = [Row(HERE, {"id": f"{n}.0", "text": "x"}, cells=True) for n in range(3)]
    maker = DocumentMaker(Reading(), Fields())
    assert [each.id for each in maker.make(iter(rows))] == ["0.0", "1.0", "2.0"]
    assert "the ids are numbers such as '0.0', as pandas writes" in maker.warnings[0]
    maker = DocumentMaker(Reading(), Fields())
    assert list(maker.make(iter([*rows, Row(HERE, {"id": "a", "text": "x"})])))
    assert not maker.warnings


def test_an_id_that_is_too_long_is_hashed_on_request_and_kept():
    long = "https://example.org/" + "ü" * 250
    assert "520 bytes and at most 500" in reason({"id": long, "text": "x"})
    assert "`hash_long_ids`" in reason({"id": long, "text": "x"})
    found = make({"_id": long, "text": "x"}, hash_long_ids=True)
    assert (len(found.id), found.metadata) == (32, {"original_id": long})
    assert make({"_id": long, "text": "y"}, hash_long_ids=True).id == found.id
    assert make({"_id": "short", "text": "x"}, hash_long_ids=True).metadata == {}
    said = reason({"_id": long, "text": "x", "original_id": 1}, hash_long_ids=True)
    assert "'original_id', and there is such a field" in said


def checked(rows, **reading):
    maker = DocumentMaker(Reading(**reading), Fields())
    check_texts(list(maker.make(Row(HERE, row) for row in rows)), Reading(**reading))


def test_a_source_whose_text_has_another_name_is_refused_though_it_has_titles():
    rows = [{"id": n, "title": "A title", "abstract": "A text of words."} for n in range(3)]
    with pytest.raises(
        SourceError, match=r"none of the first 3 .* `text_fields`, maybe 'abstract'"
    ):
        checked(rows)
    checked(rows, text_fields=("abstract",))
    checked([*rows, {"id": 9, "text": "x"}])
    checked([{"id": n, "title": "A title of some words", "author": "A. B"} for n in range(3)])
    with pytest.raises(SourceError, match="looked for abstrct"):
        checked(rows, text_fields=("abstrct",))


def test_a_name_that_tandem_writes_itself_is_refused_with_the_cure():
    said = reason({"id": 1, "text": "x", "vector": [1]})
    assert "'vector'" in said
    assert "`drop_fields=['vector']`" in said
    assert make({"id": 1, "text": "x", "vector": [1]}, drop_fields=("vector",)).metadata == {}


def test_a_field_without_a_name_is_refused_with_the_cure():
    value = {"": 0, "id": 1, "text": "x"}
    assert "`drop_fields=['']`" in reason(value)
    assert make(value, drop_fields=("",)).metadata == {}


def test_null_means_absent():
    found = make({"id": 5, "title": None, "text": "x", "vector": None, "_id": None, "n": None})
    assert (found.id, found.title, found.text) == ("5", None, "x")
    assert found.metadata == {"n": None}
    found = make({"id": 5, "text": None, "body": "b"}, text_fields=("body",))
    assert (found.text, found.metadata) == ("b", {})
    found = make({"id": 5, "title": None, "name": "T", "text": "x"}, title_field="name")
    assert (found.title, found.metadata) == ("T", {})
    assert "'vector'" in reason({"id": 5, "text": "x", "title": None, "vector": 1})


def test_ids_from_content_follow_from_the_text():
    first = make({"text": "x"}, id_from_content=True).id
    assert first == make({"text": "x", "year": 2}, id_from_content=True).id
    assert first != make({"text": "y"}, id_from_content=True).id


def test_a_reject_without_an_id_has_none_even_if_one_would_be_made():
    assert make({"text": "x", "vector": 1}, id_from_content=True).id is None


def test_templates():
    template = Template("{title}: {text} [{tags}]")
    assert template.around({"title": "T", "tags": ["a", "b"]}) == ("T: ", " [a, b]")
    assert template.around({}) == (": ", " []")
    found = make({"id": 1, "text": "x", "m": {"n": 5}}, template="{m.n} - {text}")
    assert found.before + found.text + found.after == "5 - x"
    assert found.metadata == {"m": {"n": 5}}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("no text", r"has \{text\} 0 times"),
        ("{text}{text}", r"has \{text\} 2 times"),
        ("{title", r"'\{' at character 1: .* write \{\{ for a brace"),
        ("{text} }", r"'\}' at character 8: .* write \}\} for a brace"),
        ("{}{text}", r"'\{\}' at character 1: name a field"),
        ("a {text!q}", r"'\{text!q\}' at character 3: .* such as \{text\}"),
        ("{text}{title:>9}", r"'\{title:>9\}' at character 7: .* such as \{title\}"),
    ],
)
def test_wrong_templates_are_refused_naming_the_place(bad, said):
    with pytest.raises(IngestError, match=said):
        Template(bad)


def test_doubled_braces_are_braces():
    assert Template("{{{t}}} {text} }}").around({"t": 1}) == ("{1} ", " }")


def warned(rows, template, limit=None):
    maker = DocumentMaker(Reading(template=template), Fields())
    for _ in islice(maker.make(Row(HERE, row) for row in rows), limit):
        pass
    return maker.warnings


def test_a_field_that_no_document_has_is_told_with_the_one_that_was_meant():
    rows = [{"id": n, "title": "T", "text": "x"} for n in range(150)]
    misspelt = "{titel}: {text}"
    said = "the field 'titel' that the template names (did you mean {title}?)"
    for count, who in ((3, "no document has"), (150, "none of the first 100 documents has")):
        (warning,) = warned(rows[:count], misspelt)
        assert f"{who} {said}" in warning
    # Not before there are enough, and not where one has it.
    assert warned(rows, misspelt, limit=99) == ()
    assert len(warned(rows, misspelt, limit=100)) == 1
    assert warned([*rows[:99], {**rows[99], "titel": ""}], misspelt) == ()
    assert warned(rows, "{title}: {text}") == ()
    assert warned([], misspelt) == ()


def test_a_line_of_a_rejects_file_is_the_document_in_it():
    document = {"id": "1", "text": "x"}
    line = envelope(Reject("why", HERE, "1", document))
    assert unwrap(Row(HERE, line)).value == document
    raw = envelope(Reject("why", HERE, raw='{"id": "2", "text": "y"}'))
    assert unwrap(Row(HERE, raw)).value["id"] == "2"
    still_bad = envelope(Reject("why", HERE, raw='{"id": '))
    assert "broken JSON" in unwrap(Row(HERE, still_bad)).reason
    assert "must be an object" in unwrap(Row(HERE, {**line, "document": 5})).reason


@pytest.mark.parametrize(("separator", "raw"), [(",", '1,"a, b",x'), ("\t", "1\ta, b\tx")])
def test_a_row_that_an_older_version_refused_is_taken_too(separator, raw):
    line = {"reason": "r", "file": "f", "line": 2, "id": None, "raw": raw, "separator": separator}
    found = unwrap(Row(HERE, {**line, "columns": ["id", "text", "kind"]}))
    assert found.value == {"id": "1", "text": "a, b", "kind": "x"}


def test_a_document_that_looks_like_a_reject_is_left_alone():
    value = {"reason": "r", "file": "f", "line": 1, "id": "x", "document": {}, "text": "t"}
    assert unwrap(Row(HERE, value)).value is value
