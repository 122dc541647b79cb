"""Which permissions each command needs, and whether we have them: asked by what changes nothing.

A cluster looks at permissions first, so a request that is impossible, or that has nothing to do,
tells whether it is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from cluster.connection import Cluster
from cluster.errors import AccessError, ClusterError, MissingRightError, UnreachableError

NDJSON = {"content-type": "application/x-ndjson"}
SECURITY = "security_exception"
# No document has this version, so nothing is written.
_NO_VERSION = {"_id": "rehearsal", "if_seq_no": 2**53, "if_primary_term": 1}
_WRITES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "indices:data/write/index": ({"index": _NO_VERSION}, {}),
    "indices:data/write/update": ({"update": _NO_VERSION}, {"doc": {}}),
    "indices:data/write/delete": ({"delete": _NO_VERSION},),
}
_NAMES_ALONE = (("filter_path", "*.name"),)
_NOTHING = {"size": 0, "query": {"match_none": {}}}
_NO_ALIAS = {"actions": [{"remove": {"index": "{}", "alias": "{}-rehearsal", "must_exist": True}}]}


@dataclass(frozen=True)
class Role:
    """What some commands may do: permissions of OpenSearch's security, privileges of Elastic's.

    patterns: of the indexes, with INDEX for the name of the index or alias.
    """

    commands: tuple[str, ...]
    patterns: tuple[str, ...]
    cluster: tuple[str, ...]
    index: tuple[str, ...]
    elasticsearch: tuple[str, ...]

    @property
    def permissions(self) -> tuple[str, ...]:
        """Those of both levels."""
        return (*self.cluster, *self.index)

    def body(self, name: str, *, without: str = "") -> dict[str, Any]:
        """What PUT /_plugins/_security/api/roles/ROLE takes, for an index or alias."""
        patterns = [each.replace("INDEX", name) for each in self.patterns]
        allowed = [each for each in self.index if each != without]
        indexes = [{"index_patterns": patterns, "allowed_actions": allowed}] if self.index else []
        cluster = [each for each in self.cluster if each != without]
        return {"cluster_permissions": cluster, "index_permissions": indexes}


@cache
def roles() -> Mapping[str, Role]:
    """All roles, by name."""
    text = files("cluster.diagnosis").joinpath("roles.json").read_text("utf-8")
    return {
        name: Role(**{field: tuple(value) for field, value in each.items()})
        for name, each in json.loads(text).items()
    }


@dataclass(frozen=True)
class _Probe:
    """A request that needs these permissions; {} stands for the index in path and body."""

    needs: tuple[str, ...]
    method: str
    path: str
    body: Any = None
    params: tuple[tuple[str, str], ...] = ()


_PROBES = (
    _Probe(("cluster:monitor/main",), "GET", "/"),
    _Probe(("indices:admin/get",), "GET", "/{}", params=(("filter_path", "*.aliases"),)),
    _Probe(("indices:admin/mappings/get",), "GET", "/{}/_mapping"),
    # No index has no shards.
    _Probe(("indices:admin/create",), "PUT", "/{}", {"settings": {"index.number_of_shards": 0}}),
    _Probe(("indices:admin/mapping/put",), "PUT", "/{}/_mapping", {"properties": {}}),
    _Probe(("indices:admin/settings/update",), "PUT", "/{}/_settings", {"index.rehearsal": 1}),
    _Probe(("indices:admin/block/add",), "PUT", "/{}-REHEARSAL/_block/write"),
    _Probe(("indices:admin/aliases",), "POST", "/_aliases", _NO_ALIAS),
    # No index has a name with capitals.
    _Probe(("indices:admin/delete",), "DELETE", "/{}-REHEARSAL"),
    _Probe(("indices:admin/refresh", "indices:admin/refresh[s]"), "POST", "/{}/_refresh"),
    _Probe(("indices:data/read/search",), "POST", "/{}/_search", _NOTHING),
    _Probe(("indices:data/read/msearch",), "POST", "/{}/_msearch", [{}, _NOTHING]),
    _Probe(
        ("indices:data/read/mget", "indices:data/read/mget[shard]"),
        "POST",
        "/{}/_mget",
        {"ids": ["rehearsal"]},
    ),
    _Probe(("indices:data/read/scroll",), "POST", "/_search/scroll", {"scroll_id": "none"}),
    _Probe(("indices:data/read/scroll/clear",), "DELETE", "/_search/scroll", {"scroll_id": "none"}),
    _Probe(("indices:monitor/stats",), "GET", "/{}/_stats/docs"),
    _Probe(("cluster:monitor/health",), "GET", "/_cluster/health"),
    _Probe(("cluster:monitor/state",), "GET", "/_cluster/state/blocks"),
    _Probe(("cluster:monitor/nodes/stats",), "GET", "/_nodes/stats/breaker"),
    _Probe(("indices:admin/template/get",), "GET", "/_template", params=_NAMES_ALONE),
    _Probe(("indices:admin/index_template/get",), "GET", "/_index_template", params=_NAMES_ALONE),
    _Probe(("cluster:admin/component_template/get",), "GET", "/_component_template/rehearsal"),
    _Probe(
        ("cluster:admin/knn_stats_action",), "GET", "/_plugins/_knn/stats/circuit_breaker_triggered"
    ),
    _Probe(("cluster:admin/ingest/pipeline/get",), "GET", "/_ingest/pipeline/rehearsal"),
    _Probe(("cluster:admin/search/pipeline/get",), "GET", "/_search/pipeline/rehearsal"),
    _Probe(
        ("cluster:admin/search/pipeline/put",),
        "PUT",
        "/_search/pipeline/rehearsal",
        {"phase_results_processors": [{"rehearsal": {}}]},
    ),
)
_BULK = ("indices:data/write/bulk", "indices:data/write/bulk[s]", *_WRITES)
# What only shards are asked for, where there are any.
_OF_SHARDS = frozenset({*_BULK[1:], "indices:admin/refresh[s]", "indices:data/read/mget[shard]"})
_POINT = ("indices:data/read/point_in_time/create", "indices:data/read/point_in_time/delete")


def require(cluster: Cluster, role: str, index: str, *, but: Collection[str] = ()) -> None:
    """Raise the AccessError for the first permission of a role that we lack for an index.

    but: permissions that are not needed this time. An index that is not there yet hides what is
    asked of its shards: ask again once it is made. Without credentials nothing is asked.
    """
    if not cluster.has_credentials:
        return
    for _, error in _refusals(cluster, set(roles()[role].permissions) - set(but), index):
        raise error


def lacking(cluster: Cluster, needed: Collection[str], index: str) -> set[str]:
    """Which of these permissions we lack for an index, be it there or not; UnreachableError.

    What a cluster calls by other names stands for all that its request needs.
    """
    found: set[str] = set()
    for needs, error in _refusals(cluster, needed, index):
        named = set(error.permissions) if isinstance(error, MissingRightError) else set()
        found |= (named & set(needed)) or (set(needs) & set(needed))
    return found


def untold(cluster: Cluster, index: str) -> frozenset[str]:
    """The permissions of which nothing tells whether we have them: what is asked of shards alone.

    None where the index is there; raises UnreachableError.
    """
    return frozenset() if _is_there(cluster, index) else _OF_SHARDS


Refusals = Iterator[tuple[tuple[str, ...], AccessError]]


def _refusals(cluster: Cluster, needed: Collection[str], index: str) -> Refusals:
    """What a request needs, and its error, for each that was refused; raises UnreachableError."""
    probes = [each for each in _PROBES if set(needed) & set(each.needs)]
    for each in probes:
        yield from _refused(cluster, each, index)
    if writes := [each for each in _BULK if each in needed]:
        yield from _refused(cluster, _bulk(cluster, writes, index), index)
    if set(_POINT) & set(needed):
        yield from _point_in_time(cluster, index)


def _bulk(cluster: Cluster, writes: list[str], index: str) -> _Probe:
    """Writes that conflict with every version; into no index, which they would make."""
    lines = [line for name, lines in _WRITES.items() if name in writes for line in lines]
    there = (("pipeline", "_none"),)
    if _is_there(cluster, index):
        return _Probe(_BULK, "POST", "/{}/_bulk", lines, there)
    only = [{"index": {"_id": "rehearsal"}}, {}]
    return _Probe(_BULK, "POST", "/{}/_bulk", only, (("require_alias", "true"),))


def _is_there(cluster: Cluster, index: str) -> bool:
    """Whether an index is known to be there; where that may not be asked, it is not."""
    try:
        return _ask(cluster, _Probe((), "HEAD", "/{}"), index) is True
    except AccessError:
        return False


def _point_in_time(cluster: Cluster, index: str) -> Refusals:
    elastic = cluster.capabilities.distribution == "elasticsearch"
    path = "/_pit" if elastic else "/_search/point_in_time"
    try:
        opening = _Probe(_POINT, "POST", "/{}" + path, params=(("keep_alive", "1m"),))
        opened = _ask(cluster, opening, index) or {}
        if found := opened.get("id" if elastic else "pit_id"):
            body = {"id": found} if elastic else {"pit_id": [found]}
            _ask(cluster, _Probe(_POINT, "DELETE", path, body), index)
    except AccessError as error:
        yield _POINT, error


def _refused(cluster: Cluster, probe: _Probe, index: str) -> Refusals:
    try:
        answer = _ask(cluster, probe, index)
    except AccessError as error:
        yield probe.needs, error
        return
    for reason in _reasons(answer):
        yield probe.needs, cluster.refusal(reason)


def _ask(cluster: Cluster, probe: _Probe, index: str) -> Any:
    """The answer; None where the cluster refuses what is impossible, and so allowed."""
    path = probe.path.replace("{}", quote(index, safe=""))
    body = _filled(probe.body, index)
    headers = None
    if isinstance(body, list):
        body = b"".join(json.dumps(line).encode() + b"\n" for line in body)
        headers = NDJSON
    try:
        with cluster.explaining():
            return cluster.client.transport.perform_request(
                probe.method, path, params=dict(probe.params), body=body, headers=headers
            )
    except (AccessError, UnreachableError):
        raise
    except ClusterError:
        return None


def _filled(body: Any, index: str) -> Any:
    if body is not _NO_ALIAS:
        return body
    return json.loads(json.dumps(body).replace('"{}', json.dumps(index)[:-1]))


def _reasons(answer: Any) -> Iterator[str]:
    """Why parts of an answer were refused: items of a bulk, documents, searches, shards."""
    if not isinstance(answer, dict):
        return
    items = [next(iter(each.values())) for each in answer.get("items") or ()]
    shards = (answer.get("_shards") or {}).get("failures") or ()
    parts = [*items, *answer.get("docs", ()), *answer.get("responses", ())]
    errors = [*(each.get("error") for each in parts), *(each.get("reason") for each in shards)]
    for error in errors:
        if isinstance(error, Mapping) and error.get("type") == SECURITY:
            yield str(error.get("reason"))
