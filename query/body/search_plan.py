"""From a prepared question to the searches that answer it; pure, no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mappings import Fusion
from query.body.facets import counting_body
from query.body.filters.dsl import all_of
from query.body.hybrid import (
    LEGS,
    MOST_SHARDS_APART,
    FusionPlace,
    hybrid_body,
    leg_body,
    only_in,
    ranked_apart,
    without_pipeline,
)
from query.body.knn import CosineScale, check_vector, knn_clause
from query.body.order import Boost
from query.body.prepare import Prepared
from query.body.request import SubSearch, steady_copy
from query.body.words.bm25 import bm25_clause, highlight_body, telling_words, unwanted, words
from query.body.words.query_syntax import plain_text
from query.errors import QueryError
from query.question import BM25, HYBRID, KNN, MOST, Question
from query.target import Patterns, Target
from tandem.base.vectors import Vector

INNER = "passages"
# Documents whose further passages are counted: that costs the cluster a search for each of them.
MOST_COUNTED = 100
# Documents that must at least be spared: fewer are read as fast as the rest is asked for apart.
SPARED = 30


@dataclass(frozen=True)
class SearchPlan:
    """The searches that answer one question.

    items: what to send together; legs: leg -> positions of its searches among the items, empty
    where no legs are needed; main: position of the search whose hits are the answer, None where we
    fuse; counting: position of the search that only counts, None where nothing is counted; place
    and fusion: of a hybrid question, the fusion None where the cluster's pipeline does what we
    cannot follow; scale: of the vectors' scores; depth: candidates of each leg; reader: what reads
    the documents of the main search's hits, but for its query, None where they come with it.
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
    counting: int | None = None
    facets: Mapping[str, str] = field(default_factory=dict)
    boosts: tuple[Boost, ...] = ()
    reader: SubSearch | None = None

    @property
    def collapses(self) -> bool:
        """Whether hits are collapsed to documents here, and not by the cluster."""
        sorts = self.question.mode == HYBRID and self.question.sort
        return self.question.collapse and self.question.mode != BM25 and not sorts

    @property
    def pages(self) -> bool:
        """Whether the page is cut out here, from all candidates."""
        return self.collapses or bool(self.boosts)


def plan_searches(
    prepared: Prepared,
    vector: Vector | None = None,
    depth: int | None = None,
    *,
    apart: bool = False,
) -> SearchPlan:
    """Complete a prepared question with its vector: float32 [dim], None for bm25.

    depth: deeper than asked, for knn; apart: documents may be read after the hits are ranked, where
    that pays. Raises QueryError and its kinds where the vector, or what is asked of its field, does
    not fit.
    """
    plan = _Planner(prepared, vector, depth or prepared.question.depth).plan()
    if not (apart and _pays_apart(plan)):
        return plan
    ranked, reader = ranked_apart(plan.items[0])
    return replace(plan, items=(ranked, *plan.items[1:]), reader=reader)


def _pays_apart(plan: SearchPlan) -> bool:
    """Whether the cluster would read many more documents than it shows.

    A hybrid query of one shard reads every candidate's before the legs are fused, which was seen to
    take two thirds of its time. Several shards have documents read in the end alone, and so is the
    number of shards that settings do not tell.
    """
    target, question = plan.target, plan.question
    fused = plan.place is not None and plan.place.on_server and not question.tuning.pipeline
    one_shard = target.all_shards == 1 and not target.uuids & target.indexes
    return fused and one_shard and not plan.pages and 2 * plan.depth - question.k >= SPARED


