"""The life of an index while it is loaded: check or create it, relax it, restore it, verify it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.errors import IncompleteError, IndexRefusedError
from ingest.records import PassageEncoder
from mappings import EncoderRecord, Fields, IndexRecord, Shape, index_body, read_record

if TYPE_CHECKING:
    from cluster import Cluster

# In the mapping's `_meta`: the settings to put back, kept there so that a killed run loses none.
LOADING = "loading"
_RELAXED = {"refresh_interval": "-1", "number_of_replicas": 0}
# Merging eight million vectors takes hours.
MERGE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class OpenIndex:
    """An index that is ready to take passages.

    name: the concrete index, never an alias; uuid: of this index and no later one of that name;
    created: by this run; journal: the settings to restore at the end, None where nothing was
    relaxed.
    """

    name: str
    uuid: str
    fields: Fields
    created: bool
    journal: dict[str, Any] | None
    warnings: tuple[str, ...] = ()


def create_index(
    cluster: Cluster,
    name: str,
    encoder: PassageEncoder,
    shape: Shape,
    loading: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Create an empty index for an encoder's vectors and return its body.

    loading: create it relaxed, with these notes about what to restore. Raises IndexRefusedError
    where the cluster cannot hold it, and ClusterError where it refuses.
    """
    body = planned_body(cluster, name, encoder, shape)
    if loading is not None:
        body["mappings"]["_meta"][LOADING] = {
            "refresh_interval": None,
            "number_of_replicas": body["settings"]["index"]["number_of_replicas"],
            **loading,
        }
        body["settings"]["index"] |= _RELAXED
    try:
        cluster.client.indices.create(index=name, body=body)
    except Exception as error:
        raise cluster.explain(error) from error
    return body


def check_name(name: str) -> None:
    """Raise IndexRefusedError for a pattern, a list, or a name that no index or alias can have."""
    if any(mark in name for mark in "*,?") or name.startswith(("_", "-", "+")):
        raise IndexRefusedError(f"{name!r} is no name of one index: give a plain name.")


def planned_body(
    cluster: Cluster, name: str, encoder: PassageEncoder, shape: Shape
) -> dict[str, Any]:
    """The body that `create_index` would send; the same refusals."""
    can = cluster.capabilities
    check_name(name)
    if not can.knn:
        raise IndexRefusedError(
            f"the cluster ({can.distribution} {can.version_text}) has no k-NN: install its k-NN "
            "plugin, or name another cluster with --url."
        )
    if can.distribution == "opensearch" and shape.engine not in can.engines:
        raise IndexRefusedError(
            f"this cluster has no engine {shape.engine!r}, and an index with it would end the "
            f"node: use --engine {can.engines[0]}."
        )
    record = IndexRecord(EncoderRecord(encoder.name, encoder.fingerprint, encoder.dim))
    body = index_body(record, shape, can.distribution)
    if can.embedded:
        # One node has nowhere to put a replica.
        body["settings"]["index"]["number_of_replicas"] = 0
    return body


def open_index(
    cluster: Cluster,
    name: str,
    encoder: PassageEncoder,
    shape: Shape,
    *,
    relax: bool = False,
    alias: str | None = None,
) -> OpenIndex:
    """Check an index that is there, or create it relaxed.

    relax: relax also one that was there; alias: what is to point here when all is loaded. Raises
    IndexRefusedError where these vectors must not go into it.
    """
    found = _found(cluster, name)
    if found is None:
        body = create_index(cluster, name, encoder, shape, {"alias": alias})
        return OpenIndex(
            name, _uuid(cluster, name), Fields(), True, body["mappings"]["_meta"][LOADING]
        )
    concrete, description = found
    record = _checked(concrete, description, encoder)
    journal = description["mappings"].get("_meta", {}).get(LOADING)
    if journal is not None or relax:
        journal = _relax(cluster, concrete, description)
    uuid = description["settings"]["index"]["uuid"]
    warnings = _warnings(concrete, description)
    return OpenIndex(concrete, uuid, record.fields, False, journal, warnings)


