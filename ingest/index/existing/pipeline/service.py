"""Ask a Tandem service what it encodes with, and for vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from cluster.access.credentials import Secret, split, warn_if_plain
from cluster.errors import ClusterError, UnreachableError
from ingest.errors import IndexRefusedError
from mappings import PASSAGE, QUERY, InputType, Service
from tandem.base.process.redact import redacted
from tandem.base.schema import as_type

SECONDS = 60.0
_PROBE = "Which of two ways is this text encoded in?"


class _Served(Struct):
    id: str
    fingerprint: str


class _Models(Struct):
    data: Annotated[list[_Served], Meta(min_length=1, max_length=1)]


class _Embedding(Struct):
    embedding: Annotated[list[float], Meta(min_length=1)]


class _Vectors(Struct):
    data: list[_Embedding]


class _Problem(Struct):
    detail: str = ""


class KeyRefusedError(IndexRefusedError):
    """The service wants a key, and another one than it was given."""


_Answer = TypeVar("_Answer")


class ServiceClient:
    """Requests to one service; key: of its searches, None where it needs none."""

    def __init__(self, url: str, key: Secret | None) -> None:
        from urllib3 import connection_from_url
        from urllib3.exceptions import LocationValueError

        from cluster.access.certificates import trusted
        from cluster.access.route import Route
        from cluster.client.connections import BoundedPool

        try:
            parts = split(url)
            self.url = parts.geturl().rstrip("/")
            tls = {"ssl_context": trusted()} if parts.scheme == "https" else {}
            pool = connection_from_url(self.url, retries=False, **tls)
        except (ClusterError, LocationValueError):
            # What they say is of a cluster's URL, or shows all of it.
            raise IndexRefusedError(
                f"the service is called {redacted(url)!r}: give `service` as http://HOST:PORT or "
                "https://HOST:PORT, without a user, a query and a fragment."
            ) from None
        self._key = key
        warn_if_plain(parts, "the service's key" if key else None)
        self._pool = BoundedPool(pool, SECONDS, self.url, Route(None, None, None))

    def look(self) -> Service:
        """What it encodes with; raises IndexRefusedError where it is none, or not reached."""
        (served,) = self._ask("GET", "/v1/models", _Models).data
        (passage,), (query,) = self.embed([_PROBE], PASSAGE), self.embed([_PROBE], QUERY)
        # Also by what runs them alone, as int8 for passages: of near ties it decides the order.
        asymmetric = not np.array_equal(passage, query)
        return Service(self.url, served.id, served.fingerprint, len(passage), asymmetric)

    def embed(self, texts: Sequence[str], kind: InputType) -> NDArray[np.float32]:
        """Unit vectors, float32 [n, dim], of at least one text; the same errors."""
        body = {"input": list(texts), "input_type": kind}
        found = [
            each.embedding for each in self._ask("POST", "/v1/embeddings", _Vectors, body).data
        ]
        if len(found) != len(texts) or len({len(each) for each in found}) != 1:
            raise self._no_service()
        return np.array(found, np.float32)

    def _ask(self, method: str, path: str, kind: type[_Answer], body: Any = None) -> _Answer:
        import urllib3

        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        data = None if body is None else json.dumps(body).encode()
        target = urlsplit(self.url).path + path
        try:
            answer = self._pool.urlopen(method, target, data, retries=False, headers=headers)
        except (urllib3.exceptions.HTTPError, UnreachableError) as error:
            why = error if isinstance(error, UnreachableError) else type(error).__name__
            raise IndexRefusedError(
                f"the service at {self.url} cannot be reached ({why}): start it, or correct "
                "`service`."
            ) from error
        if answer.status == 401:
            raise KeyRefusedError(
                f"the service at {self.url} wants another key: give it in `service_key`."
            )
        try:
            if answer.status == 200:
                return as_type(msgspec.json.decode(answer.data), kind)
            told = as_type(msgspec.json.decode(answer.data), _Problem).detail
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if answer.status == 200:
                raise self._no_service() from None
            told = ""
        raise IndexRefusedError(
            f"the service at {self.url} answered {path} with HTTP {answer.status}"
            f"{told and f': {told}'}: look at its log, or correct `service`."
        )

    def _no_service(self) -> IndexRefusedError:
        return IndexRefusedError(
            f"what answers at {self.url} is no Tandem service, or an older one: start one of this "
            "version, or correct `service`."
        )
