"""An index before a load: check it, or create it, and relax it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ingest.errors import IndexRefusedError
from ingest.index.describe import check_name, find_index, uuid_of
from ingest.index.loading import RELAXED, OpenIndex, mark, relax_settings
from ingest.records import PassageEncoder
from mappings import (
    LOADING,
    EncoderRecord,
    Fields,
    Generation,
    IndexRecord,
    Shape,
    index_body,
    laid_out,
    read_record,
)

if TYPE_CHECKING:
    from cluster import Cluster


def create_index(
    cluster: Cluster,
    name: str,
    encoder: PassageEncoder,
    *,
    shape: Shape | None = None,
    loading: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Create an empty index for an encoder's vectors and return its body.

    shape: how it is laid out, None for Shape(); loading: create it relaxed, with these notes about
    what to restore; with the mark of the alias that they name. Raises IndexRefusedError where the
    cluster cannot hold it, and ClusterError where it refuses.
    """
    body = planned_body(cluster, name, encoder, shape or Shape(), (loading or {}).get("alias"))
    if loading is not None:
        body["mappings"]["_meta"][LOADING] = {
            "refresh_interval": None,
            "number_of_replicas": body["settings"]["index"]["number_of_replicas"],
            **loading,
        }
        body["settings"]["index"] |= RELAXED
    with cluster.explaining():
        cluster.client.indices.create(index=name, body=body)
    return body


def planned_body(
    cluster: Cluster, name: str, encoder: PassageEncoder, shape: Shape, alias: str | None = None
) -> dict[str, Any]:
    """The body that `create_index` would send; the same refusals.

    alias: what the index is to be filled for.
    """
    can = cluster.capabilities
    check_name(name, new=True)
    if not can.knn:
        raise IndexRefusedError(
            f"the cluster ({can.distribution} {can.version_text}) has no k-NN: install its k-NN "
            "plugin, or name another cluster with `url`."
        )
    if not can.takes_ids:
        raise IndexRefusedError(
            "Amazon OpenSearch Serverless gives documents ids of its own, so a second run would "
            "store everything twice: ingest into a domain or a cluster, named with `url`."
        )
    if can.distribution == "opensearch" and shape.engine not in can.engines:
        why = "would end the node" if can.embedded else "knows cosine only since OpenSearch 2.19"
        raise IndexRefusedError(
            f"an index with engine {shape.engine!r} cannot be made on this cluster "
            f"({can.version_text}), because that engine {why}: use `engine={can.engines[0]!r}`."
        )
    record = IndexRecord(
        EncoderRecord(encoder.name, encoder.fingerprint, encoder.dim, encoder.settings),
        generation=Generation(alias, name) if alias else None,
    )
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
    found = existing(cluster, name, encoder, shape)
    owner = mark() if alias else None
    if found is None:
        body = create_index(
            cluster, name, encoder, shape=shape, loading={"alias": alias, "owner": owner}
        )
        return OpenIndex(
            name, uuid_of(cluster, name), Fields(), True, body["mappings"]["_meta"][LOADING]
        )
    concrete, description, record = found
    journal = description["mappings"].get("_meta", {}).get(LOADING)
    if journal is not None or relax:
        journal = relax_settings(cluster, concrete, description, owner)
    uuid = description["settings"]["index"]["uuid"]
    warnings = _warnings(concrete, description)
    return OpenIndex(concrete, uuid, record.fields, False, journal, warnings)


def existing(
    cluster: Cluster, name: str, encoder: PassageEncoder, shape: Shape
) -> tuple[str, dict[str, Any], IndexRecord] | None:
    """An index that is there: its own name, its description and its record; None without one.

    Raises IndexRefusedError where these vectors must not go into it, and where the shape asks for
    what it is not.
    """
    found = _found(cluster, name)
    if found is None:
        return None
    concrete, description = found
    record = _checked(concrete, description, encoder)
    _check_shape(concrete, laid_out(description, record.fields), shape)
    return concrete, description, record


def written(found: Mapping[str, dict[str, Any]], name: str) -> str | None:
    """Which of the indexes behind a name is written into: of an alias, the one the cluster takes.

    It is the alias's write index, or its only one unless that is said to be none; else None.
    """
    if name in found:
        return name
    marks = {
        index: each.get("aliases", {}).get(name, {}).get("is_write_index")
        for index, each in found.items()
    }
    chosen = [index for index, mark in marks.items() if mark or (mark is None and len(marks) == 1)]
    return chosen[0] if chosen else None


def _found(cluster: Cluster, name: str) -> tuple[str, dict[str, Any]] | None:
    found = find_index(cluster, name)
    if not found:
        return None
    if (concrete := written(found, name)) is None:
        raise IndexRefusedError(
            f"{name!r} is an alias of {len(found)} indexes ({', '.join(sorted(found))}) and has no "
            "write index: name one of them, or make one of them its write index."
            if len(found) > 1
            else f"{name!r} is an alias of {next(iter(found))} that is not to be written through "
            "(is_write_index is false): name the index."
        )
    return concrete, found[concrete]


def _checked(name: str, description: dict[str, Any], encoder: PassageEncoder) -> IndexRecord:
    cure = f"ingest into a new index, such as `index={name + '-2'!r}`, or with `alias`"
    record = read_record(description["mappings"], name)
    if record is None:
        raise IndexRefusedError(
            f"index {name!r} was not made by Tandem (its mapping has no record of an encoder): "
            f"{cure}."
        )
    ours = record.encoder
    if ours.fingerprint != encoder.fingerprint:
        raise IndexRefusedError(
            f"index {name!r} was encoded by {_named(ours.model, ours.settings)} (fingerprint "
            f"{ours.fingerprint}) and this encoder is {_named(encoder.name, encoder.settings)} "
            f"(fingerprint {encoder.fingerprint}): their vectors do not compare, so {cure}."
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


def _check_shape(name: str, found: dict[str, Any], shape: Shape) -> None:
    """What was left at its default was not asked for."""
    default = Shape()
    wrong = [
        each
        for each, value in found.items()
        if getattr(shape, each) not in (value, getattr(default, each))
    ]
    if not wrong:
        return
    asked = ", ".join(f"`{each}={getattr(shape, each)!r}`" for each in wrong)
    there = ", ".join(f"{each} {found[each]}" for each in wrong)
    raise IndexRefusedError(
        f"{asked} cannot be had in index {name!r}, which was made with {there}: leave that out, or "
        f"ingest into a new index, such as `index={name + '-2'!r}`, or with `alias`."
    )


def _named(model: str, settings: Mapping[str, Any]) -> str:
    """A model with the settings that change its vectors."""
    said = ", ".join(f"{name} {value!r}" for name, value in settings.items())
    return f"{model} with {said}" if said else model


def _warnings(name: str, description: dict[str, Any]) -> tuple[str, ...]:
    mapping = description["settings"]["index"].get("mapping", {})
    if mapping.get("ignore_malformed") != "true":
        return ()
    return (
        f"index {name!r} has index.mapping.ignore_malformed on: it stores a document whose "
        "vector it refuses without the vector; the count at the end will tell.",
    )
