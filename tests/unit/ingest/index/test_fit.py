"""What frameworks store, as real runs of them were seen to store it, is told apart by its vectors.

Recorded from langchain-community 0.4.2 and llama-index-vector-stores-opensearch 1.3.0.
"""

from ingest.index.existing.fit import best_fit
from ingest.index.existing.sample import Stored, row_of
from mappings import Fields
from mappings.existing import Roles, assigned
from tests.support.stubs import StubEncoder

STUB = StubEncoder()
TEXTS = [f"A long account of number {number}." for number in range(6)]
NODE = (
    '{"id_": "d76d9693-259b-44a3-b876-98cb13330757", "embedding": null, "metadata": {}, "text": ""}'
)


def sample(sources, field, encoded):
    rows = [row_of(source, Fields(text=field)) for source in sources]
    return [
        Stored(text, "", row, STUB.vector(told))
        for text, row, told in zip(TEXTS, rows, encoded, strict=True)
    ]


def test_langchain_encodes_the_text_alone():
    sources = [{"text": text, "metadata": {"source": "s"}} for text in TEXTS]
    fit = best_fit(STUB, sample(sources, "text", TEXTS))
    assert (fit.fits, fit.template, fit.fitting) == (True, "{text}", 6)


def test_llamaindex_encodes_metadata_before_the_text():
    metadata = {"_node_content": NODE, "_node_type": "TextNode", "document_id": "None"}
    sources = [
        {"content": text, "metadata": {"topic": f"t{number}", **metadata}}
        for number, text in enumerate(TEXTS)
    ]
    encoded = [f"topic: t{number}\n\n{text}" for number, text in enumerate(TEXTS)]
    fit = best_fit(STUB, sample(sources, "content", encoded))
    assert (fit.fits, fit.template) == (True, "topic: {metadata.topic}\n\n{text}")
    names = ["content", "metadata._node_content", "metadata.topic"]
    assert assigned("x", names, Roles(), sources).fields.text == "content"


def test_a_part_is_no_fit():
    sources = [{"text": text} for text in TEXTS]
    fit = best_fit(STUB, sample(sources, "text", [*TEXTS[:3], "a", "b", "c"]))
    assert (fit.fits, fit.mixed, fit.fitting) == (False, True, 3)
