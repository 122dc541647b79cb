"""What an index says about itself: GET /INDEX, and what `index list` and `show` make of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cluster.client.shards import SHARD_CURE
from cluster.errors import AccessError
from ingest.errors import IndexRefusedError
from mappings import fault_of_name, replicas_of, shards_of, uuid_in
from mappings.existing import has_vector, resolved
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster
    from mappings import IndexRecord

_LEASE = re.compile(r"-loading-[0-9a-f]{16}$")
# Of every index of a cluster, only this is asked for: thousands of mappings are many megabytes.
_OF_ALL = "*.aliases,*.mappings._meta.tandem,*.settings.index.number_of_shards"
_SIZES = (
    "indices.*.primaries.docs.count,indices.*.primaries.store.size_in_bytes,"
    "indices.*.shards.*.routing.primary"
)
_LABELS = {"m": "HNSW m", "ef_construction": "HNSW ef_construction", "engine": "k-NN engine"}
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def find_index(cluster: Cluster, name: str) -> dict[str, dict[str, Any]]:
    """As `Cluster.get_index`, but nothing where there is no such index or alias.

    Raises ClusterError, and IndexRefusedError for a name that no index can have.
    """
    check_name(name)
    return cluster.get_index(name, missing_ok=True)


def check_name(name: str, *, new: bool = False) -> None:
    """Raise IndexRefusedError for a name that no index or alias can have.

    new: of an index that is to be made.
    """
    if fault := fault_of_name(name, new=new):
        raise IndexRefusedError(f"{name!r} cannot be the name of an index: {fault}.")


def kind_of(name: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """What a name is, of what GET /NAME found behind it, with its article."""
    if any(each.get("data_stream") == name for each in found.values()):
        return "a data stream"
    return "an index" if name in found else "an alias"


def uuid_of(cluster: Cluster, name: str) -> str:
    """What tells an index from a later one of the same name; raises ClusterError."""
    # As for the look before the load: so one permission is enough.
    return uuid_in(cluster.get_index(name)[name])


def leases(description: Mapping[str, Any]) -> list[str]:
    """The aliases of an index that runs write through while they load into it.

    They are hidden: one of such a name that is not is somebody's own.
    """
    found = description.get("aliases", {}).items()
    return [name for name, each in found if _LEASE.search(name) and each.get("is_hidden") is True]


def aliases(description: Mapping[str, Any]) -> list[str]:
    """The aliases of an index, without leases: where there are any, it is live."""
    theirs = leases(description)
    return [name for name in description.get("aliases", {}) if name not in theirs]


@checked_arguments(IndexRefusedError)
def list_indexes(cluster: Cluster, pattern: str = "*") -> list[dict[str, Any]]:
    """One row for each index that has a record of Tandem's, in the order of names; two requests.

    pattern: of their names, for who may not see all; damaged: why its record cannot be read, and
    then nothing is known of its model. Raises ClusterError.
    """
    found = cluster.get_index(pattern, filter_path=_OF_ALL)
    records = {name: _record(each, name) for name, each in sorted(found.items())}
    ours = {name: record for name, record in records.items() if record != (None, None)}
    if not ours:
        return []
    with cluster.explaining():
        stats = _stats(cluster, pattern)
    return [
        {
            "index": name,
            "aliases": sorted(aliases(found[name])),
            "documents": _size(stats, name)["docs"]["count"],
            "model": record.encoder.model if record else None,
            "dimension": record.encoder.dimension if record else None,
            "bytes": _size(stats, name)["store"]["size_in_bytes"],
            "missing_shards": _missing(found[name], stats, name),
            "damaged": damaged,
        }
        for name, (record, damaged) in ours.items()
    ]


def _record(description: Mapping[str, Any], name: str) -> tuple[IndexRecord | None, str | None]:
    """An index's record, if it has one; else why it cannot be read, if so."""
    from mappings import MappingError, read_record

    try:
        return read_record(description.get("mappings", {}), name), None
    except MappingError as error:
        return None, str(error)


def _stats(cluster: Cluster, index: str) -> dict[str, Any]:
    answer = cluster.client.indices.stats(
        index=index, metric="docs,store", level="shards", filter_path=_SIZES
    )
    found: dict[str, Any] = answer.get("indices", {})
    return found


def _missing(description: Mapping[str, Any], stats: Mapping[str, Any], name: str) -> int:
    """Shards of an index that no node holds, so that what they have is neither found nor counted.

    A replica that is missing costs nothing of that, and is none of them.
    """
    if (every := shards_of(description)) is None:
        return 0
    copies = stats.get(name, {}).get("shards", {}).values()
    there = sum(any(copy.get("routing", {}).get("primary") for copy in each) for each in copies)
    return every - there


