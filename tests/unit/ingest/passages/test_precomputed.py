"""Vectors that come with the documents: made unit length, or refused with a reason."""

import json

import numpy as np
import pytest

from ingest.passages.precomputed import with_precomputed
from ingest.read.rejects import RejectsFile
from ingest.records import Document, Origin, Passage
from ingest.settings import RejectLimit
from ingest.tally import Tally


def passages(vector):
    document = Document(
        0, "d", "x", None, {}, "", "", Origin("a", 1), {"id": "d"}, vector=np.float32(vector)
    )
    return [Passage(document, "d", 0, 1, "x", {}, "s")]


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        ([1.0], "the vector has shape (1,) and must have (2,)"),
        ([0.0, 0.0], "the vector is zero, which has no cosine"),
        ([1e-20, 0.0], "the vector has the length 1e-20, which the cluster cannot square"),
        ([1e20, 0.0], "the vector has the length 1e+20, which the cluster cannot square"),
    ],
)
def test_what_has_no_cosine_is_refused_with_its_document(vector, said, tmp_path):
    rejects = RejectsFile(tmp_path / "r")
    tally = Tally("i", rejects, RejectLimit())
    assert list(with_precomputed(iter([passages(vector)]), 2, tally)) == []
    rejects.close()
    assert tally.report().rejected == 1
    assert json.loads((tmp_path / "r").read_text())["reason"].startswith(said)


def test_what_has_one_is_made_unit_length(tmp_path):
    tally = Tally("i", RejectsFile(tmp_path / "r"), RejectLimit())
    ((passage,),) = with_precomputed(iter([passages([3e10, 4e10])]), 2, tally)
    assert passage.vector == pytest.approx([0.6, 0.8])
    assert passage.vector.dtype == np.float32
