"""Vectors that come with the documents: taken as they are, once a sample shows whose they are."""

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from ingest import IngestError, Plan, Reading, RejectLimit
from query import Searcher
from tests.support.loads import documents, ingested, lines_of, stored, write_jsonl
from tests.support.stubs import StubEncoder

READY = Plan(reading=Reading(vector_from="emb"))


def encoded(count, encoder=None, **changes):
    """Documents with vectors that another job made, not of unit length."""
    encoder = encoder or StubEncoder()
    return [
        {**d, "emb": (3 * encoder.vector(f"{d['title']}\n{d['text']}")).tolist(), **changes}
        for d in documents(count)
    ]


def test_nothing_but_a_sample_is_encoded(either, index_name):
    encoder = StubEncoder()
    given = {"cluster": either, "index": index_name, "encoder": encoder}
    report = ingested(encoded(100), plan=READY, **given)
    assert (report.written, report.encoded, report.held) == (100, 0, 100)
    assert len(encoder.encoded) == 32
    held = stored(either, index_name)["d7"]
    assert "emb" not in held
    right = StubEncoder().vector("Title 7\n" + documents(8)[7]["text"])
    assert np.allclose(held.get("vector", right), right, atol=1e-6)
    searcher = Searcher(either, index_name, encoder=encoder)
    assert searcher.search("Title 7\n" + documents(8)[7]["text"], mode="knn")[0].id == "d7"
    # Whoever encodes the same documents by the same model finds them stored.
    assert ingested(documents(100), **given).skipped == 100


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_vectors_of_tables(opensearch, index_name, tmp_path, kind):
    rows, path = encoded(5), tmp_path / f"a.{kind}"
    if kind == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        lines = [f'{r["id"]},{r["title"]},{r["text"]},"{r["emb"]}"' for r in rows]
        path.write_text("\n".join(["id,title,text,emb", *lines]))
    given = {"cluster": opensearch, "index": index_name, "encoder": StubEncoder()}
    assert ingested(path, plan=READY, **given).written == 5


def test_vectors_of_another_model_are_refused_before_anything_is_written(opensearch, index_name):
    given = {"cluster": opensearch, "index": index_name, "encoder": StubEncoder(), "plan": READY}
    other = [{**d, "emb": StubEncoder().vector(d["text"]).tolist()} for d in documents(40)]
    said = r"'emb' are not those of stub: of 32 documents that were encoded anew, 32 have a cosine"
    with pytest.raises(IngestError, match=said):
        ingested(other, **given)
    with pytest.raises(IngestError, match="'emb' have 16 dimensions and those of stub have 8"):
        ingested(encoded(3, StubEncoder(dim=16)), **given)
    assert not opensearch.client.indices.exists(index=index_name)


def test_what_cannot_be_taken_is_rejected_by_document(opensearch, index_name, tmp_path):
    rows = encoded(20)
    rows[3]["emb"] = rows[3]["emb"][:-1]
    rows[4]["emb"] = [0.0] * 8
    rows[5]["emb"] = ["a", "b"]
    del rows[6]["emb"]
    rows[7]["text"] = "word " * 100
    rows[8]["emb"] = [1e39] + [0.0] * 7
    plan = Plan(reading=READY.reading, rejects=tmp_path / "r", max_rejects=RejectLimit(number=9))
    given = {"cluster": opensearch, "index": index_name, "encoder": StubEncoder()}
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    report = ingested(path, plan=plan, **given)
    assert (report.written, report.rejected) == (14, 6)
    reasons = {each["line"]: each["reason"] for each in lines_of(plan.rejects)}
    for line, said in {
        4: "has shape (7,) and must have (8,)",
        5: "the vector is zero",
        6: "emb is no vector",
        7: "no vector (looked for emb",
        8: "passages for this model and comes with one vector",
        9: "NaN or infinite",
    }.items():
        assert said in reasons[line]
