"""`Searcher`: searches of one index, from as many threads as like."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from mappings import SearchSettings
from query.answer.results import Answer, Result
from query.body.request import Request
from query.errors import QueryError, explained, raise_explained
from query.models import QueryEncoder
from query.question import Question, SearchOptions
from query.search.many import IN_FLIGHT, Many, answers, batches, check_queries
from query.search.query_vectors import SIZE, Encoders
from query.search.steps import Flows, Rerank, Steps, Work
from query.target import Roles
from tandem.base.arguments import checked_arguments
from tandem.base.vectors import Vector

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from cluster import Cluster
    from encoder.selection.preparation import OnStep

T = TypeVar("T")


class BaseSearcher:
    """What the searches of an index are made of, whoever carries out their steps."""

    def __init__(
        self,
        cluster: Cluster,
        index: str | Sequence[str],
        *,
        encoder: QueryEncoder | None = None,
        model: str | None = None,
        roles: Roles | None = None,
        cache: int = SIZE,
        on_progress: OnStep | None = None,
    ) -> None:
        self._cluster = cluster
        self._encoders = Encoders(encoder, model, cache, on_progress)
        self._flows = Flows(
            index,
            cluster.capabilities,
            self._encoders,
            lambda error: explained(error, cluster),
            roles,
        )
        self._prepare()

    def _prepare(self) -> None:
        """What a kind of searcher has beside that, made before threads can share it."""

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"a searcher holds connections and a model and cannot be pickled: call connect in the "
            f"process that searches, and make its {name} there."
        )


@checked_arguments(QueryError)
class Searcher(BaseSearcher):
    """Searches an index, or an alias, of a cluster; of a list of names, all of them together.

    encoder: of the queries; without one, the model that the index remembers is loaded at the first
    search that needs it, from `model` (a name or folder) where that is given. roles: which fields
    hold the text, the titles and the documents' ids of an index without Tandem's record. cache:
    most query vectors kept; on_progress: called with what takes longer while the model is loaded.
    Safe to share by threads, and to go on with in a forked process. Raises TargetError for a name
    that no index can have.
    """

    def __enter__(self) -> Searcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the model that was loaded here; the cluster and a given encoder stay open."""
        self._encoders.close()

    @checked_arguments(QueryError, own=("text",))
    def search(
        self,
        text: str,
        *,
        vector: Vector | Sequence[float] | None = None,
        rerank: Rerank | None = None,
        **options: Unpack[SearchOptions],
    ) -> Result:
        """The k best passages for a text, best first; fewer only where fewer match.

        vector: float32 [dim] to search by instead of the text's own; rerank: a cross-encoder that
        orders the first hits anew; options: mode ("hybrid", "knn" or "bm25"), k (10), start,
        filter, where, explain, collapse, source, tuning, as Question has them.

        A hit's score is the cosine in mode knn, the engine's score in bm25, the fused one in
        hybrid. Raises QueryError, ClusterError and EncoderError, each with one sentence.
        """
        question = Question(text, **options)
        return self._run(self._flows.search(question, vector, rerank))

    @checked_arguments(QueryError, own=("queries",))
    def search_many(
        self,
        queries: Iterable[tuple[str | int, str]],
        *,
        rerank: Rerank | None = None,
        batch: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> Iterator[Answer]:
        """One Answer a query, lazily and in the order of the queries, each (id, text).

        A query that fails has its error in its answer and does not end the rest. batch: queries
        encoded together and sent in one request, None for 128, or fewer where each looks at more
        than 250 candidates. Ids need not differ, except within a batch.
        """
        check_queries(queries)
        return self._answers(queries, Many(Question("text", **options), rerank), batch)

    def document_field(self) -> str:
        """The name of the field that says which document a passage is of; raises as `search`."""
        return self._run(self._flows.target()).fields.document_id

    def text_fields(self) -> tuple[str, ...]:
        """The fields that BM25 searches unless it is told others; raises as `search`."""
        return self._run(self._flows.target()).text_fields

    def settings(self) -> SearchSettings:
        """How the index was tuned to be searched, empty where it was not; raises as `search`."""
        return self._run(self._flows.target()).settings or SearchSettings()

    def _answers(
        self, queries: Iterable[tuple[str | int, str]], many: Many, batch: int | None
    ) -> Iterator[Answer]:
        waiting: deque[Future[list[Answer]]] = deque()
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            try:
                for each in batches(queries, batch, many.like):
                    waiting.append(pool.submit(self._run, answers(self._flows, each, many)))
                    if len(waiting) > IN_FLIGHT:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _run(self, steps: Steps[T]) -> T:
        """Carry out the steps, in this thread."""
        try:
            step = next(steps)
            while True:
                try:
                    value = self._step(step)
                except Exception as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as done:
            found: T = done.value
            return found
        except Exception as error:
            raise_explained(error, explained(error, self._cluster))

    def _step(self, step: Request | Work) -> Any:
        if isinstance(step, Work):
            return step.run()
        return self._cluster.client.transport.perform_request(
            step.method,
            step.path,
            params=step.params,
            body=step.body,
            headers=headers_of(step),
        )


def headers_of(step: Request) -> Mapping[str, str] | None:
    """The headers of a request."""
    return {"content-type": step.kind} if step.body else None
