"""Requests that tell whether they are allowed, and change nothing: there is nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_NAMES_ALONE = (("filter_path", "*.name"),)
# Of a pipeline, a connector and a model.
_NO_NAME = "tandem-rehearsal-of-rights"
_NOTHING = {"size": 0, "query": {"match_none": {}}}
NO_ALIAS = {"actions": [{"remove": {"index": "{}", "alias": "{}-rehearsal", "must_exist": True}}]}


@dataclass(frozen=True)
class Probe:
    """A request that needs these permissions; {} stands for the index in path and body."""

    needs: tuple[str, ...]
    method: str
    path: str
    body: Any = None
    params: tuple[tuple[str, str], ...] = ()


def _of_ml_commons() -> Iterator[Probe]:
    """Of connectors and models that are not there; what would make one is refused."""
    root, ml = "/_plugins/_ml", "cluster:admin/opensearch/ml"
    # Who may use it is said for what all may use.
    connector = {
        "name": _NO_NAME,
        "version": 1,
        "protocol": "http",
        "actions": [{"action_type": "predict", "method": "POST", "url": "http://127.0.0.1:9/"}],
        "credential": {"key": "none"},
        "access_mode": "public",
        "backend_roles": [_NO_NAME],
    }
    # Nor is there such a group of models or such a connector.
    model = {
        "name": _NO_NAME,
        "function_name": "remote",
        "model_group_id": _NO_NAME,
        "connector_id": _NO_NAME,
    }
    texts = {"text_docs": ["rehearsal"]}
    for name, method, path, body in (
        ("connectors/search", "POST", "/connectors/_search", _NOTHING),
        ("models/search", "POST", "/models/_search", _NOTHING),
        ("model_groups/search", "POST", "/model_groups/_search", _NOTHING),
        ("models/get", "GET", f"/models/{_NO_NAME}", None),
        ("create_connector", "POST", "/connectors/_create", connector),
        ("connectors/update", "PUT", f"/connectors/{_NO_NAME}", {"description": "rehearsal"}),
        ("connectors/delete", "DELETE", f"/connectors/{_NO_NAME}", None),
        ("register_model", "POST", "/models/_register", model),
        ("deploy_model", "POST", f"/models/{_NO_NAME}/_deploy", None),
        ("undeploy_models", "POST", f"/models/{_NO_NAME}/_undeploy", None),
        ("models/delete", "DELETE", f"/models/{_NO_NAME}", None),
        ("model_groups/delete", "DELETE", f"/model_groups/{_NO_NAME}", None),
        ("predict", "POST", f"/_predict/text_embedding/{_NO_NAME}", texts),
    ):
        yield Probe((f"{ml}/{name}",), method, root + path, body)


PROBES = (
    Probe(("cluster:monitor/main",), "GET", "/"),
    Probe(("indices:admin/get",), "GET", "/{}", params=(("filter_path", "*.aliases"),)),
    Probe(("indices:admin/mappings/get",), "GET", "/{}/_mapping"),
    # No index has no shards.
    Probe(("indices:admin/create",), "PUT", "/{}", {"settings": {"index.number_of_shards": 0}}),
    Probe(("indices:admin/mapping/put",), "PUT", "/{}/_mapping", {"properties": {}}),
    Probe(("indices:admin/settings/update",), "PUT", "/{}/_settings", {"index.rehearsal": 1}),
    Probe(("indices:admin/block/add",), "PUT", "/{}-REHEARSAL/_block/write"),
    Probe(("indices:admin/aliases",), "POST", "/_aliases", NO_ALIAS),
    # No index has a name with capitals.
    Probe(("indices:admin/delete",), "DELETE", "/{}-REHEARSAL"),
    Probe(("indices:admin/refresh", "indices:admin/refresh[s]"), "POST", "/{}/_refresh"),
    Probe(("indices:data/read/search",), "POST", "/{}/_search", _NOTHING),
    Probe(("indices:data/read/msearch",), "POST", "/{}/_msearch", [{}, _NOTHING]),
    Probe(
        ("indices:data/read/mget", "indices:data/read/mget[shard]"),
        "POST",
        "/{}/_mget",
        {"ids": ["rehearsal"]},
    ),
    Probe(("indices:data/read/scroll",), "POST", "/_search/scroll", {"scroll_id": "none"}),
    Probe(("indices:data/read/scroll/clear",), "DELETE", "/_search/scroll", {"scroll_id": "none"}),
    Probe(("indices:monitor/stats",), "GET", "/{}/_stats/docs"),
    Probe(("cluster:monitor/health",), "GET", "/_cluster/health"),
    Probe(("cluster:monitor/state",), "GET", "/_cluster/state/blocks"),
    Probe(("cluster:monitor/nodes/stats",), "GET", "/_nodes/stats/breaker"),
    Probe(("indices:admin/template/get",), "GET", "/_template", params=_NAMES_ALONE),
    Probe(("indices:admin/index_template/get",), "GET", "/_index_template", params=_NAMES_ALONE),
    Probe(("cluster:admin/component_template/get",), "GET", "/_component_template/rehearsal"),
    Probe(
        ("cluster:admin/knn_stats_action",), "GET", "/_plugins/_knn/stats/circuit_breaker_triggered"
    ),
    Probe(("cluster:admin/ingest/pipeline/get",), "GET", "/_ingest/pipeline/rehearsal"),
    Probe(("cluster:admin/search/pipeline/get",), "GET", "/_search/pipeline/rehearsal"),
    Probe(
        ("cluster:admin/search/pipeline/put",),
        "PUT",
        "/_search/pipeline/rehearsal",
        {"phase_results_processors": [{"rehearsal": {}}]},
    ),
    Probe(("cluster:admin/search/pipeline/delete",), "DELETE", f"/_search/pipeline/{_NO_NAME}"),
    Probe(
        ("cluster:admin/ingest/pipeline/put",),
        "PUT",
        f"/_ingest/pipeline/{_NO_NAME}",
        {"processors": [{"rehearsal": {}}]},
    ),
    Probe(("cluster:admin/ingest/pipeline/delete",), "DELETE", f"/_ingest/pipeline/{_NO_NAME}"),
    Probe(
        ("cluster:admin/ingest/pipeline/simulate",),
        "POST",
        f"/_ingest/pipeline/{_NO_NAME}/_simulate",
        {"docs": [{"_source": {}}]},
    ),
    Probe(("indices:monitor/settings/get",), "GET", "/*,-.*/_settings/index.*default_pipeline"),
    *_of_ml_commons(),
)
