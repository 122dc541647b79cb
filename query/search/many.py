"""Many queries: a batch is encoded together, sent as one `_msearch`, and answered one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from numbers import Integral
from typing import Any

from query.answer.documents import reading_of, with_documents
from query.answer.hits import Responses, read
from query.answer.rerank import reranked
from query.answer.results import Answer, Result
from query.body.order import check_rerank
from query.body.request import request_of, responses_of
from query.body.search_plan import SearchPlan, plan_searches
from query.body.words.query_syntax import plain_text
from query.errors import QueryError, TextError, is_too_many_words
from query.question import Query, Question
from query.search.steps import Flows, Rerank, Steps, Work
from query.target import Target
from tandem.base.arguments import shown
from tandem.base.vectors import Vector

# Queries of a request where nobody says: short ones fill the encoder's batches only by many, and
# an answer with all their candidates stays far from what is read of one.
BATCH, BATCH_CANDIDATES = 128, 32_000
# Batches at the same time, so that one is encoded while another is searched.
IN_FLIGHT = 2
# So many queries in a row that take too long, and the cluster is given up.
MOST_LATE = 3
# What fails with these fails for every query: who we are, and that the index is there.
_ALL_FAIL = (401, 403, 404)
_PAIRS = "give pairs of an id and a text, as enumerate(texts) gives them"


@dataclass(frozen=True)
class Many:
    """How queries are answered: each as `like` is asked, its text aside."""

    like: Question
    rerank: Rerank | None = None


def batches(
    queries: Iterable[tuple[str | int, str]], most: int | None, like: Question
) -> Iterator[Sequence[Query] | Exception]:
    """Lists of at most so many queries, lazily; raises QueryError for a number below 1.

    What their source raises comes last, in its place in the order, so that the queries before it
    are answered first.
    """
    if most is None:
        most = max(1, min(BATCH, BATCH_CANDIDATES // like.depth))
    if most < 1:
        raise QueryError(f"batch is {most} and must be at least 1.")
    batch: list[Query] = []
    try:
        for each in queries:
            batch.append(_query(each))
            if len(batch) == most:
                yield batch
                batch = []
    except Exception as error:
        if batch:
            yield batch
        yield error
        return
    if batch:
        yield batch


def check_queries(queries: object) -> None:
    """Refuse what is no list of queries, before the first is looked for."""
    if isinstance(queries, str | bytes | Mapping) or not isinstance(queries, Iterable):
        raise QueryError(f"queries is {shown(queries)}: {_PAIRS}.")


def _query(given: object) -> Query:
    """A query of an id, which may be a number, and a text."""
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != 2:
        raise QueryError(f"a query is {shown(given)}: {_PAIRS}.")
    name, text = given
    if isinstance(name, bool) or not isinstance(name, str | Integral):
        raise QueryError(f"the id of a query is {shown(name)}: {_PAIRS}.")
    return Query(str(name), text)


def timed_out(error: Exception) -> bool:
    """Whether a request took too long, which opensearch-py tells by its ConnectionTimeout."""
    return getattr(error, "status_code", None) == "TIMEOUT"


def answers(flows: Flows, batch: Sequence[Query] | Exception, many: Many) -> Steps[list[Answer]]:
    """One answer a query, in their order; what is wrong with one is told in its own.

    batch: of `batches`. Raises what is wrong with all of them: the index, the encoder, the filter,
    the connection.
    """
    if isinstance(batch, Exception):
        raise batch
    found: dict[Query, Answer] = {}
    target = yield from flows.target()
    like = target.tuned(_deepened(many))
    questions: dict[Query, Question] = {}
    for query in batch:
        try:
            questions[query] = like.asking(query.text)
        except TextError as error:
            found[query] = Answer(query, None, str(error))
    plans = yield from _plans(flows, questions, target, found)
    items = [item for plan in plans.values() for item in plan.items]
    if items:
        try:
            responses = responses_of(items, (yield request_of(items)))
            shared = yield from _with_documents(_shared_out(plans.values(), responses))
        except Exception as error:
            if is_too_many_words(error):
                shared = [_refused(error, len(plan.items)) for plan in plans.values()]
            elif len(plans) == 1 or not timed_out(error):
                raise
            else:
                found |= yield from _one_by_one(flows, plans, many)
                return [found[query] for query in batch]
        for (query, plan), own in zip(plans.items(), shared, strict=True):
            found[query] = yield from _answer(flows, query, plan, own, many)
    return [found[query] for query in batch]


def _shared_out(
    plans: Iterable[SearchPlan], responses: Responses
) -> list[tuple[SearchPlan, Responses]]:
    """Each plan with the responses to its own items, of those to the items of all."""
    rest = iter(responses)
    return [(plan, list(islice(rest, len(plan.items)))) for plan in plans]


def _with_documents(
    asked: Sequence[tuple[SearchPlan, Responses]],
) -> Steps[list[Responses | None]]:
    """The responses of plans, with the documents of hits that were ranked without them.

    All are read in one request. None where a document is not as it was ranked: search again.
    """
    readings = [reading_of(plan, responses) for plan, responses in asked]
    items = [item for item in readings if item]
    answers = iter(responses_of(items, (yield request_of(items))) if items else ())
    return [
        with_documents(plan, responses, next(answers) if item else None)
        for (plan, responses), item in zip(asked, readings, strict=True)
    ]


def _refused(error: Exception, count: int) -> list[Mapping[str, Any]]:
    """The refusal of a search alone, as `_msearch` tells it of one among several."""
    return [error.info] * count  # type: ignore[attr-defined]


def _one_by_one(
    flows: Flows, plans: Mapping[Query, SearchPlan], many: Many
) -> Steps[dict[Query, Answer]]:
    """Ask again, each by itself, what took too long together; one that does so again says so.

    Raises the time-out where the first few all end in one: then it is the cluster that is slow.
    """
    found: dict[Query, Answer] = {}
    for query, plan in plans.items():
        try:
            responses = responses_of(plan.items, (yield request_of(plan.items)))
            (own,) = yield from _with_documents([(plan, responses)])
        except Exception as error:
            if is_too_many_words(error):
                refused = _refused(error, len(plan.items))
                found[query] = yield from _answer(flows, query, plan, refused, many)
                continue
            late = [answer.error for answer in found.values()]
            if not timed_out(error) or (len(late) == MOST_LATE - 1 and all(late)):
                raise
            found[query] = Answer(query, None, str(flows.explain(error)))
        else:
            found[query] = yield from _answer(flows, query, plan, own, many)
    return found


def _deepened(many: Many) -> Question:
    """What each is asked like, with as many hits as a cross-encoder reads where there is one."""
    question = many.like
    if many.rerank is None:
        return question
    check_rerank(question)
    return replace(question, start=0, k=max(many.rerank.depth, question.end), source=True)


def _plans(
    flows: Flows,
    questions: Mapping[Query, Question],
    target: Target,
    found: dict[Query, Answer],
) -> Steps[dict[Query, SearchPlan]]:
    if not questions:
        return {}
    # They differ in their texts alone, so that one of them stands for all.
    prepared = yield from flows.prepare(next(iter(questions.values())), target)
    vectors: dict[Query, Vector] = {}
    if prepared.neighbours_in:
        texts = [plain_text(question) for question in questions.values()]
        vectors = dict(zip(questions, (yield from flows.vectors(texts, target)), strict=True))
        prepared = yield from flows.compared(prepared)
    plans = {}
    for query, question in questions.items():
        try:
            plans[query] = plan_searches(prepared.asking(question), vectors.get(query), apart=True)
        except TextError as error:
            found[query] = Answer(query, None, str(error))
    return plans


def _result(flows: Flows, plan: SearchPlan, responses: Responses | None) -> Steps[Result]:
    """The result of a plan, searched for again, alone, where these responses cannot be it."""
    try:
        reading = read(plan, responses) if responses is not None else None
        if reading and not reading.short and reading.indexes <= plan.target.indexes:
            return reading.result
    except Exception as error:
        if not is_too_many_words(error):
            raise
    return (yield from flows.search(plan.question))


def _answer(
    flows: Flows, query: Query, plan: SearchPlan, responses: Responses | None, many: Many
) -> Steps[Answer]:
    try:
        result = yield from _result(flows, plan, responses)
    except QueryError as error:
        return Answer(query, None, str(error))
    except Exception as error:
        if getattr(error, "status_code", None) in (None, *_ALL_FAIL):
            raise
        return Answer(query, None, str(flows.explain(error)))
    if many.rerank is not None:
        model = many.rerank.model
        question = many.like.asking(query.text)
        first = result
        result = yield Work(lambda: reranked(first, question, model))
    return Answer(query, result)