def _found(cluster: Cluster, name: str) -> tuple[str, dict[str, Any]] | None:
    from opensearchpy.exceptions import NotFoundError

    check_name(name)
    try:
        found = cluster.client.indices.get(index=name)
    except NotFoundError:
        return None
    except Exception as error:
        raise cluster.explain(error) from error
    if len(found) > 1:
        raise IndexRefusedError(
            f"{name!r} is an alias of {len(found)} indexes ({', '.join(sorted(found))}): "
            "name one of them."
        )
    ((concrete, description),) = found.items()
    return concrete, description


def _uuid(cluster: Cluster, name: str) -> str:
    try:
        found = cluster.client.indices.get_settings(index=name, flat_settings=True)
    except Exception as error:
        raise cluster.explain(error) from error
    return str(found[name]["settings"]["index.uuid"])


def check_same(cluster: Cluster, index: OpenIndex) -> None:
    """Raise IndexRefusedError where the index was deleted, and maybe made anew, meanwhile.

    A bulk request makes a missing index by itself, without the mapping that vectors need.
    """
    if _uuid(cluster, index.name) != index.uuid:
        raise IndexRefusedError(
            f"index {index.name!r} was deleted during the load and made anew without Tandem's "
            "mapping: delete it, and run the same command again."
        )


def _checked(name: str, description: dict[str, Any], encoder: PassageEncoder) -> IndexRecord:
    cure = f"ingest into a new index, such as --index {name}-2, or with --alias"
    record = read_record(description["mappings"], name)
    if record is None:
        raise IndexRefusedError(
            f"index {name!r} was not made by Tandem (its mapping has no record of an encoder): "
            f"{cure}."
        )
    ours = record.encoder
    if ours.fingerprint != encoder.fingerprint:
        raise IndexRefusedError(
            f"index {name!r} was encoded by {ours.model} (fingerprint {ours.fingerprint}) and this "
            f"encoder is {encoder.name} (fingerprint {encoder.fingerprint}): vectors of two models "
            f"do not compare, so {cure}."
        )
    vector = description["mappings"].get("properties", {}).get(record.fields.vector, {})
    dimension = vector.get("dimension", vector.get("dims"))
    if dimension != encoder.dim:
        raise IndexRefusedError(
            f"field {record.fields.vector!r} of index {name!r} has {dimension} dimensions and the "
            f"encoder gives {encoder.dim}: {cure}."
        )
    settings = description["settings"]["index"]
    if vector.get("type") == "knn_vector" and settings.get("knn") != "true":
        raise IndexRefusedError(
            f"index {name!r} has index.knn false, which cannot be changed, so its vectors "
            f"cannot be searched: {cure}."
        )
    return record


def _warnings(name: str, description: dict[str, Any]) -> tuple[str, ...]:
    mapping = description["settings"]["index"].get("mapping", {})
    if mapping.get("ignore_malformed") != "true":
        return ()
    return (
        f"index {name!r} has index.mapping.ignore_malformed on: it stores a document whose "
        "vector it refuses without the vector; the count at the end will tell.",
    )


def _relax(cluster: Cluster, name: str, description: dict[str, Any]) -> dict[str, Any]:
    settings = description["settings"]["index"]
    journal: dict[str, Any] = description["mappings"].get("_meta", {}).get(LOADING) or {
        "refresh_interval": settings.get("refresh_interval"),
        "number_of_replicas": int(settings["number_of_replicas"]),
        "alias": None,
    }
    meta = {**description["mappings"].get("_meta", {}), LOADING: journal}
    try:
        # The note comes first: settings that nobody knows to restore would stay.
        cluster.client.indices.put_mapping(index=name, body={"_meta": meta})
        cluster.client.indices.put_settings(index=name, body={"index": _RELAXED})
    except Exception as error:
        raise cluster.explain(error) from error
    return journal


