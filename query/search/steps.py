"""One search as steps: what to send, what to compute, and what to make of it.

The steps know no network and no threads: `Searcher` and `AsyncSearcher` carry them out, each in its
own way, so that there is one logic and no second copy of it to keep in step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mappings import Fusion, fault_of_pattern, read_pipeline
from mappings.existing import SAMPLE, assigned, fault_of_roles
from query.answer.hits import PlanResult, read
from query.answer.rerank import check_depth, reranked
from query.answer.results import Result
from query.body.hybrid import hybrid_obstacle
from query.body.order import check_rerank
from query.body.prepare import Prepared, prepare
from query.body.request import (
    PAST_THE_END,
    Request,
    description_of,
    hits_of,
    request_of,
    responses_of,
    sample_of,
)
from query.body.search_plan import SearchPlan, plan_searches
from query.body.words.query_syntax import plain_text
from query.errors import QueryError, TargetError
from query.models import PassageScorer, QueryEncoder
from query.question import HYBRID, MOST, Question
from query.search.misfit import misfit, pairs_in, sample_request
from query.search.query_vectors import Encoders
from query.target import Roles, Target, read_target, with_shown_fields
from tandem.base.arguments import checked_arguments
from tandem.base.vectors import Vector
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Capabilities

T = TypeVar("T")

# How long a description of the index is believed without a sign that it has changed.
BELIEVED_SECONDS = 60.0
DEEPER = 4
# Encoder, fields and indexes -> what is to be said of their vectors, of all that was compared.
_COMPARED: dict[tuple[str, str, str, frozenset[str]], str | None] = {}


@dataclass(frozen=True)
class Work:
    """A computation that takes long enough to be kept off an event loop."""

    run: Callable[[], Any]


Steps = Generator["Request | Work", Any, T]


@checked_arguments(QueryError)
@dataclass(frozen=True)
class Rerank:
    """A cross-encoder that orders the first hits anew; depth: how many of them it reads."""

    model: PassageScorer
    depth: int = field(default=50, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what cannot score, and a depth out of range."""
        if not 1 <= self.depth <= MOST:
            raise QueryError(f"the rerank depth is {self.depth:,} and must be from 1 to {MOST:,}.")


