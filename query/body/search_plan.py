"""From a prepared question to the searches that answer it; pure, no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mappings import Fusion
from query.body.bm25 import bm25_clause, highlight_body, unwanted, words
from query.body.filters import all_of
from query.body.hybrid import LEGS, MOST_SHARDS_APART, FusionPlace, hybrid_body, leg_body, only_in
from query.body.knn import CosineScale, check_vector, knn_clause
from query.body.prepare import Prepared
from query.body.query_syntax import plain_text
from query.body.request import SubSearch, steady_copy
from query.errors import QueryError
from query.question import BM25, HYBRID, KNN, MOST, Question
from query.target import Target
from tandem.base.vectors import Vector

INNER = "passages"
# Documents whose further passages are counted: that costs the cluster a search for each of them.
MOST_COUNTED = 100


@dataclass(frozen=True)
class SearchPlan:
    """The searches that answer one question.

    items: what to send together; legs: leg -> positions of its searches among the items, empty
    where no legs are needed; main: position of the search whose hits are the answer, None where we
    fuse; place and fusion: of a hybrid question, the fusion None where the cluster's pipeline does
    what we cannot follow; scale: of the vectors' scores; depth: candidates of each leg.
    """

    question: Question
    target: Target
    items: tuple[SubSearch, ...]
    legs: Mapping[str, tuple[int, ...]]
    main: int | None
    place: FusionPlace | None
    fusion: Fusion | None
    scale: CosineScale | None
    depth: int
    notes: tuple[str, ...] = ()


def plan_searches(
    prepared: Prepared, vector: Vector | None = None, depth: int | None = None
) -> SearchPlan:
    """Complete a prepared question with its vector: float32 [dim], None for bm25.

    depth: deeper than asked, for knn. Raises QueryError and its kinds where the vector, or what is
    asked of its field, does not fit.
    """
    return _Planner(prepared, vector, depth or prepared.question.depth).plan()


class _Planner:
    """What the parts of one plan share."""

    def __init__(self, prepared: Prepared, vector: Vector | None, depth: int) -> None:
        self.prepared, self.vector, self.depth = prepared, vector, depth
        self.question, self.target = prepared.question, prepared.target
        self.prefer = steady_copy(self.question.text) if self.target.replicas else None

    def plan(self) -> SearchPlan:
        mode, place = self.question.mode, self.prepared.place
        if place is None:
            body = self._bm25_body() if mode == BM25 else self._knn_body()
            return self._made((self._item(body),), {mode: (0,)}, 0)
        clauses: dict[str, Any] = {leg: self._clause(leg) for leg in LEGS}
        main: list[SubSearch] = []
        if place.on_server:
            start, size = self._page(self.depth * 2 * self.target.all_shards)
            body = hybrid_body(clauses, self.question.tuning, self.depth, start, size)
            main = [self._item(body)]
        legs: list[SubSearch] = []
        places: dict[str, tuple[int, ...]] = {}
        if self.question.explain or not place.on_server:
            for leg in LEGS:
                found = self._leg_items(clauses[leg], bare=place.on_server)
                first = len(main) + len(legs)
                places[leg] = tuple(range(first, first + len(found)))
                legs += found
        return self._made((*main, *legs), places, 0 if main else None)

    def _made(
        self, items: tuple[SubSearch, ...], legs: Mapping[str, tuple[int, ...]], main: int | None
    ) -> SearchPlan:
        prepared = self.prepared
        return SearchPlan(
            self.question,
            self.target,
            items,
            legs,
            main,
            prepared.place,
            prepared.fusion,
            prepared.scale,
            self.depth,
            prepared.notes,
        )

    def _page(self, collapsed: int) -> tuple[int, int]:
        """(from, size): the page, or all candidates where we collapse them ourselves."""
        if self.question.collapse:
            return 0, min(self.target.window, MOST, collapsed)
        return self.question.start, self.question.k

    def _clause(self, leg: str) -> dict[str, Any]:
        return self._words_clause() if leg == BM25 else self._neighbours_clause()

    def _words_clause(self) -> dict[str, Any]:
        question = self.question
        bm25, fields = question.tuning.bm25, self.prepared.words_in
        clause = bm25_clause(question.text, bm25, fields, self.prepared.where)
        if question.mode != HYBRID or question.tuning.knn.min_cosine is None:
            return clause
        # Else a passage far below the bound comes in by its words. The filter is inside the search
        # of neighbours, which computes the cosine of each passage that meets it, up to so many.
        return {"bool": {"must": [clause], "filter": [self._near(MOST, clause)]}}

    def _neighbours_clause(self) -> dict[str, Any]:
        question, where = self.question, self.prepared.where
        if question.mode == HYBRID:
            where = all_of(where, unwanted(question.text, self.prepared.words_in))
        return self._near(self.depth, where)

    def _near(self, depth: int, where: dict[str, Any] | None) -> dict[str, Any]:
        vector, field = self.vector, self.prepared.neighbours_in
        if vector is None or field is None:
            raise QueryError("a search by neighbours needs the query's vector: give an encoder.")
        check_vector(vector, field, self.target)
        return knn_clause(
            vector,
            field,
            self.question.tuning.knn,
            depth,
            where,
            version=self.prepared.can.version,
            scale=self.prepared.scale,
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

    def _leg_items(self, clause: dict[str, Any], *, bare: bool) -> list[SubSearch]:
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
                items += [SubSearch(own.index, own.body, shard) for shard in range(shards)]
        return items

    def _leg_item(self, clause: dict[str, Any], *, bare: bool) -> SubSearch:
        body = leg_body(
            clause, self.depth, opensearch=self.prepared.can.distribution == "opensearch"
        )
        return self._item(body, bare=bare)

    def _item(self, body: dict[str, Any], *, bare: bool = False) -> SubSearch:
        """Complete a body; bare: only ids and scores are wanted."""
        body["_source"] = False if bare else self._source()
        body["track_total_hits"] = False
        fields = self.prepared.words_in
        if self.question.explain and not bare and fields:
            looked_for = words(plain_text(self.question), self.question.tuning.bm25, fields)
            body["highlight"] = highlight_body(looked_for, self.target)
        return SubSearch(self.target.name, body, None, self.prefer)

    def _source(self) -> Any:
        fields = self.target.fields
        if not self.question.source:
            return [fields.document_id] if self.question.collapse else False
        return {"excludes": list(self.target.hidden_fields)}
