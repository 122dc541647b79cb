"""From a question to the searches that answer it; pure, no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mappings import Fusion
from query.body.bm25 import bm25_clause, highlight_body, search_fields, words
from query.body.filters import combined_filter
from query.body.hybrid import (
    LEGS,
    MOST_SHARDS_APART,
    Place,
    hybrid_body,
    leg_body,
    only_in,
    place_of_fusion,
)
from query.body.knn import CosineScale, check_vector, cosine_scale, knn_clause
from query.body.request import Item, steady_copy
from query.errors import QueryError, TargetError
from query.question import BM25, DEPTH, HYBRID, KNN, MOST, Question, Vector
from query.target import Target

if TYPE_CHECKING:
    from cluster import Capabilities

INNER = "passages"
# Documents whose further passages are counted: that costs the cluster a search for each of them.
MOST_COUNTED = 100


@dataclass(frozen=True)
class Plan:
    """The searches that answer one question.

    items: what to send together; legs: leg -> positions of its searches among the items, empty
    where no legs are needed; main: position of the search whose hits are the answer, None where we
    fuse; place and fusion: of a hybrid question, the fusion None where the cluster's pipeline does
    what we cannot follow; scale: of the vectors' scores; depth: candidates of each leg.
    """

    question: Question
    target: Target
    items: tuple[Item, ...]
    legs: Mapping[str, tuple[int, ...]]
    main: int | None
    place: Place | None
    fusion: Fusion | None
    scale: CosineScale | None
    depth: int
    notes: tuple[str, ...] = ()


def make_plan(
    question: Question,
    target: Target,
    can: Capabilities,
    vector: Vector | None,
    fusion: Fusion | None = None,
    depth: int | None = None,
) -> Plan:
    """Plan a question; vector: float32 [dim], None for bm25; depth: deeper than asked, for knn.

    fusion: what the question's pipeline does, None where that is not known. Raises QueryError and
    its kinds where the question does not fit the index or the cluster.
    """
    depth = depth or question.depth
    _check_window(question, target, depth)
    if not question.tuning.pipeline:
        fusion = question.tuning.effective_fusion
    elif question.explain and question.mode == HYBRID and fusion is None:
        place_of_fusion(question, target, can)
        raise QueryError(
            f"what pipeline {question.tuning.pipeline!r} computes cannot be followed (it sets "
            "score bounds, or may not be read): leave out `explain`."
        )
    return _Planner(question, target, can, vector, depth, fusion).plan()


def check_question(question: Question, target: Target) -> None:
    """Refuse what can be refused without the query's vector, before a model is loaded for it."""
    _check_window(question, target, question.depth)
    combined_filter(question.filter, question.where or (), target.types, target.name)
    if question.mode != KNN:
        search_fields(question.tuning.bm25, target)
    if question.mode != BM25:
        target.vector_field(question.tuning.knn.field)


def _check_window(question: Question, target: Target, depth: int) -> None:
    """Refuse what lies beyond the index's window, or beyond the candidates of a leg."""
    first, last = question.start + 1, question.end
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


