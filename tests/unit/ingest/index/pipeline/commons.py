"""ML Commons and its pipelines as far as Tandem asks them, in this process; answers may be changed.

Not for how it answers, which only a real one tells, but for what no real one does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from cluster import Capabilities, UnreachableError
from cluster.client.answers import misshapen

_GROUP = {"name": "made", "description": "Tandem: the model of a Tandem service"}
_TRUST = {
    "plugins.ml_commons.trusted_connector_endpoints_regex": ["^http://127.*$"],
    "plugins.ml_commons.connector.private_ip_enabled": "true",
}
Change = Callable[[str, str, Any], Any]


class Commons:
    """As a Cluster; held: what there is, by kind and id; change: (method, path, answer) -> answer.

    asked: the method and path of each request that came.
    """

    capabilities = Capabilities("opensearch", (3, 6), "3.6.0", False, True, True, ("lucene",))
    has_credentials = False

    def __init__(self) -> None:
        self.client = SimpleNamespace(transport=self)
        self.held: dict[str, dict[str, Any]] = {
            kind: {} for kind in ("connectors", "models", "model_groups", "_ingest", "_search")
        }
        self.change: Change = lambda method, path, answer: answer
        self.asked: list[tuple[str, str]] = []
        self._made = 0

    @contextmanager
    def explaining(self) -> Iterator[None]:
        yield

    def perform_request(self, method: str, path: str, params: Any = None, body: Any = None) -> Any:
        self.asked.append((method, path))
        parts = path.strip("/").split("/")
        if parts[:2] == ["_plugins", "_ml"]:
            answer = self._commons(method, parts[2:], body)
        elif path == "/_cluster/settings":
            answer = {"persistent": _TRUST, "transient": {}, "defaults": {}}
        elif parts[-1] == "_simulate":
            answer = {"docs": [{"doc": {"_source": {"vector": [1.0]}}} for _ in body["docs"]]}
        elif parts[1:] == ["pipeline"]:
            answer = self.held[parts[0]]
        elif len(parts) > 2 and parts[1] == "pipeline":
            answer = self._pipelines(method, parts[0], parts[2], body)
        else:
            answer = {}  # no index has a pipeline
        answer = self.change(method, path, json.loads(json.dumps(answer)))
        if misshapen(answer, method, path, params or {}):  # as the client's transport does
            raise UnreachableError(f"{method} {path} has no such answer")
        return answer

    def _pipelines(self, method: str, kind: str, name: str, body: Any) -> Any:
        if method == "PUT":
            self.held[kind][name] = body
        elif method == "DELETE":
            del self.held[kind][name]
        elif name in self.held[kind]:
            return {name: self.held[kind][name]}
        return {}

    def _commons(self, method: str, parts: list[str], body: Any) -> Any:
        kind, last = parts[0], parts[-1]
        if "_predict" in parts:
            texts = body.get("text_docs") or json.loads(body["parameters"]["texts"])
            return {"inference_results": [{"output": [{"data": [1.0]}]} for _ in texts]}
        there = self.held[kind]
        if last == "_search":
            return _found([hit for hit in there.items() if _meets(hit, body["query"])])
        if last == "_create":
            return {"connector_id": self._add(kind, body)}
        if last == "_register":
            group = self._add("model_groups", _GROUP)
            made = {**body, "model_group_id": group, "model_state": "DEPLOYED"}
            return {"model_id": self._add(kind, made), "status": "CREATED"}
        if method == "DELETE":
            del there[last]
        elif method == "PUT":
            there[last].update(body)
        return there[last] if method == "GET" else {"acknowledged": True}

    def _add(self, kind: str, body: Mapping[str, Any]) -> str:
        self._made += 1
        self.held[kind][f"id-{self._made}"] = dict(body)
        return f"id-{self._made}"


def _meets(hit: tuple[str, Any], query: Mapping[str, Any]) -> bool:
    if "ids" in query:
        return hit[0] in query["ids"]["values"]
    ((field, value),) = query["term"].items()
    return bool(hit[1].get(field.removesuffix(".keyword")) == value)


def _found(hits: list[tuple[str, Any]]) -> dict[str, Any]:
    return {
        "_shards": {"total": 1, "successful": 1},
        "hits": {
            "total": {"value": len(hits), "relation": "eq"},
            "hits": [{"_id": name, "_source": source} for name, source in hits],
        },
    }
