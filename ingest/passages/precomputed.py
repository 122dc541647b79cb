"""Vectors that come with the documents: those of the model that is named, one a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ingest.errors import IngestError
from ingest.records import PAUSE, Document, Passage, PassageEncoder
from ingest.tally import Tally
from tandem.base.vectors import VectorFault, as_vector, cosine

# Documents that are encoded anew, to see whether their vectors are the model's.
SAMPLE = 32
# Another backend, or fewer bits, keep the cosine above this; another model or template does not.
_SAME = 0.98
# The text of so many of the sample may have changed since.
_MOST_OTHERS = 0.1


def with_precomputed(
    split: Iterator[list[Passage]], dim: int, tally: Tally
) -> Iterator[list[Passage]]:
    """The passages of each document, with the vector that came with it, if one did.

    A document whose vector the cluster would refuse is rejected, and one of several passages, for
    which one vector cannot stand.
    """
    for passages in split:
        if passages is PAUSE:
            yield PAUSE
            continue
        document = passages[0].document
        vector = document.vector
        if vector is None:
            yield passages
        elif len(passages) > 1:
            tally.reject(
                document.rejected(
                    f"the text makes {len(passages)} passages for this model and comes with one "
                    "vector: give its parts as documents, or leave out `vector_from`"
                )
            )
        elif isinstance(found := as_vector(vector, dim), VectorFault):
            tally.reject(document.rejected(f"the vector {found.told}"))
        else:
            unit = found / np.float32(np.linalg.norm(found))
            yield [replace(passages[0], vector=unit)]


def check_precomputed(
    documents: Iterable[Document], encoder: PassageEncoder, field: str | None
) -> None:
    """Raise IngestError where the first documents' vectors are not the encoder's.

    field: where they come from. Texts that make several passages, and vectors that no cluster
    takes, are told document by document.
    """
    ready = [each for each in documents if each.vector is not None]
    if not ready:
        return
    sizes = {each.vector.size for each in ready if each.vector is not None}
    if encoder.dim not in sizes:
        raise IngestError(
            f"the vectors of field {field!r} have {min(sizes)} dimensions and those of "
            f"{encoder.name} have {encoder.dim}: name the model that made them with `model`."
        )
    cosines = _cosines(ready[:SAMPLE], encoder)
    others = int((cosines < _SAME).sum())
    if others > _MOST_OTHERS * len(cosines):
        raise IngestError(
            f"the vectors of field {field!r} are not those of {encoder.name}: of {len(cosines)} "
            f"documents that were encoded anew, {others} have a cosine below {_SAME} to theirs "
            f"(the median is {np.median(cosines):.3f}): name the model that made them with "
            "`model`, and what it was given with `template`, or leave out `vector_from`."
        )


def _cosines(ready: list[Document], encoder: PassageEncoder) -> NDArray[np.float32]:
    """float32 [n]: of the documents' vectors to those of the encoder, where these compare."""
    texts = [each.before + each.text + each.after for each in ready]
    counts = encoder.count_tokens(texts)
    pairs = [
        (text, vector)
        for each, text, count in zip(ready, texts, counts, strict=True)
        if count <= encoder.max_length
        and not isinstance(vector := as_vector(each.vector, encoder.dim), VectorFault)
    ]
    anew = encoder.stream_passages([text for text, _ in pairs])
    both = zip(pairs, anew, strict=True)
    return np.array([cosine(given, made) for (_, given), made in both], dtype=np.float32)