class _Planner:
    """What the parts of one plan share."""

    def __init__(
        self,
        question: Question,
        target: Target,
        can: Capabilities,
        vector: Vector | None,
        depth: int,
        fusion: Fusion | None,
    ) -> None:
        self.question, self.target, self.can = question, target, can
        self.vector, self.depth, self.fusion = vector, depth, fusion
        self.scale: CosineScale | None = None
        self.where = combined_filter(
            question.filter, question.where or (), target.types, target.name
        )
        self.prefer = steady_copy(question.text) if target.replicas else None

    def plan(self) -> Plan:
        mode = self.question.mode
        if mode != HYBRID:
            body = self._bm25_body() if mode == BM25 else self._knn_body()
            return self._made((self._item(body),), {mode: (0,)}, 0)
        place = place_of_fusion(self.question, self.target, self.can)
        clauses: dict[str, Any] = {leg: self._clause(leg) for leg in LEGS}
        main: list[Item] = []
        if place.on_server:
            start, size = self._page(self.depth * 2 * self.target.all_shards)
            body = hybrid_body(clauses, self.question.tuning, self.depth, start, size)
            main = [self._item(body)]
        legs: list[Item] = []
        places: dict[str, tuple[int, ...]] = {}
        if self.question.explain or not place.on_server:
            for leg in LEGS:
                found = self._leg_items(clauses[leg], bare=place.on_server)
                first = len(main) + len(legs)
                places[leg] = tuple(range(first, first + len(found)))
                legs += found
        return self._made((*main, *legs), places, 0 if main else None, place)

    def _made(
        self,
        items: tuple[Item, ...],
        legs: Mapping[str, tuple[int, ...]],
        main: int | None,
        place: Place | None = None,
    ) -> Plan:
        notes = (*self.target.notes, *self._loading_notes(), *self._depth_notes())
        if place and place.on_server:
            notes += self._pipeline_notes()
        return Plan(
            self.question,
            self.target,
            items,
            legs,
            main,
            place,
            self.fusion,
            self.scale,
            self.depth,
            notes,
        )

    def _loading_notes(self) -> tuple[str, ...]:
        if not self.target.loading:
            return ()
        return (
            f"index {self.target.name!r} is being loaded, or a load of it was broken off: not all "
            "of its passages can be found yet.",
        )

    def _depth_notes(self) -> tuple[str, ...]:
        """More hits make more candidates, by whose extremes all scores are normalised."""
        question = self.question
        if question.mode != HYBRID or question.tuning.depth or question.depth == DEPTH:
            return ()
        return (
            f"for {question.k:,} hits, {question.depth:,} candidates of each leg were fused, "
            f"not {DEPTH}, which ranks the first ones a little differently: set the depth to keep "
            "one ranking.",
        )

    def _pipeline_notes(self) -> tuple[str, ...]:
        own = self.target.pipeline
        if own is None or self.question.tuning.pipeline:
            return ()
        return (
            f"the index's default search pipeline {own!r} is replaced in hybrid searches by "
            "Tandem's own: name one that does both with `pipeline`.",
        )

    def _page(self, collapsed: int) -> tuple[int, int]:
        """(from, size): the page, or all candidates where we collapse them ourselves."""
        if self.question.collapse:
            return 0, min(self.target.window, MOST, collapsed)
        return self.question.start, self.question.k

    def _clause(self, leg: str) -> dict[str, Any]:
        question = self.question
        if leg == BM25:
            return bm25_clause(question.text, question.tuning.bm25, self.target, self.where)
        if self.vector is None:
            raise QueryError("a search by neighbours needs the query's vector: give an encoder.")
        field = self.target.vector_field(question.tuning.knn.field)
        self.scale = cosine_scale(field.space, field.engine, self.can.version)
        check_vector(self.vector, field, self.target)
        return knn_clause(
            self.vector,
            field,
            question.tuning.knn,
            self.depth,
            self.where,
            version=self.can.version,
            scale=self.scale,
        )

    def _bm25_body(self) -> dict[str, Any]:
        question = self.question
        body: dict[str, Any] = {"from": question.start, "size": question.k}
        body["query"] = self._clause(BM25)
        if question.collapse:
            body["collapse"] = {"field": self.target.fields.document_id}
            if question.k <= MOST_COUNTED:
                body["collapse"]["inner_hits"] = {"name": INNER, "size": 0}
        return body

    def _knn_body(self) -> dict[str, Any]:
        start, size = self._page(self.depth * self.target.all_shards)
        return {"from": start, "size": size, "query": self._clause(KNN)}

    def _leg_items(self, clause: dict[str, Any], *, bare: bool) -> list[Item]:
        """A leg's searches: one a shard, so that each gives as many candidates as to the server."""
        if not 1 < self.target.all_shards <= MOST_SHARDS_APART:
            return [self._leg_item(clause, bare=bare)]
        several = len(self.target.indexes) > 1
        items = []
        for index, shards in self.target.shards.items():
            own = self._leg_item(only_in(index, clause) if several else clause, bare=bare)
            if shards == 1:  # or it is not known how many there are
                items.append(own)
            else:
                items += [Item(own.index, own.body, shard) for shard in range(shards)]
        return items

    def _leg_item(self, clause: dict[str, Any], *, bare: bool) -> Item:
        body = leg_body(clause, self.depth, opensearch=self.can.distribution == "opensearch")
        return self._item(body, bare=bare)

    def _item(self, body: dict[str, Any], *, bare: bool = False) -> Item:
        """Complete a body; bare: only ids and scores are wanted."""
        body["_source"] = False if bare else self._source()
        body["track_total_hits"] = False
        bm25 = self.question.tuning.bm25
        if self.question.explain and not bare and (bm25.fields or self.target.text_fields):
            body["highlight"] = highlight_body(
                words(self.question.text, bm25, self.target), self.target
            )
        return Item(self.target.name, body, None, self.prefer)

    def _source(self) -> Any:
        fields = self.target.fields
        if not self.question.source:
            return [fields.document_id] if self.question.collapse else False
        return {"excludes": list(self.target.hidden_fields)}
