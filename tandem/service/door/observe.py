"""What operators see: a request id, a line of JSON for each request, and Prometheus metrics."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
import traceback
from itertools import count

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tandem.base.errors import debugging
from tandem.base.process.redact import redacted_text
from tandem.service.door.problems import unexpected

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# What the ids of this process's requests begin with.
_STARTED = os.urandom(8).hex()
# Seconds: a search takes a few milliseconds, a load of documents some seconds.
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class JsonLines(logging.Formatter):
    """A record as a line of JSON; of an exception its kind and place, and all of it to debug."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": _now(),
            "level": record.levelname.lower(),
            "message": redacted_text(" ".join(record.getMessage().split())),
        }
        if record.exc_info and (error := record.exc_info[1]):
            at = traceback.extract_tb(error.__traceback__)[-1:]
            line["error"] = " ".join(
                [type(error).__name__, *(f"{e.filename}:{e.lineno}" for e in at)]
            )
            if debugging():
                line["traceback"] = redacted_text("".join(traceback.format_exception(error)))
        return json.dumps(line)


def log_as_json() -> None:
    """Let the server's own records be lines as those of requests are, and no client's be any."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for name in ("uvicorn", "asyncio"):
        logging.getLogger(name).addHandler(handler)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Metrics:
    """Counts of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.seconds = Histogram(
            "tandem_request_seconds",
            "Time to the end of an answer.",
            labels[:2],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.requests = Counter("tandem_requests", "Requests.", labels, registry=self.registry)
        self.under_way = Gauge("tandem_under_way", "Requests under way.", registry=self.registry)
        # To ask for a child each time costs more than to count with it.
        self._children: dict[tuple[str, str, int], tuple[Histogram, Counter]] = {}
        self.batch = Histogram(
            "tandem_batch_texts",
            "Texts encoded together.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=self.registry,
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        if (found := self._children.get((method, route, status))) is None:
            found = (
                self.seconds.labels(method, route),
                self.requests.labels(method, route, str(status)),
            )
            self._children[method, route, status] = found
        found[0].observe(seconds)
        found[1].inc()

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)


class Observed:
    """Gives each request an id, the caller's own where it has a plain one, and notes its end."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: frozenset[str]) -> None:
        self._app, self._metrics, self._routes = app, metrics, routes
        # To ask the system for chance anew for each costs more than to note its end.
        self._own_ids = (f"{_STARTED}{number:016x}" for number in count())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and write the line when it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else next(self._own_ids)
        began, status = time.monotonic(), 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with self._metrics.under_way.track_inprogress():
            try:
                await self._app(scope, receive, named)
            except Exception as error:
                if not status:  # FastAPI answers what is raised behind it
                    await unexpected(error)(scope, receive, named)
                raise
            finally:
                self._note(scope, request_id, status or 500, time.monotonic() - began)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        method, path = scope["method"], scope["path"]
        # Anything else would make a row for whatever path a stranger thinks of.
        route = path if path in self._routes else self._route(path)
        self._metrics.count(method, route, status, seconds)
        line = {
            "time": _now(),
            "request": request_id,
            "method": method,
            "path": path,
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        # Not the query, which is what people look for.
        sys.stderr.write(json.dumps(line) + "\n")

    def _route(self, path: str) -> str:
        return next((each for each in self._routes if _is_of(path, each)), "other")


def _is_of(path: str, route: str) -> bool:
    fixed = route.partition("{")[0]
    return path.startswith(fixed) and path != fixed if "{" in route else path == route
