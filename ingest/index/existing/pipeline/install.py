"""Install the cluster's own pipeline, or take it away again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.access.credentials import Secret
from cluster.diagnosis.rights import require, roles
from cluster.errors import MissingIndexError
from ingest.errors import IndexRefusedError
from ingest.index.aliases.written import check_unblocked, writable
from ingest.index.describe import told_incomplete
from ingest.index.existing.pipeline.installed import (
    ASYMMETRIC_SINCE,
    DEFAULT,
    SEARCH_DEFAULT,
    Installed,
    check_name,
    part_name,
    read_installed,
)
from ingest.index.existing.pipeline.ml_commons import MlCommons
from ingest.index.existing.pipeline.service import ServiceClient
from mappings import (
    PASSAGE,
    PIPELINE,
    QUERY,
    Fields,
    Fusion,
    IndexRecord,
    InputType,
    Service,
    connector_body,
    ingest_pipeline_body,
    model_body,
    own_meta,
    read_record,
    read_search,
    search_pipeline_body,
    settings_of,
)
from mappings.existing import element_of
from tandem.base.arguments import checked_arguments
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Capabilities, Cluster


@checked_arguments(IndexRefusedError)
def install_pipeline(
    cluster: Cluster,
    name: str,
    service: str,
    *,
    service_key: Secret | str | None = None,
    index: str | None = None,
) -> Installed:
    """Have the cluster ask a Tandem service for the vectors of plain documents and queries.

    Makes, or brings up to date, a connector and a model of ML Commons, the ingest pipeline `name`
    and the search pipeline `name`. service: its URL, as the cluster and this process reach it;
    service_key: of its searches; index: what sends documents and searches through the pipelines
    from now on, and says whose vectors and which weights; None for vectors into `vector`, of
    `title` and `text`, for whoever names the pipelines. May be done again. Raises IndexRefusedError
    where the cluster or the index cannot, and ClusterError.
    """
    key = Secret(service_key) if isinstance(service_key, str) else service_key
    check_name(name)
    commons = MlCommons(cluster)
    _require(cluster, "pipeline-install", [index] if index else [])
    there = read_installed(cluster, name)
    asked = ServiceClient(service, key).look()
    target = _target(cluster, index, name, asked) if index else None
    record, fusion = (target[1], target[2]) if target else (None, Fusion())
    commons.check_allowed(f"{asked.url}/v1/embeddings")
    models = _models(cluster, commons, name, asked, key)
    fields = record.fields if record else Fields()
    passages, queries = next(iter(models.values())), list(models.values())[-1]
    _put(cluster, "_ingest", name, ingest_pipeline_body(passages, asked, fields))
    _put(cluster, "_search", name, search_pipeline_body(queries, fusion))
    _remove_parts(commons, there, keep=models)
    if target:
        _send_through(cluster, target[0], name)
    return read_installed(cluster, name)


def _require(cluster: Cluster, role: str, indexes: Sequence[str]) -> None:
    """Raise the AccessError for what we lack of a role, for these indexes or for none."""
    for index in indexes:
        require(cluster, role, index)
    if not indexes:
        require(cluster, role, "*", but=roles()[role].index)


def _target(
    cluster: Cluster, index: str, name: str, service: Service
) -> tuple[str, IndexRecord, Fusion]:
    """An index's own name, its record, and how it fuses; refused where it cannot be written so."""
    if (found := writable(cluster, index)) is None:
        raise MissingIndexError(f"no index is called {index!r}", "check the name")
    concrete, description, _ = found
    check_unblocked(concrete, description, writes=False)
    if missing := told_incomplete(cluster, concrete, description):
        raise IndexRefusedError(missing)
    mapping = description["mappings"]
    record = read_record(mapping, concrete)
    if record is None or record.adopted or record.template:
        raise IndexRefusedError(
            f"index {concrete!r} was not made by Tandem, so its documents are not those that the "
            f"pipeline writes: `enrich(cluster, {concrete!r}, encoder, follow=True)` gives them "
            "vectors as they come."
        )
    if (element := element_of(record.fields.vector, mapping)) != "float":
        raise IndexRefusedError(
            f"field {record.fields.vector!r} of index {concrete!r} is of data_type {element}, and "
            "the pipeline writes whole vectors: make the index with another `quantization`."
        )
    ours = record.encoder
    if ours.fingerprint != service.fingerprint:
        raise IndexRefusedError(
            f"index {concrete!r} was encoded by {ours.model} (fingerprint {ours.fingerprint}) and "
            f"the service at {service.url} encodes by {service.model} (fingerprint "
            f"{service.fingerprint}): start a service with the index's model."
        )
    _check_free(concrete, settings_of(description), name)
    settings = read_search(mapping, concrete)
    fusion = (settings and settings.fusion) or Fusion()
    _check_fusion(cluster.capabilities, concrete, fusion)
    return concrete, record, fusion


