"""A question fitted to its index: read and checked once, before a model is loaded for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mappings import Fusion
from query.body.facets import facet_fields
from query.body.filters.doubtful import doubts_of
from query.body.filters.dsl import combined_filter
from query.body.hybrid import FusionPlace, place_of_fusion
from query.body.knn import CosineScale, cosine_scale
from query.body.order import Boost, check_order, read_boosts, sort_clauses
from query.body.words.bm25 import MOST_TELLING, search_fields
from query.body.words.query_syntax import taken_apart
from query.errors import QueryError, TargetError, is_too_many_words
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
    pipeline does what we cannot follow; facets: name -> field whose values are counted; sort: as
    the cluster takes it; boosts: what raises scores; doubts: what is to be said of its filter and
    its facets; telling: the most telling words alone are looked for.
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
    facets: Mapping[str, str]
    sort: Sequence[dict[str, Any]]
    boosts: tuple[Boost, ...]
    doubts: tuple[str, ...]
    telling: bool = False

    def with_fewer_words(self, error: Exception) -> Prepared:
        """The same, for the most telling words alone, where the cluster says there are too many.

        Raises the error where that is not what it says, or they are few already; QueryError where
        it is the likeness of words that makes them many.
        """
        if self.telling or not is_too_many_words(error):
            raise error
        fuzziness = self.question.tuning.bm25.fuzziness
        if fuzziness not in (None, "0"):
            raise QueryError(
                f"the words that are like the query's by `fuzziness={fuzziness!r}` are more than "
                "the cluster matches at once: leave it out, or shorten the query."
            ) from error
        return replace(self, telling=True)

    def asking(self, question: Question) -> Prepared:
        """The same for a question that differs in its text alone."""
        return replace(self, question=question)

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of the answer, whatever it is."""
        own = (*self._loading(), *self._depth(), *self._pipeline(), *self._words())
        return (*self.target.notes, *own, *self.doubts)

    def _words(self) -> tuple[str, ...]:
        if self.telling:
            return (
                "the query has more words than the cluster matches at once: its "
                f"{MOST_TELLING} most telling ones were looked for, and its quotes and minus signs "
                "taken as text.",
            )
        if self.question.mode != KNN and taken_apart(self.question.text).whole:
            return (
                "the query says only what is not wanted, so that its minus signs were taken as "
                "text: add words that are wanted.",
            )
        return ()

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
        if not question.fuses or question.tuning.depth or question.depth == DEPTH:
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
    tuning = question.tuning
    check_order(question)
    _check_window(question, target)
    where = combined_filter(question.filter, question.where or (), target.types, target.name)
    field = target.vector_field(tuning.knn.field) if question.mode != BM25 else None
    facets, beyond = facet_fields(question.facets, target)
    return Prepared(
        question,
        target,
        can,
        where,
        _words_in(question, target),
        field,
        cosine_scale(field.space, field.engine, can.version) if field else None,
        place_of_fusion(question, target, can) if question.fuses else None,
        _fusion(question, fusion),
        facets,
        sort_clauses(question.sort, target),
        read_boosts(question.boost, target),
        (*doubts_of(question.filter, target.types), *beyond),
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
    fetched = depth if question.fuses or question.boost else 0
    if max(last, fetched) > target.window:
        far = last > target.window
        what = f"hits {first:,} to {last:,}" if far else f"{depth:,} candidates"
        cure = "page less far" if far else f"ask for `depth={target.window}` at most"
        raise QueryError(
            f"{what} lie beyond the window of index {target.name!r}, whose setting "
            f"index.max_result_window is {target.window:,}: {cure}, or raise the setting."
        )
    # A first page ends where the candidates do.
    if question.of_candidates and last > depth and question.start:
        raise QueryError(
            f"hits {first:,} to {last:,} lie beyond the {depth:,} candidates of each leg: ask for "
            f"`depth={last}` or more, and for the same on every page."
        )
    if question.collapse and target.types.get(target.fields.document_id) != "keyword":
        raise TargetError(
            f"index {target.name!r} has no keyword field {target.fields.document_id!r}, which "
            "tells which passages are of one document: leave out `collapse`."
        )