class _Planner:
    """What the parts of one plan share."""

    def __init__(self, prepared: Prepared, vector: Vector | None, depth: int) -> None:
        self.prepared, self.vector, self.depth = prepared, vector, depth
        self.question, self.target = prepared.question, prepared.target
        self.prefer = steady_copy(self.question.text) if self.target.replicas else None

    def plan(self) -> SearchPlan:
        mode, place = self.question.mode, self.prepared.place
        wanted: tuple[str, ...] = LEGS if mode == HYBRID else (mode,)
        clauses = {leg: self._clause(leg) for leg in wanted}
        if place is None:
            body = self._knn_body(clauses[KNN]) if mode == KNN else self._matching_body(clauses)
            alone: dict[str, tuple[int, ...]] = {} if mode == HYBRID else {mode: (0,)}
            return self._made((self._item(body),), alone, 0, clauses)
        main: list[SubSearch] = []
        if place.on_server:
            start, size = self._page(self.depth * 2 * self.target.all_shards)
            body = hybrid_body(clauses, self.question.tuning, self.depth, start, size)
            main = [self._item(body)]
        parts: list[SubSearch] = []
        places: dict[str, tuple[int, ...]] = {}
        if self.question.explain or not place.on_server:
            for leg in LEGS:
                found = self._leg_items(clauses[leg], bare=place.on_server)
                first = len(main) + len(parts)
                places[leg] = tuple(range(first, first + len(found)))
                parts += found
        return self._made((*main, *parts), places, 0 if main else None, clauses)

    def _made(
        self,
        items: tuple[SubSearch, ...],
        legs: Mapping[str, tuple[int, ...]],
        main: int | None,
        clauses: Mapping[str, dict[str, Any]],
    ) -> SearchPlan:
        prepared, counts = self.prepared, self._counting_items(clauses)
        return SearchPlan(
            self.question,
            self.target,
            (*items, *counts),
            legs,
            main,
            prepared.place,
            prepared.fusion,
            prepared.scale,
            self.depth,
            prepared.notes,
            len(items) if counts else None,
            prepared.facets,
            prepared.boosts,
        )

    def _counting_items(self, clauses: Mapping[str, dict[str, Any]]) -> list[SubSearch]:
        """What counts all that the clauses find, where anything is counted."""
        question, facets = self.question, self.prepared.facets
        if not (question.total or facets):
            return []
        document_id = self.target.fields.document_id if question.collapse else None
        body = counting_body(
            self._any_of(clauses), facets, total=question.total, document_id=document_id
        )
        return [SubSearch(self.target.name, self._unpiped(body), None, self.prefer)]

    def _unpiped(self, body: dict[str, Any]) -> dict[str, Any]:
        """Of a hybrid question, a search that the index's default pipeline does not change.

        It does not see hybrid's legs either.
        """
        opensearch = self.prepared.can.distribution == "opensearch"
        return without_pipeline(body) if self.question.mode == HYBRID and opensearch else body

    def _any_of(self, clauses: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """What at least one leg finds."""
        several = list(clauses.values())
        return several[0] if len(several) == 1 else {"bool": {"should": several}}

    def _page(self, candidates: int) -> tuple[int, int]:
        """(from, size): the page, or all candidates where we cut it out of them ourselves."""
        if self.question.collapse or self.prepared.boosts:
            return 0, min(self.target.window, MOST, candidates)
        return self.question.start, self.question.k

    def _clause(self, leg: str) -> dict[str, Any]:
        return self._words_clause() if leg == BM25 else self._neighbours_clause()

    def _words_clause(self) -> dict[str, Any]:
        question = self.question
        bm25, fields, where = question.tuning.bm25, self.prepared.words_in, self.prepared.where
        if self.prepared.telling:
            clause = telling_words(question.text, bm25, fields, where, self.target)
        else:
            clause = bm25_clause(question.text, bm25, fields, where)
        if question.mode != HYBRID or question.tuning.knn.min_cosine is None:
            return clause
        # Else a passage far below the bound comes in by its words. The filter is inside the search
        # of neighbours, which computes the cosine of each passage that meets it, up to so many.
        return {"bool": {"must": [clause], "filter": [self._near(MOST, clause)]}}

    def _neighbours_clause(self) -> dict[str, Any]:
        question, where = self.question, self.prepared.where
        if question.mode == HYBRID and not self.prepared.telling:
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

    def _matching_body(self, clauses: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """All that matches, by words alone or sorted, of which the cluster gives one page."""
        question = self.question
        start, size = (0, self.depth) if self.prepared.boosts else (question.start, question.k)
        body: dict[str, Any] = {"from": start, "size": size, "query": self._any_of(clauses)}
        if question.collapse:
            body["collapse"] = {"field": self.target.fields.document_id}
            if size <= MOST_COUNTED:
                body["collapse"]["inner_hits"] = {"name": INNER, "size": 0}
        return self._unpiped(body)

    def _knn_body(self, clause: dict[str, Any]) -> dict[str, Any]:
        start, size = self._page(self.depth * self.target.all_shards)
        return {"from": start, "size": size, "query": clause}

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
        # Elasticsearch refuses to show a part of what an index does not keep.
        textless = bare or self.target.sourceless
        body["_source"] = False if textless else self._source()
        body["track_total_hits"] = False
        if self.prepared.sort:
            body |= {"sort": list(self.prepared.sort), "track_scores": True}
        if self.prepared.boosts and not bare:
            body["docvalue_fields"] = [boost.asked() for boost in self.prepared.boosts]
        fields = self.prepared.words_in
        if self.question.explain and not textless and fields:
            text, bm25 = plain_text(self.question), self.question.tuning.bm25
            looked_for = (
                telling_words(text, bm25, fields, None, self.target)
                if self.prepared.telling
                else words(text, bm25, fields)
            )
            body["highlight"] = highlight_body(looked_for, self.target)
        return SubSearch(self.target.name, body, None, self.prefer)

    def _source(self) -> Any:
        fields, wanted = self.target.fields, self.question.source
        if not wanted:
            return [fields.document_id] if self.question.collapse else False
        source: dict[str, Any] = {"excludes": list(self.target.hidden_fields)}
        if wanted is not True and (named := Patterns.of(wanted).wanted):
            # What a hit always has, whichever fields it carries beside that.
            own = (*self.target.shown_text, fields.title, fields.document_id)
            source["includes"] = list(dict.fromkeys((*named, *own)))
        return source