class Flows:
    """The steps of searches of one index; what they learn of it is shared by threads.

    explain: what an exception of the client means, in one sentence.
    """

    def __init__(
        self,
        index: str | Sequence[str],
        can: Capabilities,
        encoders: Encoders,
        explain: Callable[[Exception], Exception],
        roles: Roles | None = None,
    ) -> None:
        index = index if isinstance(index, str) else ",".join(index)
        if fault := fault_of_pattern(index):
            raise TargetError(f"{index!r} cannot be the name of an index: {fault}.")
        self.index = index
        self.explain = explain
        self._can = can
        self._roles = roles or Roles()
        self._encoders = encoders
        # Replaced as one object, so that threads never see half of an old one.
        self._known: tuple[Target, float] | None = None
        self._pipelines: dict[str, Fusion | None] = {}

    def search(
        self,
        question: Question,
        vector: Vector | Sequence[float] | None = None,
        rerank: Rerank | None = None,
    ) -> Steps[Result]:
        """Search once; vector: float32 [dim] instead of the text's own, for knn and hybrid."""
        if vector is not None:
            vector = _as_vector(vector)
        if rerank is None:
            return (yield from self._search(question, vector))
        check_rerank(question)
        check_depth(rerank.depth, question.end)
        deeper = replace(question, start=0, k=rerank.depth, source=True)
        result = yield from self._search(deeper, vector)
        found: Result = yield Work(lambda: reranked(result, question, rerank.model))
        return found

    def _search(self, question: Question, vector: Vector | None) -> Steps[Result]:
        fresh = self._fresh()
        target = yield from self.target()
        try:
            reading = yield from self._deepening(target.tuned(question), target, vector)
            if reading.indexes <= target.indexes:
                return reading.result
        except Exception as error:
            if fresh or not _may_be_outdated(error):
                raise
        # An alias that was switched, or an index made anew: look again, and search that one.
        target = yield from self.target(again=True)
        return (yield from self._deepening(target.tuned(question), target, vector)).result

    def _deepening(
        self, question: Question, target: Target, vector: Vector | None
    ) -> Steps[PlanResult]:
        """Search, and deeper where neighbours are of too few documents."""
        prepared = yield from self.prepare(question, target)
        if prepared.neighbours_in and vector is None:
            (vector,) = yield from self.vectors([plain_text(question)], target)
            prepared = yield from self.compared(prepared)
        depth = question.depth
        while True:
            try:
                reading = yield from _answered(plan_searches(prepared, vector, depth))
            except Exception as error:
                prepared = prepared.with_fewer_words(error)
                continue
            if not reading.short or depth >= MOST:
                return reading
            depth = min(MOST, depth * DEEPER)

    def prepare(self, question: Question, target: Target) -> Steps[Prepared]:
        """Fit a question to its index, with what its pipeline does."""
        pipeline = question.tuning.pipeline
        fusion = None
        if question.mode == HYBRID and pipeline and not hybrid_obstacle(self._can):
            fusion = yield from self._fusion_of(pipeline)
        return prepare(question, target, self._can, fusion)

    def vectors(self, texts: Sequence[str], target: Target) -> Steps[list[Vector]]:
        """One vector a text, by the encoder of the index."""
        if (found := self._encoders.kept(texts, target)) is not None:
            return found
        encoded: list[Vector] = yield Work(lambda: self._encoders.encode(texts, target))
        return encoded

    def compared(self, prepared: Prepared) -> Steps[Prepared]:
        """The same, which says so where its vectors are not of the model that is searched by.

        Only where no record tells, and found out once in a process.
        """
        target, field = prepared.target, prepared.neighbours_in
        if field is None or target.record is not None:
            return prepared
        encoder: QueryEncoder = yield Work(lambda: self._encoders.of(target))
        key = (encoder.fingerprint, field.name, target.fields.text, target.uuids)
        if key not in _COMPARED:
            try:
                answer = yield sample_request(target, field, self._can)
                pairs = pairs_in(hits_of(answer), target, field)
            except Exception as error:
                if getattr(error, "status_code", None) not in (400, 403):
                    raise
                pairs = []  # documents may not be read
            texts = [text for text, _ in pairs]
            made = yield Work(lambda: self._encoders.encode(texts, target) if texts else [])
            _COMPARED[key] = misfit(target, field, encoder.name, pairs, made)
        if (said := _COMPARED[key]) is None:
            return prepared
        return replace(prepared, target=replace(target, notes=(*target.notes, said)))

    def target(self, *, again: bool = False) -> Steps[Target]:
        """What the index is: as it was known, or asked for again."""
        if self._known and not again and self._fresh_enough():
            return self._known[0]
        try:
            found = yield description_of(self.index)
        except Exception as error:
            if getattr(error, "status_code", None) != 403:
                raise
            # Many roles may read mappings and not settings, whose defaults then have to do.
            found = yield description_of(self.index, mapping_only=True)
        target = yield from self._with_roles(read_target(self.index, found))
        target = with_shown_fields(target, found)
        self._known = (target, time.monotonic())
        return target

    def _with_roles(self, target: Target) -> Steps[Target]:
        """Find a target's fields: by its record, else as the user says and a sample shows."""
        if target.record is not None:
            return target.refuse_roles(self._roles)
        if fault := fault_of_roles(self.index, target.types, self._roles):
            raise TargetError(fault)
        sample: list[Mapping[str, Any]] = []
        if len(target.full_text) > 1 and self._roles.text is None:
            try:
                answer = yield sample_of(self.index, target.full_text, SAMPLE)
                sample = [hit.get("_source") or {} for hit in hits_of(answer)]
            except Exception as error:
                if getattr(error, "status_code", None) not in (400, 403):
                    raise  # names alone decide where documents may not be read
        return target.with_roles(assigned(self.index, target.full_text, self._roles, sample))

    def _fresh_enough(self) -> bool:
        return self._known is not None and time.monotonic() - self._known[1] < BELIEVED_SECONDS

    def _fresh(self) -> bool:
        """Whether the next search will ask for the description itself."""
        return not self._fresh_enough()

    def _fusion_of(self, pipeline: str) -> Steps[Fusion | None]:
        """What a pipeline of the cluster does, None where that may not be read or is beyond us."""
        if pipeline in self._pipelines:
            return self._pipelines[pipeline]
        try:
            found: Mapping[str, Any] = yield Request(
                "GET", path_of("_search", "pipeline", pipeline), {}
            )
        except Exception as error:
            status = getattr(error, "status_code", None)
            if status == 404:
                raise QueryError(
                    f"there is no search pipeline {pipeline!r}: write it with "
                    f"`put_pipeline(cluster, {pipeline!r})`, or leave out `pipeline`."
                ) from error
            if status != 403:
                raise
            return None
        fusion = read_pipeline(found.get(pipeline, {}), pipeline)
        self._pipelines[pipeline] = fusion
        return fusion


def _as_vector(given: Vector | Sequence[float]) -> Vector:
    try:
        return np.ascontiguousarray(given, np.float32)
    except (TypeError, ValueError) as error:
        raise QueryError(f"vector holds what is no number ({error}): give numbers.") from error


def _answered(plan: SearchPlan) -> Steps[PlanResult]:
    try:
        answer = yield request_of(plan.items)
    except Exception as error:
        # A page behind the last hit of a hybrid search is an error to the cluster, and no page.
        if PAST_THE_END not in str(getattr(error, "info", "")):
            raise
        answer = {"took": 0, "hits": {"hits": []}}
    return read(plan, responses_of(plan.items, answer))


def _may_be_outdated(error: Exception) -> bool:
    """Whether the cluster refused in a way that an old description of the index may have caused."""
    return getattr(error, "status_code", None) in (400, 404)