def _check_fusion(can: Capabilities, index: str, fusion: Fusion) -> None:
    """Refuse, before anything is made, a search pipeline that would be refused at the end."""
    if lacking := can.lacking_fusion(fusion.technique, weighted=bool(fusion.weights)):
        raise IndexRefusedError(
            f"index {index!r} was tuned to fuse as the cluster cannot: {lacking}; take that back "
            f"by `remove_search_settings(cluster, {index!r})`, or tune it on this cluster."
        )


def _check_free(index: str, settings: Mapping[str, Any], name: str) -> None:
    """Refuse an index that sends what it gets through a pipeline of somebody else's."""
    for key, found in (
        (DEFAULT, settings.get("default_pipeline")),
        (SEARCH_DEFAULT, (settings.get("search") or {}).get("default_pipeline")),
    ):
        if found not in (None, "_none", name):
            raise IndexRefusedError(
                f"index {index!r} has {key} {found!r} already: have that pipeline call {name!r} "
                "after its own processors, or take it away from the index."
            )


def _models(
    cluster: Cluster, commons: MlCommons, name: str, service: Service, key: Secret | None
) -> dict[InputType | None, str]:
    """The ids of the models, that of passages first and that of queries last."""
    kinds: tuple[InputType | None, ...] = (PASSAGE,)
    if service.asymmetric:
        one = cluster.capabilities.version >= ASYMMETRIC_SINCE
        kinds = (None,) if one else (PASSAGE, QUERY)
    made = {}
    for kind in kinds:
        called = part_name(name, kind)
        body = connector_body(called, service, kind, key.reveal() if key else "")
        made[kind] = commons.model(body, model_body(called, service, kind))
    return made


def _put(cluster: Cluster, kind: str, name: str, body: dict[str, Any]) -> None:
    with cluster.explaining():
        cluster.client.transport.perform_request("PUT", path_of(kind, "pipeline", name), body=body)


def _send_through(cluster: Cluster, index: str, name: str) -> None:
    # First of all Tandem's own writes are to know whose pipeline it is.
    _note(cluster, index, name)
    with cluster.explaining():
        cluster.client.indices.put_settings(index=index, body={DEFAULT: name, SEARCH_DEFAULT: name})


def _note(cluster: Cluster, index: str, name: str | None) -> None:
    """Say in an index's `_meta` which pipeline Tandem installed for it, or none."""
    meta = dict(own_meta(cluster.get_index(index)[index]["mappings"]))
    meta.pop(PIPELINE, None)
    if meta:
        body = {"_meta": {**meta, **({PIPELINE: name} if name else {})}}
        with cluster.explaining():
            cluster.client.indices.put_mapping(index=index, body=body)


@checked_arguments(IndexRefusedError)
def remove_pipeline(cluster: Cluster, name: str) -> Installed:
    """Take a pipeline away, and return what there was: indexes are written and searched without it.

    Raises IndexRefusedError where there is none, or where others made what has its name.
    """
    there = read_installed(cluster, name)
    if there.empty:
        raise IndexRefusedError(f"there is no pipeline {name!r} of Tandem's in this cluster.")
    _require(cluster, "pipeline-remove", sorted({*there.indexes, *there.searched}))
    commons = MlCommons(cluster)
    # Whether we may do that only doing it tells.
    for model in there.models.values():
        commons.undeploy(model)
    for key, indexes in ((DEFAULT, there.indexes), (SEARCH_DEFAULT, there.searched)):
        for index in indexes:
            with cluster.explaining():
                cluster.client.indices.put_settings(index=index, body={key: None})
    for index in there.indexes:
        _note(cluster, index, None)
    for kind, part in (("_search", there.query_model), ("_ingest", there.ingest)):
        if part is not None:
            with cluster.explaining():
                cluster.client.transport.perform_request("DELETE", path_of(kind, "pipeline", name))
    _remove_parts(commons, there, keep={})
    return there


def _remove_parts(
    commons: MlCommons, there: Installed, keep: Mapping[InputType | None, str]
) -> None:
    """Take models and connectors away that are no longer asked."""
    for kind, model in there.models.items():
        if kind not in keep:
            commons.delete_model(model)
    for kind, connector in there.connectors.items():
        if kind not in keep:
            commons.delete_connector(connector)
