"""`AsyncSearcher`: the same searches on an event loop, which no step of them holds up."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from query.answer.results import Answer, Result
from query.body.request import Request
from query.errors import QueryError, explained, raise_explained
from query.question import Question, SearchOptions
from query.search.many import IN_FLIGHT, Many, answers, batches, check_queries
from query.search.query_vectors import ProcessLock
from query.search.searcher import BaseSearcher, headers_of
from query.search.steps import Rerank, Steps, Work
from tandem.base.arguments import checked_arguments
from tandem.base.vectors import Vector

if TYPE_CHECKING:
    from opensearchpy import AsyncOpenSearch
    from typing_extensions import Unpack


T = TypeVar("T")


class _Clients:
    """A client for each event loop, whose connections serve no other loop and no other process.

    make: a new client; in a running loop.
    """

    def __init__(self, make: Callable[[], AsyncOpenSearch]) -> None:
        self._make = make
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, _Opened] = WeakKeyDictionary()
        self._lock = ProcessLock()  # loops run in threads

    async def get(self) -> AsyncOpenSearch:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            opened = self._open.get(loop)
            if opened is not None and opened.process == os.getpid():
                return opened.client
            client = self._make()
            opened = self._open[loop] = _Opened(client, _kept_open(client), os.getpid())
        await anext(opened.life)
        return client

    async def close(self) -> None:
        """Close the clients of this process."""
        here = asyncio.get_running_loop()
        with self._lock:
            found = list(self._open.items())
            self._open.clear()
        for loop, opened in found:
            if opened.process != os.getpid():
                continue
            if loop is here:
                await opened.life.aclose()
            elif loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(_closed(opened.life), loop)
                await asyncio.wrap_future(closing)


@dataclass(frozen=True)
class _Opened:
    client: AsyncOpenSearch
    life: AsyncGenerator[None, None]
    process: int


async def _kept_open(client: AsyncOpenSearch) -> AsyncGenerator[None, None]:
    """Closes the client when it is closed, as every loop does at its end that asyncio runs."""
    try:
        yield
    finally:
        await client.close()


async def _closed(life: AsyncGenerator[None, None]) -> None:
    await life.aclose()


@checked_arguments(QueryError)
class AsyncSearcher(BaseSearcher):
    """Searches an index, or an alias, of a cluster from coroutines, in whichever event loop.

    The arguments are those of Searcher. It has its own connections, in each loop others, so close
    it, or use it with `async with`; those of a loop that asyncio.run has run are closed with it.
    """

    def _prepare(self) -> None:
        self._clients = _Clients(self._cluster.async_client)

    async def __aenter__(self) -> AsyncSearcher:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, and let go of the model that was loaded here."""
        self._encoders.close()
        await self._clients.close()

    @checked_arguments(QueryError, own=("text",))
    async def search(
        self,
        text: str,
        *,
        vector: Vector | Sequence[float] | None = None,
        rerank: Rerank | None = None,
        **options: Unpack[SearchOptions],
    ) -> Result:
        """The k best passages for a text, best first, as Searcher.search gives them."""
        question = Question(text, **options)
        return await self._run(self._flows.search(question, vector, rerank))

    @checked_arguments(QueryError, own=("queries",))
    def search_many(
        self,
        queries: Iterable[tuple[str | int, str]],
        *,
        rerank: Rerank | None = None,
        batch: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> AsyncIterator[Answer]:
        """One Answer a query, lazily and in their order, as Searcher.search_many gives them."""
        check_queries(queries)
        return self._answers(queries, Many(Question("text", **options), rerank), batch)

    async def _answers(
        self, queries: Iterable[tuple[str | int, str]], many: Many, batch: int | None
    ) -> AsyncIterator[Answer]:
        waiting: deque[asyncio.Task[list[Answer]]] = deque()
        try:
            for each in batches(queries, batch, many.like):
                waiting.append(asyncio.create_task(self._run(answers(self._flows, each, many))))
                if len(waiting) > IN_FLIGHT:
                    for answer in await waiting.popleft():
                        yield answer
            while waiting:
                for answer in await waiting.popleft():
                    yield answer
        finally:
            for task in waiting:
                task.cancel()

    async def _run(self, steps: Steps[T]) -> T:
        """Carry out the steps, off the loop where they take long."""
        try:
            step = next(steps)
            while True:
                try:
                    value = await self._step(step)
                except Exception as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as done:
            found: T = done.value
            return found
        except Exception as error:
            raise_explained(error, await asyncio.to_thread(explained, error, self._cluster))

    async def _step(self, step: Request | Work) -> Any:
        if isinstance(step, Work):
            return await asyncio.to_thread(step.run)
        client = await self._clients.get()
        return await client.transport.perform_request(
            step.method,
            step.path,
            params=step.params,
            body=step.body,
            headers=headers_of(step),
        )
