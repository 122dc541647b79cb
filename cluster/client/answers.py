"""What may be believed of an answer of 200: its shape, by what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opensearchpy import (
    AsyncTransport,
    NotFoundError,
    SerializationError,
    Transport,
    TransportError,
)
from opensearchpy.exceptions import ConnectionError as ClientConnectionError

from cluster.client.failover import Elsewhere, revive
from cluster.client.moving import Locate, follow
from cluster.errors import UnreachableError


class NoClusterAnswerError(ClientConnectionError):
    """What answered is no cluster, or something between cut its words: as a lost connection."""


def _is_object(answer: Any) -> bool:
    return isinstance(answer, dict)


def _is_json(answer: Any) -> bool:
    return isinstance(answer, dict | list)


def _objects(answer: Any, name: str) -> bool:
    found = answer.get(name) if isinstance(answer, dict) else None
    return isinstance(found, list) and all(isinstance(each, dict) for each in found)


def _is_bulk(answer: Any) -> bool:
    """Each item: one action, with its status."""
    return _objects(answer, "items") and all(
        len(item) == 1
        and isinstance(result := next(iter(item.values())), dict)
        and type(result.get("status")) is int
        for item in answer["items"]
    )


def _is_search(answer: Any) -> bool:
    hits: Any = answer.get("hits") if isinstance(answer, dict) else None
    return _objects(hits, "hits") and all(
        isinstance(hit.get("_id"), str)
        and isinstance(hit.get("_index"), str)
        and isinstance(hit.get("_score"), int | float | None)
        for hit in hits["hits"]
    )


def _is_page(answer: Any) -> bool:
    """What a scrolled search gives: with what the next page is asked for by."""
    return _is_search(answer) and isinstance(answer.get("_scroll_id"), str)


def _is_msearch(answer: Any) -> bool:
    return _objects(answer, "responses") and all(
        "error" in each or _is_search(each) for each in answer["responses"]
    )


def _is_mget(answer: Any) -> bool:
    return _objects(answer, "docs") and all(
        isinstance(each.get("_id"), str) and ("error" in each or type(each.get("found")) is bool)
        for each in answer["docs"]
    )


def _is_count(answer: Any) -> bool:
    return isinstance(answer, dict) and type(answer.get("count")) is int


def _parts(*names: str) -> Callable[[Any], bool]:
    """Of each index, objects of these names."""

    def check(answer: Any) -> bool:
        return isinstance(answer, dict) and all(
            isinstance(each, dict) and all(isinstance(each.get(name), dict) for name in names)
            for each in answer.values()
        )

    return check


# The part of a path that begins with an underscore -> whether an answer is one to it.
_POSTED: Mapping[str, Callable[[Any], bool]] = {
    "_bulk": _is_bulk,
    "_search": _is_search,
    "_msearch": _is_msearch,
    "_mget": _is_mget,
    "_count": _is_count,
}
_GOT: Mapping[str, Callable[[Any], bool]] = {
    "": _parts("mappings", "settings"),
    "_mapping": _parts("mappings"),
    "_settings": _parts("settings"),
    "_alias": _parts("aliases"),
    "_aliases": _parts("aliases"),
}
# What answers in text, if not asked for JSON.
_TEXTS = ("_cat", "hot_threads", "_sql", "_ppl")


def _shape(method: str, path: str, params: Mapping[str, Any]) -> Callable[[Any], bool]:
    parts = path.partition("?")[0].strip("/").split("/")
    kind = next((part for part in parts if part.startswith("_")), "")
    if set(parts) & set(_TEXTS):
        return _is_json if "json" in f"{path}{params.get('format')}" else lambda answer: True
    if kind == "_search" and ("scroll" in params or parts[-1] == "scroll") and method == "POST":
        return _is_page
    if method == "POST" and "point_in_time" not in parts:  # whose answer is but its id
        return _POSTED.get(kind, _is_object)
    if method == "GET" and parts != [""] and "filter_path" not in params:
        return _GOT.get(kind, _is_object)
    return _is_object


def _refused(method: str, path: str, answer: Any) -> NoClusterAnswerError:
    told = UnreachableError(
        f"what answers there to {method} {path.partition('?')[0]} gives no such answer as a "
        f"cluster does but {str(answer)[:60]!r}, so look at any proxy before the cluster"
    )
    return NoClusterAnswerError("N/A", str(told), told)


@contextmanager
def _believing(method: str, path: str) -> Iterator[None]:
    """Refuse what is no JSON, and the absence of something that no cluster told."""
    try:
        yield
    except SerializationError as error:
        raise _refused(method, path, error.args[1].doc if _has_doc(error) else error) from error
    except NotFoundError as error:
        if method != "HEAD" and not isinstance(error.info, dict):
            raise _refused(method, path, error.error) from error
        raise


def _has_doc(error: SerializationError) -> bool:
    return len(error.args) > 1 and hasattr(error.args[1], "doc")


def _believed(method: str, path: str, params: Mapping[str, Any] | None, answer: Any) -> Any:
    if method != "HEAD" and not _shape(method, path, params or {})(answer):
        raise _refused(method, path, answer)
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
        elsewhere = Elsewhere(self, method, url)
        with _believing(method, url):
            while True:
                try:
                    answer = super().perform_request(method, url, params, *args, **options)
                    break
                except TransportError as error:  # the host counts as dead for a while
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
        elsewhere = Elsewhere(self, method, url)
        with _believing(method, url):
            while True:
                try:
                    answer = await super().perform_request(method, url, params, *args, **options)
                    break
                except TransportError as error:
                    elsewhere.after(error)
        return _believed(method, url, params, answer)

    async def close(self) -> None:
        """Close all connections."""
        revive(self)
        await super().close()
