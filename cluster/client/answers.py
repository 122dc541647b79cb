"""What may be believed of an answer of 200: its shape, by what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from opensearchpy import (
    AsyncTransport,
    NotFoundError,
    SerializationError,
    Transport,
    TransportError,
)
from opensearchpy.exceptions import ConnectionError as ClientConnectionError

from cluster.client.failover import Elsewhere, Locate, follow, revive
from cluster.client.shapes.asked import shape_of
from cluster.client.shapes.searches import shapes_inside
from cluster.errors import UnreachableError
from tandem.base.schema import as_type


class NoClusterAnswerError(ClientConnectionError):
    """What answered is no cluster, or something between cut its words: as a lost connection."""


def misshapen(answer: Any, method: str, path: str, params: Mapping[str, Any]) -> str | None:
    """Why an answer of 200 is none to what was asked for, or None where it is one."""
    shape = shape_of(method, path, params)
    try:
        as_type(answer, shape)
        for each, kinds in shapes_inside(answer, shape):
            _check(each, kinds)
    except msgspec.ValidationError as error:
        return str(error).replace("`", "")
    except RecursionError:
        return "it is nested beyond all use"
    return None


def _check(each: Any, shapes: Sequence[Any]) -> None:
    """Raise what the last shape says of it where it has none of them."""
    for shape in shapes[:-1]:
        with suppress(msgspec.ValidationError):
            as_type(each, shape)
            return
    as_type(each, shapes[-1])


def _refused(method: str, path: str, answer: Any, why: str = "") -> NoClusterAnswerError:
    told = UnreachableError(
        f"what answers there to {method} {path.partition('?')[0]} gives no such answer as a "
        f"cluster does but {str(answer)[:60]!r}{why and f' ({why[:120]})'}, so look at any proxy "
        "before the cluster"
    )
    return NoClusterAnswerError("N/A", str(told), told)


class _Believing:
    """Refuse what is no JSON, and the absence of something that no cluster told."""

    def __init__(self, method: str, path: str) -> None:
        self._method, self._path = method, path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if isinstance(error, SerializationError):
            told = error.args[1].doc if _has_doc(error) else error
            raise _refused(self._method, self._path, told) from error
        if (
            isinstance(error, NotFoundError)
            and self._method != "HEAD"
            and not isinstance(error.info, dict)
        ):
            raise _refused(self._method, self._path, error.error) from error


def _has_doc(error: SerializationError) -> bool:
    return len(error.args) > 1 and hasattr(error.args[1], "doc")


def _believed(method: str, path: str, params: Mapping[str, Any] | None, answer: Any) -> Any:
    if method != "HEAD" and (why := misshapen(answer, method, path, params or {})):
        raise _refused(method, path, answer, why)
    return answer


class CheckedTransport(Transport):
    """The client's transport, whose answers have the shape of what was asked for.

    Raises NoClusterAnswerError, a ConnectionError of the client, for any other. locate: where the
    cluster is now, if it moves.
    """

    def __init__(self, *args: Any, locate: Locate | None = None, **options: Any) -> None:
        self._locate = locate
        super().__init__(*args, **options)

    def perform_request(
        self, method: str, url: str, params: Any = None, *args: Any, **options: Any
    ) -> Any:
        """Send a request, and check its answer."""
        follow(self, self._locate)  # other threads may be using what is given up
        elsewhere: Elsewhere | None = None
        with _Believing(method, url):
            while True:
                try:
                    answer = super().perform_request(method, url, params, *args, **options)
                    break
                except TransportError as error:  # the host counts as dead for a while
                    elsewhere = elsewhere or Elsewhere(self, method, url)
                    elsewhere.after(error)
        return _believed(method, url, params, answer)

    def close(self) -> Any:
        """Close all connections."""
        revive(self)
        return super().close()


class AsyncCheckedTransport(AsyncTransport):
    """The same on an event loop."""

    def __init__(self, *args: Any, locate: Locate | None = None, **options: Any) -> None:
        self._locate = locate
        super().__init__(*args, **options)

    async def perform_request(
        self, method: str, url: str, params: Any = None, *args: Any, **options: Any
    ) -> Any:
        """Send a request, and check its answer."""
        for connection in follow(self, self._locate):
            await connection.close()
        elsewhere: Elsewhere | None = None
        with _Believing(method, url):
            while True:
                try:
                    answer = await super().perform_request(method, url, params, *args, **options)
                    break
                except TransportError as error:
                    elsewhere = elsewhere or Elsewhere(self, method, url)
                    elsewhere.after(error)
        return _believed(method, url, params, answer)

    async def close(self) -> None:
        """Close all connections."""
        revive(self)
        await super().close()