def restore(cluster: Cluster, index: OpenIndex) -> None:
    """Put back the settings that were relaxed for the load; raises ClusterError."""
    if index.journal is None:
        return
    old = {name: index.journal[name] for name in _RELAXED}
    try:
        cluster.client.indices.put_settings(index=index.name, body={"index": old})
    except Exception as error:
        raise cluster.explain(error) from error


def forget_note(cluster: Cluster, index: OpenIndex) -> None:
    """Take the note about the load out of the index's `_meta`; raises ClusterError.

    An alias's new index keeps it until the alias points there: by it an interrupted one is found.
    """
    if index.journal is None:
        return
    try:
        mapping = cluster.client.indices.get_mapping(index=index.name)[index.name]["mappings"]
        meta = {key: value for key, value in mapping["_meta"].items() if key != LOADING}
        cluster.client.indices.put_mapping(index=index.name, body={"_meta": meta})
    except Exception as error:
        raise cluster.explain(error) from error


def merge(cluster: Cluster, index: OpenIndex) -> None:
    """Merge every shard into one segment, which searches fastest; it may take hours."""
    try:
        cluster.client.indices.forcemerge(
            index=index.name, max_num_segments=1, request_timeout=MERGE_SECONDS
        )
    except Exception as error:
        raise cluster.explain(error) from error


@dataclass(frozen=True)
class Census:
    """How many passages an index holds, and how many of them have a vector."""

    passages: int
    with_vector: int


def census(cluster: Cluster, index: OpenIndex) -> Census:
    """Refresh and count; raises ClusterError."""
    has_vector = {"query": {"exists": {"field": index.fields.vector}}}
    try:
        cluster.client.indices.refresh(index=index.name)
        passages = cluster.client.count(index=index.name)["count"]
        with_vector = cluster.client.count(index=index.name, body=has_vector)["count"]
    except Exception as error:
        raise cluster.explain(error) from error
    return Census(passages, with_vector)


def verify(cluster: Cluster, index: OpenIndex, expected: int | None) -> None:
    """Check that every passage has its vector and, where `expected` is known, none is missing.

    A passage without a vector gets an empty content hash, so that the next run writes it again
    instead of skipping it. Raises IncompleteError with both numbers.
    """
    counted = census(cluster, index)
    if counted.with_vector < counted.passages:
        names = _forget_stamps(cluster, index)
        raise IncompleteError(
            f"{counted.passages - counted.with_vector:,} of {counted.passages:,} passages in "
            f"{index.name!r} have no vector ({', '.join(names[:3])}): look for "
            "index.mapping.ignore_malformed and for k-NN's circuit breaker, and run the same "
            "command again, which writes them anew."
        )
    if expected is not None and counted.passages != expected:
        raise IncompleteError(
            f"index {index.name!r} holds {counted.passages:,} passages and should hold "
            f"{expected:,}: run the same command again, which writes what is missing."
        )


def _forget_stamps(cluster: Cluster, index: OpenIndex) -> list[str]:
    """Empty the content hash of passages without a vector, a thousand at a time; their ids."""
    bare = {
        "size": 1000,
        "_source": False,
        "query": {
            "bool": {
                "must_not": [
                    {"exists": {"field": index.fields.vector}},
                    {"term": {index.fields.content_hash: ""}},
                ]
            }
        },
    }
    names: list[str] = []
    try:
        while hits := cluster.client.search(index=index.name, body=bare)["hits"]["hits"]:
            ids = [hit["_id"] for hit in hits]
            lines: list[Any] = []
            for each in ids:
                lines += [{"update": {"_id": each}}, {"doc": {index.fields.content_hash: ""}}]
            cluster.client.bulk(index=index.name, body=lines, refresh=True)
            names += ids
    except Exception as error:
        raise cluster.explain(error) from error
    return names
