"""Try a pipeline: what the cluster makes of texts, beside what Tandem and the service make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from cluster.access.credentials import Secret
from cluster.diagnosis.finding import as_kind
from ingest.errors import IndexRefusedError
from ingest.index.existing.pipeline.answers import Rehearsed
from ingest.index.existing.pipeline.installed import Installed, read_installed
from ingest.index.existing.pipeline.ml_commons import MlCommons
from ingest.index.existing.pipeline.service import KeyRefusedError, ServiceClient
from ingest.records import stamp
from mappings import PASSAGE, QUERY, InstalledIngest, Service
from tandem.base.arguments import checked_arguments
from tandem.base.schema import as_type
from tandem.base.vectors import Vector, cosine
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster

# Texts that something on the way could change.
TEXTS = (
    "A detective keeps bees.",
    "What stands for ${parameters.model} and for ${parameters.nosuch} stays as it is.",
    'Quotes "so", \\ backslashes, \u2028, \a, a\nline, \u00e9, \u6f22, \U0001f41d and \\u0024.',
)
TITLE = "The ${parameters.input} \u201cBeekeeper\u201d"
LEAST_COSINE = 0.9999


@dataclass(frozen=True)
class Check:
    """One thing that was tried; fault: what is wrong, None where it is right."""

    name: str
    fault: str | None = None


@checked_arguments(IndexRefusedError)
def check_pipeline(
    cluster: Cluster,
    name: str,
    *,
    service: str | None = None,
    service_key: Secret | str | None = None,
) -> list[Check]:
    """Send texts through a pipeline, and store nothing.

    service: the URL at which the service is asked for the same texts, None for the one that the
    cluster names; service_key: of its searches, sent to `service` alone. Raises IndexRefusedError
    where there is no such pipeline, or its service cannot be asked, and ClusterError.
    """
    installed = read_installed(cluster, name)
    if not installed.whole or installed.ingest is None:
        missing = "is no pipeline" if installed.empty else "are only parts of a pipeline"
        raise IndexRefusedError(
            f"there {missing} {name!r} of Tandem's in this cluster: install it with "
            f"{installed.again}."
        )
    key = Secret(service_key) if isinstance(service_key, str) else service_key
    if service is None:
        # Who may change a connector is not to choose who gets the key.
        client = ServiceClient(installed.services[0].removesuffix("/v1/embeddings"), None)
        found = _look_unknown(client)
    else:
        client = ServiceClient(service, key)
        found = client.look()
    return [
        _same_model(installed.ingest, found),
        *_documents(cluster, name, installed.ingest, client),
        _queries(cluster, installed, client),
    ]


def _look_unknown(client: ServiceClient) -> Service:
    """What a service encodes with that the cluster alone names."""
    try:
        return client.look()
    except KeyRefusedError as error:
        raise IndexRefusedError(
            f"the service at {client.url} wants a key, which goes to no address that the cluster "
            "alone names: give that URL in `service` where it is your service's, and the key in "
            "`service_key`."
        ) from error


def _same_model(ingest: InstalledIngest, service: Service) -> Check:
    if service.fingerprint == ingest.fingerprint:
        return Check("the service's model")
    return Check(
        "the service's model",
        f"fingerprint {service.fingerprint}, and {ingest.fingerprint} when it was installed",
    )


def _documents(
    cluster: Cluster, name: str, ingest: InstalledIngest, client: ServiceClient
) -> Iterator[Check]:
    """Of each text, whether hash and vector are those of an ingestion."""
    fields = ingest.fields
    sources = [{fields.title: TITLE, fields.text: text} for text in TEXTS]
    encoded = [f"{TITLE}\n{text}" for text in TEXTS]
    docs = [
        {"_index": "rehearsal", "_id": str(number), "_source": each}
        for number, each in enumerate(sources)
    ]
    path = path_of("_ingest", "pipeline", name, "_simulate")
    with cluster.explaining():
        answer = cluster.client.transport.perform_request("POST", path, body={"docs": docs})
        tried = as_kind(path, answer, Rehearsed, "POST").docs
    if len(tried) != len(TEXTS):
        yield Check("documents", f"{len(tried)} answers to {len(TEXTS)}")
        return
    wanted = client.embed(encoded, PASSAGE)
    for number, found in enumerate(tried):
        what = f"document {number + 1} of {len(TEXTS)}"
        if not found.doc:
            why = found.error.reason if found.error else None
            yield Check(what, why or "it was refused")
            continue
        stored = found.doc.source
        body = {**sources[number], fields.document_id: str(number)}
        mark = stamp(ingest.fingerprint, encoded[number], body, 1)
        if stored.get(fields.content_hash) != mark:
            yield Check(what, "its content hash is not that of an ingestion")
        else:
            yield _alike(what, stored.get(fields.vector), wanted[number])


def _queries(cluster: Cluster, installed: Installed, client: ServiceClient) -> Check:
    """Whether the texts of queries get the service's vectors of queries."""
    model = next(p for p in installed.models.values() if p.id == installed.query_model)
    vectors = MlCommons(cluster).predict(model, TEXTS, QUERY)
    wanted = client.embed(TEXTS, QUERY)
    for vector, right in zip(vectors, wanted, strict=False):
        check = _alike("queries", vector, right)
        if check.fault:
            return check
    return Check("queries", None if len(vectors) == len(TEXTS) else f"{len(vectors)} vectors")


def _alike(what: str, found: Any, wanted: Vector) -> Check:
    try:
        vector = np.asarray(as_type(found or [], list[float]), np.float32)
    except msgspec.ValidationError:
        return Check(what, "what stands for its vector is none")
    if vector.shape != wanted.shape:
        return Check(what, f"its vector has {vector.size} dimensions and not {wanted.size}")
    near = cosine(vector, wanted)
    if near < LEAST_COSINE:
        return Check(what, f"its vector has the cosine {near:.4f} to the service's")
    return Check(what)
