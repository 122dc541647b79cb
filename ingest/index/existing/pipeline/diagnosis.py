"""What `tandem doctor` says of the cluster's own pipelines."""

from __future__ import annotations

from typing import Any

from cluster import Cluster
from cluster.diagnosis.finding import Finding, ask, seen
from cluster.errors import ClusterError
from ingest.errors import IndexRefusedError
from ingest.index.existing.pipeline.installed import read_installed
from mappings import read_ingest_pipeline

_SECTION, _NAME = "cluster", "own pipelines"


def of_pipelines(cluster: Cluster) -> list[Finding]:
    """One finding for each pipeline that Tandem installed, or that there is none."""
    if cluster.capabilities.distribution != "opensearch":
        return [Finding(_SECTION, _NAME, "none: Elasticsearch has no ML Commons", used=False)]
    return seen(_SECTION, _NAME, lambda: _found(cluster))


def _found(cluster: Cluster) -> list[Finding]:
    # Where a cluster has none, OpenSearch says 404.
    stored = ask(cluster, "/_ingest/pipeline", dict[str, dict[str, Any]], ignore=404)
    names = sorted(name for name, each in stored.items() if read_ingest_pipeline(each))
    return [_of(cluster, name) for name in names] or [Finding(_SECTION, _NAME, "none", used=False)]


def _of(cluster: Cluster, name: str) -> Finding:
    what = f"pipeline {name}"
    try:
        installed = read_installed(cluster, name)
    except (IndexRefusedError, ClusterError) as error:
        return Finding(_SECTION, what, f"not seen: {error}", used=False)
    told = installed.to_json()
    states = sorted({str(each["state"]).lower() for each in told["models"].values()})
    asked, state = ", ".join(told["services"]), " and ".join(states)
    used = ", ".join(installed.indexes)
    value = f"asks {asked or 'nobody'}, model {state or 'missing'}, for {used or 'no index'}"
    cure = None if installed.whole else f"a part of it is missing: {installed.again} puts it back"
    # Tandem works without it; what others write does not get vectors.
    return Finding(_SECTION, what, value, cure, needed=False)
