"""What `tandem doctor --index` finds in indexes of Tandem's and of others."""

import pytest

from cluster.diagnosis.templates import of_templates
from ingest import Plan, enrich
from ingest.index.existing.diagnosis.judge import diagnose_index
from ingest.index.note import Loader, Note, put_note
from mappings import Fusion, Shape
from query import put_pipeline
from tests.integration.ingest.existing.books import BOOKS, make_books, make_index, vector_spec
from tests.support.loads import documents, ingested
from tests.support.red import partly_red, red
from tests.support.searches import corpus
from tests.support.stubs import StubEncoder

STUB = StubEncoder()


class Other(StubEncoder):
    """Another model of the same dimension."""

    def vector(self, text):
        return super().vector(f"other: {text}")


def found(cluster, name, encoder=STUB, **options):
    """By name, the finding of each look; all that is found of a kind, where there are several."""
    rows = diagnose_index(cluster, name, lambda record: encoder, **options)
    assert not [each for each in rows if each.value.startswith("not seen")]
    return {each.name: each for each in rows}


def test_an_index_of_tandems(either, index_name):
    shape, texts = Shape(shards=2, replicas=1, quantization="int8"), [*documents(5)]
    texts.append({"id": "long", "text": " ".join(f"word{n}" for n in range(900))})
    options = {"cluster": either, "encoder": STUB, "plan": Plan(shape=shape)}
    report = ingested(texts, alias=index_name, **options)
    rows = found(either, index_name)
    held = either.client.count(index=index_name)["count"]
    assert report.read == 6 < held
    assert rows["passages"].value == f"{held:,} of 6 texts, {held / 6:.1f} each"
    assert rows["record"].value.startswith("made by Tandem, encoded by ")
    fields = "text in 'text', titles in 'title', vectors in 'vector', ids in 'document_id'"
    assert rows["fields"].value == f"{fields}, by the record"
    assert f"{STUB.dim} dimensions of float" in rows["vectors"].value
    assert rows["quantization"].value.startswith("int8 (")
    assert rows["shards"].value == "all there, 2"
    assert rows["documents"].value == f"{held} with a vector, 0 without"
    memory = rows["memory of its graph"].value
    formula = "1.1 * (1 * 8 + 8 * 16)"
    if either.capabilities.distribution == "elasticsearch":
        formula = "(1 * 8 + 4 + 4 * 16)"
    assert f" = {formula} bytes * {held} vectors (" in memory
    # The embedded node keeps no replicas.
    assert ("twice with its replica" in memory) != either.capabilities.embedded
    assert rows["load"].value == "none goes on, none was left unfinished"
    assert (rows["blocks"].value, rows["aliases"].value) == ("none", index_name)
    assert "24 of 24 sampled documents have" in rows["model fit"].value
    assert not [row for row in rows.values() if row.cure]
    wrong = found(either, index_name, Other(fingerprint="07e4"))
    assert wrong["model"].bad
    assert wrong["model fit"].bad
    assert found(either, index_name, None)["model fit"].cure is None


def test_an_index_of_others(either, index_name):
    make_books(either, index_name, STUB.encode_passages, more=[{"body": "bare"}] * 3)
    rows = found(either, index_name)
    assert (rows["record"].value, rows["record"].bad) == ("none: others made it", False)
    assert f"`adopt_index(cluster, {index_name!r}, encoder)`" in rows["record"].cure
    assert rows["fields"].value.startswith(
        "text in 'body', titles in 'headline', vectors in 'body_vector', found by names"
    )
    assert rows["documents"].value == f"{len(BOOKS)} with a vector, 3 without"
    assert f"`enrich(cluster, {index_name!r}, encoder)`" in rows["documents"].cure
    assert rows["model fit"].value.endswith("cosine 1.000, encoded as '{text}'")
    other = found(either, index_name, Other())["model fit"]
    assert other.value.startswith("0 of 12 sampled documents have")
    assert other.bad
    assert found(either, index_name, StubEncoder(dim=9))["model fit"].value.startswith("no: ")
    assert "name it with `model`" in found(either, index_name, None)["model fit"].value


