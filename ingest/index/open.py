"""An index before a load: check it, or create it, and relax it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError
from ingest.errors import IndexRefusedError
from ingest.index.aliases.written import (
    check_own_fields,
    check_takes_documents,
    check_unblocked,
    writable,
)
from ingest.index.describe import check_name, find_index
from ingest.index.loading import OpenIndex, end_half_ended, lease_of
from ingest.index.note import Note, mark, meta_with
from ingest.index.types.plan import telling_of_fields
from ingest.records import PassageEncoder
from mappings import (
    EncoderRecord,
    Generation,
    IndexRecord,
    Shape,
    has_own_pipeline,
    index_body,
    laid_out,
    read_record,
    settings_of,
    uuid_in,
)
from mappings.existing import element_of, nested_in, resolved, vectors
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster


@checked_arguments(IndexRefusedError)
def create_index(
    cluster: Cluster,
    name: str,
    encoder: PassageEncoder,
    *,
    shape: Shape | None = None,
    note: Note | None = None,
) -> dict[str, Any]:
    """Create an empty index for an encoder's vectors and return its body.

    shape: how it is laid out, None for Shape(); note: of the load that begins with it; where that
    is for an alias, the index has the lease of its loader from the start. Raises IndexRefusedError
    where the cluster cannot hold it, and ClusterError where it refuses.
    """
    alias = note.alias if note else None
    body = planned_body(cluster, name, encoder, shape or Shape(), alias)
    if note is not None:
        body["mappings"]["_meta"] = meta_with(body["mappings"], note)
        if alias:
            body["aliases"] = {lease_of(name, token): {"is_hidden": True} for token in note.loaders}
    with telling_of_fields(shape or Shape()), cluster.explaining():
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
    token: str,
    alias: str | None = None,
) -> OpenIndex:
    """Check an index that is there, or create it; may be done twice.

    token: of the run that is to enter it; alias: what is to point here when all is loaded. Raises
    IndexRefusedError where these vectors must not go into it.
    """
    end_half_ended(cluster, alias or name)
    found = existing(cluster, name, encoder, shape)
    created = found is None and _created(cluster, name, encoder, shape, token, alias)
    if (found := found or existing(cluster, name, encoder, shape)) is None:
        raise IndexRefusedError(
            f"index {name!r} was deleted as soon as it was made: find out by whom, and run the "
            "same command again."
        )
    concrete, description, record = found.name, found.description, found.record
    return OpenIndex(
        concrete,
        uuid_in(description),
        record.fields,
        created,
        token,
        lease_of(concrete, token) if alias else None,
        element_of(record.fields.vector, description["mappings"]),
        warnings=(*found.warnings, *_warnings(concrete, description)),
        template=record.template,
        pipelines=_pipelines(description),
        bypass=has_own_pipeline(description),
    )


def _created(
    cluster: Cluster,
    name: str,
    encoder: PassageEncoder,
    shape: Shape,
    token: str,
    alias: str | None,
) -> bool:
    """Create an index; False where it was made meanwhile, or by a request without an answer."""
    try:
        note = Note(alias, loaders={token: mark()}, made=True)
        create_index(cluster, name, encoder, shape=shape, note=note)
    except ClusterError:
        if not find_index(cluster, name):
            raise
        return False
    return True


@dataclass(frozen=True)
class Existing:
    """An index that is there: its own name, its description, its record, and what to say of it."""

    name: str
    description: dict[str, Any]
    record: IndexRecord
    warnings: tuple[str, ...]


def existing(cluster: Cluster, name: str, encoder: PassageEncoder, shape: Shape) -> Existing | None:
    """An index that is there; None without one.

    Raises IndexRefusedError where these vectors must not go into it, where no ingestion can, and
    where the shape asks for what it is not.
    """
    found = writable(cluster, name)
    if found is None:
        return None
    concrete, description, warnings = found
    check_takes_documents(concrete, description)
    check_unblocked(concrete, description)
    if name != concrete and read_record(description["mappings"], concrete) is None:
        raise IndexRefusedError(
            f"{name!r} is an alias whose write index {concrete!r} has no record of an encoder, as "
            f"one that a rollover made: `adopt_index(cluster, {concrete!r}, encoder)` makes a "
            "record where it holds the vectors of this encoder, else make another one the write "
            f"index of the alias, as `create_index(cluster, {_next(concrete)!r}, encoder)` makes."
        )
    record = check_record(concrete, description, encoder)
    if nested := nested_in(record.fields.vector, resolved(description["mappings"])):
        raise IndexRefusedError(
            f"index {concrete!r} has the vectors of passages in nested objects ({nested}), which "
            f"no ingestion writes: index the documents as their owner does, and "
            f"`enrich(cluster, {concrete!r}, encoder)` gives them vectors."
        )
    check_own_fields(concrete, description, record.fields)
    _check_shape(concrete, laid_out(description, record.fields), shape)
    return Existing(concrete, description, record, warnings)


def _next(index: str) -> str:
    """The name that a rollover gives the index after this one."""
    series, _, number = index.rpartition("-")
    return f"{series}-{int(number) + 1:06}" if number.isdecimal() else f"{index}-000002"


def check_record(name: str, description: dict[str, Any], encoder: PassageEncoder) -> IndexRecord:
    """An index's record; raises IndexRefusedError where an encoder's vectors must not go there."""
    cure = f"ingest into a new index, such as `index={name + '-2'!r}`, or with `alias`"
    record = read_record(description["mappings"], name)
    if record is None:
        raise IndexRefusedError(
            f"index {name!r} was not made by Tandem (its mapping has no record of an encoder): "
            f"`adopt_index(cluster, {name!r}, encoder)` makes one where its vectors "
            f"fit; else {cure}."
        )
    ours = record.encoder
    if ours.fingerprint != encoder.fingerprint:
        raise IndexRefusedError(
            f"index {name!r} was encoded by {_named(ours.model, ours.settings)} (fingerprint "
            f"{ours.fingerprint}) and this encoder is {_named(encoder.name, encoder.settings)} "
            f"(fingerprint {encoder.fingerprint}): their vectors do not compare, so {cure}."
        )
    found = vectors(description["mappings"])
    vector = next((each for each in found if each.name == record.fields.vector), None)
    dimension = vector.dimension if vector else None
    if dimension != encoder.dim:
        raise IndexRefusedError(
            f"field {record.fields.vector!r} of index {name!r} has {dimension} dimensions and the "
            f"encoder gives {encoder.dim}: {cure}."
        )
    settings = settings_of(description)
    if vector and vector.engine and settings.get("knn") != "true":
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
    mapping = settings_of(description).get("mapping", {})
    if mapping.get("ignore_malformed") != "true":
        return ()
    return (
        f"index {name!r} has index.mapping.ignore_malformed on: it stores a document whose "
        "vector it refuses without the vector; the count at the end will tell.",
    )


def _pipelines(description: Mapping[str, Any]) -> tuple[str, ...]:
    settings = settings_of(description)
    kinds = ("final",) if has_own_pipeline(description) else ("default", "final")
    names = [settings.get(f"{kind}_pipeline", "_none") for kind in kinds]
    return tuple(name for name in names if name != "_none")
