"""Errors of this room: each message is one sentence with what was wrong, where, and the cure.

IngestError
├── SourceError          a source that is not there, cannot be read, or ends too early
├── IndexRefusedError    an index that these vectors must not be written into
│   └── OtherPromptError one whose vectors are of the same model with another prompt
├── BlockedError         the cluster forbids writes: a full disk, a read-only index
├── OutageError          the cluster accepted nothing for longer than `max_outage`
├── LostPlaceError       another run took over the load
├── TooManyRejectsError  more documents refused than `max_rejects`
└── IncompleteError      all was sent, and the index does not hold what it should
"""

from tandem.base.errors import TandemError


class IngestError(TandemError):
    """Base of every error of an ingestion that cannot go on; `tandem` prints it, exits 1."""


class SourceError(IngestError):
    """A source is not there, cannot be read, or ends in the middle."""


class IndexRefusedError(IngestError):
    """The index must not take these vectors: another encoder, another dimension, no k-NN."""


class BlockedError(IngestError):
    """The cluster forbids writes to the index until its owner lifts a block."""


class OutageError(IngestError):
    """The cluster accepted nothing for too long."""


class LostPlaceError(IngestError):
    """Another run took over the load of an index, because this one was silent for too long."""

    def __init__(self, index: str) -> None:
        super().__init__(
            f"this run lost its place in index {index!r}, because another one took the load over "
            "after hearing nothing of this one (which is also so where their clocks are minutes "
            "apart), or because the index was deleted; it stopped before it wrote on: look at the "
            "other's end, and run the same command again if something is missing."
        )


class TooManyRejectsError(IngestError):
    """So many documents were refused that something must be wrong with all of them."""


class IncompleteError(IngestError):
    """Everything was sent, yet the index does not hold what it should."""


class OtherPromptError(IndexRefusedError):
    """The vectors of an index are of a model with another prompt than it was loaded with."""

    def __init__(self, index: str, cosine: float, passage: str, query: str) -> None:
        super().__init__(
            f"the vectors of index {index!r} fit with another prompt (cosine {cosine:.3f}): load "
            f"the model with `passage_prompt={passage!r}` and `query_prompt={query!r}`."
        )
        self.passage_prompt, self.query_prompt = passage, query
