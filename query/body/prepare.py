"""A question fitted to its index: read and checked once, before a model is loaded for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mappings import Fusion
from query.body.bm25 import search_fields
from query.body.filters import combined_filter
from query.body.hybrid import FusionPlace, place_of_fusion
from query.body.knn import CosineScale, cosine_scale
from query.errors import QueryError, TargetError
from query.question import BM25, DEPTH, HYBRID, KNN, Question
from query.target import Target, VectorField

if TYPE_CHECKING:
    from cluster import Capabilities


@dataclass(frozen=True)
class Prepared:
    """All that a question's searches are made of, but for the vector of its text.

    where: its filter and conditions as one; words_in: the fields whose words are looked for or
    highlighted, with their boosts; neighbours_in: the field of vectors, None for bm25; scale: of
    that field's scores; place and fusion: of a hybrid question, the fusion None where the cluster's
    pipeline does what we cannot follow.
    """

    question: Question
    target: Target
    can: Capabilities
    where: dict[str, Any] | None
    words_in: tuple[str, ...]
    neighbours_in: VectorField | None
    scale: CosineScale | None
    place: FusionPlace | None
    fusion: Fusion | None

    def asking(self, question: Question) -> Prepared:
        """The same for a question that differs in its text alone."""
        return replace(self, question=question)

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of the answer, whatever it is."""
        return (*self.target.notes, *self._loading(), *self._depth(), *self._pipeline())

    def _loading(self) -> tuple[str, ...]:
        if not self.target.loading:
            return ()
        return (
            f"index {self.target.name!r} is being loaded, or a load of it was broken off: not all "
            "of its passages can be found yet.",
        )

    def _depth(self) -> tuple[str, ...]:
        """More hits make more candidates, by whose extremes all scores are normalised."""
        question = self.question
        if question.mode != HYBRID or question.tuning.depth or question.depth == DEPTH:
            return ()
        return (
            f"for {question.k:,} hits, {question.depth:,} candidates of each leg were fused, "
            f"not {DEPTH}, which ranks the first ones a little differently: set the depth to keep "
            "one ranking.",
        )

    def _pipeline(self) -> tuple[str, ...]:
        own = self.target.pipeline
        fuses = self.place is not None and self.place.on_server
        if not fuses or own is None or self.question.tuning.pipeline:
            return ()
        return (
            f"the index's default search pipeline {own!r} is replaced in hybrid searches by "
            "Tandem's own: name one that does both with `pipeline`.",
        )


def prepare(
    question: Question, target: Target, can: Capabilities, fusion: Fusion | None = None
) -> Prepared:
    """Fit a question to its index and cluster.

    fusion: what the question's pipeline does, None where that is not known. Raises QueryError and
    its kinds where the question does not fit.
    """
    tuning, hybrid = question.tuning, question.mode == HYBRID
    _check_window(question, target)
    where = combined_filter(question.filter, question.where or (), target.types, target.name)
    field = target.vector_field(tuning.knn.field) if question.mode != BM25 else None
    return Prepared(
        question,
        target,
        can,
        where,
        _words_in(question, target),
        field,
        cosine_scale(field.space, field.engine, can.version) if field else None,
        place_of_fusion(question, target, can) if hybrid else None,
        _fusion(question, fusion),
    )


def _words_in(question: Question, target: Target) -> tuple[str, ...]:
    """The fields of words; of neighbours, they are only highlighted, where there are any."""
    bm25 = question.tuning.bm25
    highlighted = question.explain and (bm25.fields or target.text_fields)
    if question.mode == KNN and not highlighted:
        return ()
    return tuple(search_fields(bm25, target))


def _fusion(question: Question, of_pipeline: Fusion | None) -> Fusion | None:
    pipeline = question.tuning.pipeline
    if not pipeline:
        return question.tuning.effective_fusion
    if question.explain and question.mode == HYBRID and of_pipeline is None:
        raise QueryError(
            f"what pipeline {pipeline!r} computes cannot be followed (it sets "
            "score bounds, or may not be read): leave out `explain`."
        )
    return of_pipeline


def _check_window(question: Question, target: Target) -> None:
    """Refuse what lies beyond the index's window, or beyond the candidates of a leg."""
    first, last, depth = question.start + 1, question.end, question.depth
    if max(last, depth if question.mode == HYBRID else 0) > target.window:
        far = last > target.window
        what = f"hits {first:,} to {last:,}" if far else f"{depth:,} candidates"
        cure = "page less far" if far else f"ask for `depth={target.window}` at most"
        raise QueryError(
            f"{what} lie beyond the window of index {target.name!r}, whose setting "
            f"index.max_result_window is {target.window:,}: {cure}, or raise the setting."
        )
    # A first page ends where the candidates do.
    if question.mode != BM25 and last > depth and question.start:
        raise QueryError(
            f"hits {first:,} to {last:,} lie beyond the {depth:,} candidates of each leg: ask for "
            f"`depth={last}` or more, and for the same on every page."
        )
    if question.collapse and target.types.get(target.fields.document_id) != "keyword":
        raise TargetError(
            f"index {target.name!r} has no keyword field {target.fields.document_id!r}, which "
            "tells which passages are of one document: leave out `collapse`."
        )
