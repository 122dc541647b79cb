"""Connections whose requests end in time, whose answers fit memory, and that follow no redirect.

The client's own have a limit on each read alone, which an answer of one byte a second keeps for
ever, and none on what they read; they follow redirects, and so would send documents to any host.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3
from opensearchpy import (
    AIOHttpConnection,
    RequestsHttpConnection,
    TransportError,
    Urllib3HttpConnection,
)
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Timeout

from cluster.access.bounded import BoundedResponse, check_size
from cluster.access.route import Route
from cluster.errors import UnreachableError

_PIECE = 1_000_000
# Seconds: who says more means never.
_LONGEST_WAIT = 86_400.0
_REDIRECTS = (301, 302, 303, 307, 308)
# When the cluster wants to be asked again, of the answer that this thread or task got last: the
# client's exceptions do not carry headers.
_RETRY_AFTER: ContextVar[str | None] = ContextVar("retry-after", default=None)


@dataclass(frozen=True)
class Answer:
    """What the client reads of an answer; data: the body, uncompressed."""

    status: int
    headers: Any
    data: bytes

    async def text(self) -> str:
        """The body as the client wants it of aiohttp."""
        return self.data.decode("utf-8", "surrogatepass")


def _check(status: int, headers: Mapping[str, str]) -> None:
    """Refuse an answer that is not worth reading, and keep when to come back."""
    _RETRY_AFTER.set(headers.get("retry-after"))
    if status in _REDIRECTS:
        raise UnreachableError(
            f"what answers there sends on to {_place(headers.get('location', ''))}, where neither "
            "credentials nor documents are sent unasked"
        )


def _place(location: str) -> str:
    """Where a redirect leads, without what may be a secret in it."""
    try:
        parts = urlsplit(location)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "another place"
    origin = f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else ""
    return repr(f"{origin}{parts.path}"[:200])


class _BoundedHTTP(HTTPConnection):
    response_class = BoundedResponse


class _BoundedHTTPS(HTTPSConnection):
    response_class = BoundedResponse

    def connect(self) -> None:
        """Connect; urllib3 would warn at each request of what `connect` has warned of, once."""
        super().connect()
        self.is_verified = True


def _bound(pool: Any) -> Any:
    """A pool of urllib3, whose connections will have bounds; a kind of another's own stays."""
    bounded = {HTTPConnection: _BoundedHTTP, HTTPSConnection: _BoundedHTTPS}
    pool.ConnectionCls = bounded.get(pool.ConnectionCls, pool.ConnectionCls)
    return pool


class BoundedPool:
    """A pool of urllib3 as the client uses it.

    route: how requests get to the host at `base`.
    """

    def __init__(self, pool: Any, seconds: float, base: str, route: Route) -> None:
        self._pool, self._base, self._route = pool, base, route
        # Of all together: connecting, sending, and the answer to its last byte.
        self._limit = Timeout(total=seconds, connect=route.connect_timeout)
        secure = isinstance(pool, urllib3.HTTPSConnectionPool)
        # A proxy for plain http wants to know where a request goes.
        self._before = base if pool.proxy and not secure else ""
        _bound(pool)

    def urlopen(
        self,
        method: str,
        url: str,
        body: bytes | None,
        *,
        retries: Any,
        headers: Mapping[str, str],
        timeout: float | None = None,
    ) -> Answer:
        """Send a request; raises UnreachableError, and urllib3's own errors."""
        url, headers = self._route.signed(method, self._base, url, body, headers)
        response = self._pool.urlopen(
            method,
            f"{self._before}{url}",
            body,
            headers,
            retries,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(timeout, self._route.connect_timeout) if timeout else self._limit,
            preload_content=False,
        )
        try:
            _check(response.status, response.headers)
            return Answer(response.status, response.headers, _body(response))
        except UnreachableError:
            response.close()
            raise
        finally:
            response.release_conn()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def _body(response: Any) -> bytes:
    """The whole body; one that is compressed may grow beyond what the socket gave."""
    if "content-encoding" not in response.headers:
        check_size(int(response.headers.get("content-length") or 0))
        return bytes(response.read())
    data = bytearray()
    while piece := response.read(_PIECE):
        data += piece
        check_size(len(data))
    return bytes(data)


