"""All that is looked at in an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from cluster.diagnosis.finding import Finding, seen
from ingest.index.existing.diagnosis import layout, state
from ingest.index.existing.diagnosis.index import Index, described
from ingest.index.existing.diagnosis.model_fit import LoadEncoder, of_fit
from mappings.existing import Roles

if TYPE_CHECKING:
    from cluster import Cluster

_LOOKS: Mapping[str, Callable[[Index], list[Finding]]] = {
    "record": layout.of_record,
    "fields": layout.of_fields,
    "vectors": layout.of_vectors,
    "shards": state.of_shards,
    "documents": state.of_documents,
    "memory of its graph": layout.of_memory,
    "load": state.of_load,
    "blocks": state.of_blocks,
    "aliases": state.of_aliases,
    "pipelines": state.of_pipes,
}


def diagnose_index(
    cluster: Cluster,
    name: str,
    load: LoadEncoder,
    *,
    roles: Roles | None = None,
    vector_field: str | None = None,
) -> list[Finding]:
    """What an index, or each behind an alias, holds and how it is.

    load: gives the encoder that is compared with what is stored; roles, vector_field: fields of an
    index without a record, which are found where they are not named. What may not be looked at is
    a finding.
    """
    section = f"index {name}"
    return seen(
        section, "index", lambda: _of_all(cluster, name, load, roles or Roles(), vector_field)
    )


def _of_all(
    cluster: Cluster, name: str, load: LoadEncoder, roles: Roles, vector_field: str | None
) -> list[Finding]:
    rows: list[Finding] = []
    found = described(cluster, name)
    for index, description in sorted(found.items()):
        place = name if len(found) == 1 else index
        one = Index(cluster, index, place, description, roles, vector_field)
        for what, look in _LOOKS.items():
            rows += seen(one.section, what, partial(look, one))
        rows += seen(one.section, "model fit", partial(of_fit, one, load))
    if not rows:
        told = "there is none; a load would make it"
        rows = [Finding(f"index {name}", "index", told, used=False)]
    return rows
