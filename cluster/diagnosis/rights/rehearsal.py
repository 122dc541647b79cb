"""Which permissions each command needs, and whether we have them: asked by what changes nothing.

A cluster looks at permissions first, so a request that is impossible, or that has nothing to do,
tells whether it is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from cluster.connection import Cluster
from cluster.diagnosis.rights.probes import NO_ALIAS, PROBES, Probe
from cluster.diagnosis.rights.roles import roles
from cluster.errors import AccessError, ClusterError, MissingRightError, UnreachableError
from tandem.base.wire import path_of

NDJSON = {"content-type": "application/x-ndjson"}
SECURITY = "security_exception"
# No document has this version, so nothing is written.
_NO_VERSION = {"_id": "rehearsal", "if_seq_no": 2**53, "if_primary_term": 1}
_WRITES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "indices:data/write/index": ({"index": _NO_VERSION}, {}),
    "indices:data/write/update": ({"update": _NO_VERSION}, {"doc": {}}),
    "indices:data/write/delete": ({"delete": _NO_VERSION},),
}
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
    probes = [each for each in PROBES if set(needed) & set(each.needs)]
    for each in probes:
        yield from _refused(cluster, each, index)
    if writes := [each for each in _BULK if each in needed]:
        yield from _refused(cluster, _bulk(cluster, writes, index), index)
    if set(_POINT) & set(needed):
        yield from _point_in_time(cluster, index)


def _bulk(cluster: Cluster, writes: list[str], index: str) -> Probe:
    """Writes that conflict with every version; into no index, which they would make."""
    lines = [line for name, lines in _WRITES.items() if name in writes for line in lines]
    there = (("pipeline", "_none"),)
    if _is_there(cluster, index):
        return Probe(_BULK, "POST", "/{}/_bulk", lines, there)
    only = [{"index": {"_id": "rehearsal"}}, {}]
    return Probe(_BULK, "POST", "/{}/_bulk", only, (("require_alias", "true"),))


def _is_there(cluster: Cluster, index: str) -> bool:
    """Whether an index is known to be there; where that may not be asked, it is not."""
    try:
        return _ask(cluster, Probe((), "HEAD", "/{}"), index) is True
    except AccessError:
        return False


def _point_in_time(cluster: Cluster, index: str) -> Refusals:
    elastic = cluster.capabilities.distribution == "elasticsearch"
    path = "/_pit" if elastic else "/_search/point_in_time"
    try:
        opening = Probe(_POINT, "POST", "/{}" + path, params=(("keep_alive", "1m"),))
        opened = _ask(cluster, opening, index) or {}
        if found := opened.get("id" if elastic else "pit_id"):
            body = {"id": found} if elastic else {"pit_id": [found]}
            _ask(cluster, Probe(_POINT, "DELETE", path, body), index)
    except AccessError as error:
        yield _POINT, error


def _refused(cluster: Cluster, probe: Probe, index: str) -> Refusals:
    try:
        answer = _ask(cluster, probe, index)
    except AccessError as error:
        yield probe.needs, error
        return
    for reason in _reasons(answer):
        yield probe.needs, cluster.refusal(reason)


def _ask(cluster: Cluster, probe: Probe, index: str) -> Any:
    """The answer; None where the cluster refuses what is impossible, and so allowed."""
    path = probe.path.replace("/{}", path_of(index))
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
    if body is not NO_ALIAS:
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