def _size(stats: Mapping[str, Any], name: str) -> Any:
    nothing = {"docs": {"count": 0}, "store": {"size_in_bytes": 0}}
    return nothing | stats.get(name, {}).get("primaries", {})


@checked_arguments(IndexRefusedError, "describe_index")
def describe(cluster: Cluster, name: str) -> dict[str, Any]:
    """Who encoded an index, or those behind a name, how it is laid out and what it holds.

    Of several, all that they hold together, and the rest as of the first. Raises ClusterError, and
    MappingError for a damaged record.
    """
    from mappings import read_record, read_search
    from mappings.types import stored_types, type_of

    behind = dict(sorted(cluster.get_index(name).items()))
    (index, found), *others = behind.items()
    with cluster.explaining():
        stats = _stats(cluster, ",".join(behind))
    record, shards = read_record(found["mappings"], index), list(map(shards_of, behind.values()))
    sizes = [_size(stats, each) for each in behind]
    missing = sum(_missing(each, stats, of) for of, each in behind.items())
    return {
        "index": list(behind) if others else index,
        "model": record.encoder.model if record else None,
        "fingerprint": record.encoder.fingerprint if record else None,
        "dimension": record.encoder.dimension if record else None,
        "settings": dict(record.encoder.settings) if record else {},
        "documents": sum(each["docs"]["count"] for each in sizes),
        # Of a part, the count would not tell how many lack a vector.
        "with_vector": None if missing or record is None else _vectors(cluster, behind),
        "bytes": sum(each["store"]["size_in_bytes"] for each in sizes),
        "shards": None if None in shards else sum(filter(None, shards)),
        "missing_shards": missing,
        "replicas": replicas_of(found),
        "aliases": sorted(aliases(found)),
        "search": tuned.to_meta() if (tuned := read_search(found["mappings"], index)) else {},
        **_layout(found, record),
        "fields": {k: type_of(v) for k, v in stored_types(found["mappings"].get("properties", {}))},
    }


def _vectors(cluster: Cluster, found: Mapping[str, dict[str, Any]]) -> int:
    """Documents that have a vector, of those indexes that have a record."""
    from mappings import read_record

    count = 0
    for index, each in found.items():
        if record := read_record(each["mappings"], index):
            query = {"query": has_vector(record.fields.vector, resolved(each["mappings"]))}
            with cluster.explaining():
                count += int(cluster.client.count(index=index, body=query)["count"])
    return count


def _layout(description: Mapping[str, Any], record: IndexRecord | None) -> dict[str, Any]:
    """What of a Shape an index has and cannot change; None where unknown."""
    from mappings import laid_out
    from mappings.body import FIXED

    known = laid_out(description, record.fields) if record else {}
    return {name: known.get(name) for name in FIXED if name != "shards"}


def incomplete(facts: Mapping[str, Any]) -> str | None:
    """The sentence for an index, of `describe` or `list_indexes`, of which a part is missing."""
    if not facts["missing_shards"]:
        return None
    return (
        f"index {facts['index']!r} is incomplete: {facts['missing_shards']} of its shards are on "
        f"no node that answers, so their documents are neither found nor counted; {SHARD_CURE}."
    )


def told_incomplete(cluster: Cluster, name: str, description: Mapping[str, Any]) -> str | None:
    """The same for an index that is to be used; None where a user may not ask for its shards."""
    try:
        with cluster.explaining():
            stats = _stats(cluster, name)
    except AccessError:
        return None
    return incomplete({"index": name, "missing_shards": _missing(description, stats, name)})


def shown(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, value) of `describe` as people read it, without what is not known."""
    rows = []
    for name, value in facts.items():
        if name == "bytes":
            rows.append(("size", size(value)))
        elif name == "missing_shards" and not value:
            continue
        elif isinstance(value, Mapping):
            rows += _entries(name, value)
        elif isinstance(value, list):
            rows.append((name, ", ".join(map(str, value)) or "none"))
        elif value is not None:
            label = _LABELS.get(name, name.replace("_", " "))
            rows.append((label, f"{value:,}" if isinstance(value, int) else value))
    return rows


def _entries(name: str, value: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of fields with their types, or of an encoder's settings, whose blanks may count."""
    if name == "fields":
        return [(f"field {field}", kind) for field, kind in value.items()]
    if name == "search":
        return [(f"search {of}", json.dumps(each)) for of, each in value.items()]
    return [(of.replace("_", " "), json.dumps(each)) for of, each in value.items()]


def size(count: int) -> str:
    """A number of bytes in the unit that leaves one to three digits before the point."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.0f} {_UNITS[unit]}" if unit == 0 else f"{value:,.1f} {_UNITS[unit]}"