@pytest.mark.parametrize("hidden", [{}, {"excludes": ["price"]}])
def test_where_vectors_need_a_copy_it_is_advised(either, index_name, hidden):
    mapping = {"_source": hidden, "properties": {"body": {"type": "text"}}}
    either.client.indices.create(index=index_name, body={"mappings": mapping})
    copied = hidden or either.capabilities.distribution == "opensearch"
    more = f", copy_to={index_name + '-2'!r}" if copied else ""
    rows = found(either, index_name)
    for name in ("record", "vectors"):
        assert f"`enrich(cluster, {index_name!r}, encoder{more})`" in rows[name].cure


def test_several_fields_of_vectors_are_told_and_one_is_judged(either, index_name):
    spec = vector_spec(either.capabilities.distribution, STUB.dim)
    make_index(
        either,
        index_name,
        {"body": {"type": "text"}, "a": spec, "b": spec},
        [{"body": each["body"], "a": STUB.vector(each["body"]).tolist()} for each in BOOKS],
    )
    rows = found(either, index_name)
    assert rows["vectors"].value == "several fields: a, b"
    assert rows["vectors"].cure == "name one with `vector_field`"
    assert "12 of 12" in found(either, index_name, vector_field="a")["model fit"].value
    assert found(either, index_name, vector_field="b")["documents"].value.startswith("0 with")


def test_passages_in_nested_objects(either, index_name):
    texts = [" ".join(f"word{n}" for n in range(600)) + f" {kind}" for kind in "abc"]
    make_index(either, index_name, {"body": {"type": "text"}}, [{"body": each} for each in texts])
    enrich(either, index_name, STUB, text_field="body", passages="nested")
    either.client.indices.refresh(index=index_name)
    rows = found(either, index_name)
    count = int(rows["passages"].value.split()[0])
    assert count > 3
    assert rows["passages"].value == f"{count} of 3 texts, {count / 3:.1f} each"
    assert f"* {count} vectors" in rows["memory of its graph"].value
    assert rows["documents"].value == "3 with a vector, 0 without"
    assert "3 of 3 sampled documents have" in rows["model fit"].value


def test_a_load_that_did_not_end_and_blocks(either, index_name):
    ingested(documents(3), cluster=either, encoder=STUB, index=index_name)
    description = either.get_index(index_name)[index_name]
    gone = {"x": Loader("elsewhere", 1, 1)}
    put_note(
        either, index_name, description, Note(settings={"refresh_interval": None}, loaders=gone)
    )
    blocks = {"index.blocks.write": True, "index.blocks.read_only_allow_delete": True}
    either.client.indices.put_settings(index=index_name, body=blocks)
    rows = found(either, index_name)
    assert rows["load"].value == "one did not end, and left refresh_interval changed"
    assert rows["load"].cure
    assert "index.blocks.read_only_allow_delete, index.blocks.write" in rows["blocks"].value
    lift = f'PUT /{index_name}/_settings {{"index.blocks.read_only_allow_delete": null, '
    assert rows["blocks"].cure.startswith("free disk space, whereupon the cluster lifts it itself")
    assert lift in rows["blocks"].cure


def test_missing_shards(opensearch):
    with partly_red(opensearch, corpus()) as name:
        row = found(opensearch, name)["shards"]
        assert (row.bad, row.value[:9]) == (True, "1 of 3 ar")
    with red(opensearch) as name:
        rows = {each.name: each for each in diagnose_index(opensearch, name, lambda record: STUB)}
        assert rows["shards"].bad


def told(cluster, name):
    """(name, value, cure) of what would touch an index of that name."""
    return [(each.name, each.value, each.cure) for each in of_templates(cluster, "x", name)]


