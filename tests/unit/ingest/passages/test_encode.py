"""Passages and their vectors, in the order in which they come."""

import threading
from dataclasses import replace

from ingest.passages.encode import encode
from ingest.read.rejects import RejectsFile
from ingest.settings import RejectLimit
from ingest.tally import Tally
from tests.support.stubs import StubEncoder
from tests.unit.ingest.documents import passages


def test_a_passage_with_a_vector_passes_the_encoder_by(tmp_path):
    """A change of metadata alone may be in every document of the source: none may pile up."""
    encoder, tally = StubEncoder(), Tally("i", RejectsFile(tmp_path / "r"), RejectLimit())
    source = [replace(passages(n, 1)[0], encoded=f"text {n}") for n in range(1000)]
    ready = encoder.vector("ready")
    source = [p if n % 100 == 0 else replace(p, vector=ready) for n, p in enumerate(source)]
    passed = []
    encoded = list(encode(iter(source), encoder, tally, threading.Event(), passed.append))
    assert len(passed) == 990
    assert all(p.vector is ready for p in passed)
    assert (
        [p.encoded for p in encoded]
        == encoder.encoded
        == [f"text {n}" for n in range(0, 1000, 100)]
    )
