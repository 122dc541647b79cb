"""Ingest pipelines of the index's owner: what they drop, move or rename is not called written."""

import pytest

from ingest import IncompleteError, RejectLimit
from ingest.index.open import create_index
from ingest.run.plan import Plan
from mappings import Shape
from tests.support.loads import documents, ingested, lines_of, stored
from tests.support.stubs import StubEncoder

EIGHTH = "ctx.document_id == 'd7'"
PROCESSORS = {
    "drops": {"drop": {"if": EIGHTH}},
    "renames": {"set": {"field": "_id", "value": "other", "if": EIGHTH}},
    "moves": {"set": {"field": "_index", "value": "INDEX-else", "if": EIGHTH}},
}
SAID = {
    "drops": "it was not stored (result noop): ingest pipeline 'PIPE' does that",
    "renames": "it was stored as 'other' in index 'INDEX'",
    "moves": "it was stored as 'd7' in index 'INDEX-else'",
}


@pytest.fixture
def piped(opensearch, index_name):
    """Makes an index whose documents go through a processor."""
    name = f"{index_name}-pipe"

    def make(processor, kind):
        create_index(opensearch, index_name, StubEncoder(), shape=Shape())
        told = {key: {**value} for key, value in processor.items()}
        for each in told.values():
            if "value" in each:
                each["value"] = each["value"].replace("INDEX", index_name)
        opensearch.client.ingest.put_pipeline(id=name, body={"processors": [told]})
        settings = {f"index.{kind}_pipeline": name}
        opensearch.client.indices.put_settings(index=index_name, body=settings)
        return name

    yield make
    opensearch.client.indices.put_settings(
        index=index_name, body={"index.default_pipeline": None, "index.final_pipeline": None}
    )
    opensearch.client.ingest.delete_pipeline(id=name)


@pytest.mark.parametrize(
    ("does", "kind"),
    [("drops", "default"), ("drops", "final"), ("renames", "default"), ("moves", "default")],
)
def test_what_a_pipeline_does_not_store_is_rejected(
    opensearch, index_name, piped, tmp_path, does, kind
):
    pipeline = piped(PROCESSORS[does], kind)
    report = ingested(
        documents(20),
        cluster=opensearch,
        index=index_name,
        encoder=StubEncoder(),
        plan=Plan(
            max_rejects=RejectLimit(share=None, number=5), rejects=tmp_path / "rejects.jsonl"
        ),
    )
    assert (report.written, report.rejected) == (19, 1)
    (reject,) = lines_of(report.rejects)
    assert SAID[does].replace("INDEX", index_name).replace("PIPE", pipeline) in str(reject)
    assert f"ingest pipeline {pipeline!r} does that" in str(reject)
    assert stored(opensearch, index_name).keys() - {"other"} == {
        f"d{n}" for n in range(20) if n != 7
    }


def test_a_pipeline_that_changes_what_is_stored_is_found_by_reading_back(
    opensearch, index_name, piped
):
    piped({"set": {"field": "content_hash", "value": "x"}}, "default")
    with pytest.raises(IncompleteError, match="are not there as they were written"):
        ingested(documents(20), cluster=opensearch, index=index_name, encoder=StubEncoder())