@pytest.fixture
def ask(either):
    return either.client.transport.perform_request


@pytest.mark.parametrize("ending", ["", "-20260101000000"])
def test_templates_and_pipelines_that_would_touch_an_index(either, index_name, ask, ending):
    """ending: of an index that an alias's load makes."""
    pipe = {"template": {"settings": {"index.default_pipeline": f"{index_name}-none"}}}
    made = {
        f"/_template/{index_name}-old": {"index_patterns": [f"{index_name}*"], "order": 3},
        f"/_component_template/{index_name}": pipe,
        f"/_index_template/{index_name}-low": {"index_patterns": [f"{index_name}*"]},
        f"/_index_template/{index_name}-high": {
            "index_patterns": [f"{index_name}{ending}"],
            "priority": 2,
            "composed_of": [index_name],
            "template": {"mappings": {"_source": {"excludes": ["secret"]}}},
        },
    }
    try:
        for path, body in made.items():
            ask("PUT", path, body=body)
        rows = told(either, index_name)
    finally:
        for path in reversed(made):
            ask("DELETE", path, params={"ignore": 404})
    low = [row for row in rows if row[1].startswith(f"{index_name}-low (")]
    assert low == [("template", f"{index_name}-low ({index_name}*) sets nothing", None)]
    (high,) = [row for row in rows if row[1].startswith(f"{index_name}-high (")]
    assert f"default_pipeline {index_name}-none" in high[1]
    assert high[2].startswith("have _source left whole")
    (pipeline,) = [row for row in rows if row[0] == "default ingest pipeline"]
    assert pipeline[1] == f"{index_name}-none is not there: no document gets through"
    assert len(rows) == 3


def test_a_legacy_template_and_one_of_data_streams(either, index_name, ask):
    made = {
        f"/_template/{index_name}": {
            "index_patterns": [f"{index_name}-a*"],
            "settings": {"number_of_shards": 3},
        },
        f"/_index_template/{index_name}": {
            "index_patterns": [f"{index_name}-b*"],
            "data_stream": {},
        },
    }
    try:
        for path, body in made.items():
            ask("PUT", path, body=body)
        old, stream = told(either, f"{index_name}-a"), told(either, f"{index_name}-b")
        (none,) = told(either, index_name)
    finally:
        for path in made:
            ask("DELETE", path, params={"ignore": 404})
    named = f"{index_name} ({index_name}-a*) sets number_of_shards 3"
    assert old == [("legacy template", named, None)]
    assert "only a data stream" in stream[0][2]
    assert none[1] == f"none touches {index_name}, or {index_name}-TIME of an alias's load"


def test_the_pipelines_of_an_index_are_told_with_what_they_do(opensearch, index_name):
    ask = opensearch.client.transport.perform_request
    ingested(documents(3), cluster=opensearch, encoder=STUB, index=index_name)
    pipe, search = f"{index_name}-pipe", put_pipeline(opensearch, f"{index_name}-pipe", Fusion())
    body = {"processors": [{"trim": {"field": "text"}}, {"drop": {"if": "false"}}]}
    ask("PUT", f"/_ingest/pipeline/{pipe}", body=body)
    settings = {"final_pipeline": pipe, "search.default_pipeline": pipe}
    opensearch.client.indices.put_settings(index=index_name, body={"index": settings})
    try:
        rows = found(opensearch, index_name)
    finally:
        settings = dict.fromkeys(settings)
        opensearch.client.indices.put_settings(index=index_name, body={"index": settings})
        ask("DELETE", f"/_ingest/pipeline/{pipe}")
        ask("DELETE", f"/_search/pipeline/{pipe}")
    assert rows["final ingest pipeline"].value == f"{pipe} (trim, drop)"
    kind = next(iter(search["phase_results_processors"][0]))
    assert rows["default search pipeline"].value.startswith(f"{pipe} ({kind}); hybrid searches go")
