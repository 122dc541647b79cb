"""Ask a Tandem service what it encodes with, and for vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from cluster.access.credentials import Secret, redacted
from ingest.errors import IndexRefusedError
from mappings import PASSAGE, QUERY, InputType, Service

SECONDS = 60.0
_PROBE = "Which of two ways is this text encoded in?"


class ServiceClient:
    """Requests to one service; key: of its searches, None where it needs none."""

    def __init__(self, url: str, key: Secret | None) -> None:
        import urllib3

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise IndexRefusedError(
                f"the service is called {redacted(url)!r}: give `service` as http://HOST:PORT or "
                "https://HOST:PORT, without a user."
            )
        self.url = url.rstrip("/")
        self._key = key
        self._pool = urllib3.PoolManager(timeout=SECONDS, retries=False)

    def look(self) -> Service:
        """What it encodes with; raises IndexRefusedError where it is none, or not reached."""
        listed = self._ask("GET", "/v1/models").get("data") or [{}]
        model, fingerprint = listed[0].get("id"), listed[0].get("fingerprint")
        if not isinstance(model, str) or not isinstance(fingerprint, str):
            raise IndexRefusedError(
                f"what answers at {self.url} is no Tandem service, or an older one: start one of "
                "this version, or correct `service`."
            )
        (passage,), (query,) = self.embed([_PROBE], PASSAGE), self.embed([_PROBE], QUERY)
        # Also by what runs them alone, as int8 for passages: of near ties it decides the order.
        asymmetric = not np.array_equal(passage, query)
        return Service(self.url, model, fingerprint, len(passage), asymmetric)

    def embed(self, texts: Sequence[str], kind: InputType) -> NDArray[np.float32]:
        """Unit vectors, float32 [n, dim], of at least one text; the same errors."""
        answer = self._ask("POST", "/v1/embeddings", {"input": list(texts), "input_type": kind})
        return np.array([each["embedding"] for each in answer["data"]], np.float32)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        import urllib3

        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        data = None if body is None else json.dumps(body)
        try:
            answer = self._pool.request(method, self.url + path, body=data, headers=headers)
            said = json.loads(answer.data)
        except urllib3.exceptions.HTTPError as error:
            raise IndexRefusedError(
                f"the service at {self.url} cannot be reached ({type(error).__name__}): start it, "
                "or correct `service`."
            ) from error
        except ValueError:
            said = {}
        if answer.status == 401:
            raise IndexRefusedError(
                f"the service at {self.url} wants another key: give it in `service_key`."
            )
        if answer.status != 200 or not isinstance(said, dict):
            told = said.get("detail", "") if isinstance(said, dict) else ""
            raise IndexRefusedError(
                f"the service at {self.url} answered {path} with HTTP {answer.status}"
                f"{f': {told}' if told else ''}: look at its log, or correct `service`."
            )
        return said