class _Session:
    """A session of aiohttp, which keeps deadlines itself, as the client uses it."""

    def __init__(self, session: Any, base: str, route: Route) -> None:
        self._session, self._base, self._route = session, base, route

    @asynccontextmanager
    async def request(
        self, method: str, url: Any, data: Any, headers: Any, timeout: Any, **options: Any
    ) -> AsyncIterator[Answer]:
        path, headers = self._route.signed(method, self._base, url.raw_path_qs, data, headers)
        async with self._session.request(
            method,
            type(url)(f"{self._base}{path}", encoded=True),
            data=data,
            timeout=type(timeout)(timeout.total, sock_connect=self._route.connect_timeout),
            allow_redirects=False,
            **self._route.by_proxy(self._base, headers),
            **options,
        ) as response:
            _check(response.status, response.headers)
            data = bytearray()
            async for piece in response.content.iter_chunked(_PIECE):
                data += piece
                check_size(len(data))
        yield Answer(response.status, response.headers, bytes(data))

    async def close(self) -> None:
        await self._session.close()


class _Errors:
    """How both connections raise what the cluster answered."""

    def _raise_error(
        self, status_code: int, raw_data: str | bytes, content_type: str | None = None
    ) -> None:
        try:
            super()._raise_error(status_code, raw_data, content_type)  # type: ignore[misc]
        except TransportError as error:
            error.retry_after = retry_after(_RETRY_AFTER.get())  # type: ignore[attr-defined]
            raise
        except (AttributeError, RecursionError) as error:
            # JSON, and no object: not what a cluster says.
            raise TransportError(status_code, str(raw_data)[:400], None) from error


class BoundedConnection(_Errors, Urllib3HttpConnection):
    """The client's connection with bounds, and its route to the host."""

    def __init__(self, **options: Any) -> None:
        self._route = Route.of(options)
        super().__init__(**options)

    def _create_urllib3_pool(self) -> None:
        super()._create_urllib3_pool()
        pool = self._route.through_proxy(self.pool)
        self.pool: Any = BoundedPool(pool, self.timeout, self.host, self._route)


class BoundedRequestsConnection(_Errors, RequestsHttpConnection):
    """A client's connection by requests, with the same bounds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for adapter in {id(each): each for each in self.session.adapters.values()}.values():
            _bound_adapter(adapter)
        session: Any = self.session
        self._send, session.send = session.send, self._send_bounded

    def _send_bounded(self, request: Any, timeout: float, **options: Any) -> Any:
        """Send a request that is signed, and read its answer."""
        # A stream, so that nothing is read before it is looked at.
        given = {**options, "stream": True, "allow_redirects": False}
        response: Any = self._send(request, timeout=Timeout(total=timeout), **given)
        with response:
            _check(response.status_code, response.headers)
            data = bytearray()
            for piece in response.iter_content(_PIECE):
                data += piece
                check_size(len(data))
        response._content = bytes(data)
        return response


def _bound_adapter(adapter: Any) -> None:
    """Let an adapter of requests make connections with bounds, also those to a proxy."""
    find = getattr(adapter, "get_connection_with_tls_context", None)
    if find is not None:  # else it is no adapter of HTTP
        adapter.get_connection_with_tls_context = lambda *a, **given: _bound(find(*a, **given))


class AsyncBoundedConnection(_Errors, AIOHttpConnection):
    """The client's asyncio connection with bounds, and its route to the host."""

    def __init__(self, **options: Any) -> None:
        self._route = Route.of(options)
        super().__init__(**options)

    async def _create_aiohttp_session(self) -> Any:
        await super()._create_aiohttp_session()
        self.session: Any = _Session(self.session, self.host, self._route)


def retry_after(header: str | None) -> float | None:
    """Seconds to wait, of a Retry-After header in either form; None without a readable one.

    Source: RFC 9110, section 10.2.3.
    """
    if header is None:
        return None
    try:
        if header.strip().isdecimal():
            return min(float(header), _LONGEST_WAIT)
        wanted = parsedate_to_datetime(header).timestamp() - time.time()
    except (ValueError, OverflowError, OSError):
        return None
    return max(0.0, min(wanted, _LONGEST_WAIT))
