"""Connectors and models of ML Commons, by their names; only those of Tandem's are touched."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from cluster.client.shards import SHARD_CURE, silence
from cluster.diagnosis.finding import as_kind, ask
from cluster.error_body import BLOCKS, lifting
from cluster.errors import ClusterError, MissingIndexError, UnreachableError
from ingest.errors import BlockedError, IndexRefusedError
from ingest.index.existing.pipeline.answers import (
    Found,
    MadeConnector,
    MadeModel,
    Model,
    Predicted,
    Settings,
)
from mappings import is_marked
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster

T = TypeVar("T")
Kind = Literal["connectors", "models"]
_ROOT = ("_plugins", "_ml")
_REGEX = "plugins.ml_commons.trusted_connector_endpoints_regex"
_SETTINGS = "/_cluster/settings"
_PRIVATE = "plugins.ml_commons.connector.private_ip_enabled"
# A model of a service is there at once, but for a busy cluster.
_DEPLOY_SECONDS = 60.0
# What a model or a connector does not tell, or in other words.
_UNTOLD = ("credential", "function_name", "connector_id")


@dataclass(frozen=True)
class Part:
    """A connector or a model: its id, its name, and what the cluster tells of it."""

    id: str
    name: str
    told: Mapping[str, Any]


class MlCommons:
    """ML Commons of one cluster; raises IndexRefusedError where it has none."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        can = cluster.capabilities
        if can.distribution != "opensearch":
            raise self._missing()

    def _missing(self) -> IndexRefusedError:
        can = self._cluster.capabilities
        return IndexRefusedError(
            f"the cluster ({can.distribution} {can.version_text}) has no ML Commons, without which "
            "it cannot ask a service for vectors itself: "
            "`enrich(cluster, index, encoder, follow=True)` gives documents theirs as they come."
        )

    def ask(
        self, kind: type[T], method: str, *parts: str, body: Any = None, **params: Any
    ) -> tuple[T, Any]:
        """The answer to one request below its root, as what is read of it and whole: ClusterError.

        It is an UnreachableError where the answer is of another kind: no cluster gave it.
        """
        from opensearchpy.exceptions import RequestError

        path = path_of(*_ROOT, *parts)
        with self._cluster.explaining():
            try:
                answer = self._cluster.client.transport.perform_request(
                    method, path, params=params, body=body
                )
                return as_kind(path, answer, kind, method), answer
            except RequestError as error:
                if "no handler found" in str(error.info) or "no handler found" in str(error):
                    raise self._missing() from None
                raise

    def _tell(self, method: str, *parts: str, body: Any = None) -> None:
        """One request of whose answer nothing is read."""
        self.ask(dict[str, Any], method, *parts, body=body)

    def _search(self, what: str, query: Mapping[str, Any], size: int) -> list[Any]:
        """The hits of a search; raises IndexRefusedError where it did not see all there is."""
        body = {"query": query, "size": size}
        _, answer = self.ask(Found, "POST", what, "_search", body=body)
        if missing := silence(answer):
            raise IndexRefusedError(
                f"not all {what.replace('_', ' ')} of ML Commons were looked at ({missing}), so "
                f"none is made or taken away: {SHARD_CURE}; run the same command again then."
            )
        return list(answer["hits"]["hits"])

    def find(self, kind: Kind, name: str) -> Part | None:
        """The one of a name, None where there is none.

        Raises IndexRefusedError where others made it.
        """
        try:
            found = self._search(kind, {"term": {"name.keyword": name}}, 10)
        except MissingIndexError:
            return None  # nobody has made any
        # A large model's chunks have its name too.
        hits = [each for each in found if each["_source"].get("name") == name]
        if not hits:
            return None
        if not is_marked(hits[0]["_source"]):
            raise IndexRefusedError(
                f"ML Commons has {kind} called {name!r} that Tandem did not make: choose another "
                "name for the pipeline."
            )
        return Part(hits[0]["_id"], name, hits[0]["_source"])

    def model(self, connector: Mapping[str, Any], body: Mapping[str, Any]) -> str:
        """Make a connector and its model, or bring those of their names up to date; its id.

        What is as it should be is left alone, so that nobody's request meets a model that is away.
        The credential is not told: whether it is right, an answer tells.
        """
        there = self.find("models", body["name"])
        made = self.find("connectors", connector["name"])
        if there and (made is None or there.told.get("connector_id") != made.id):
            self.delete_model(there)
            there = None
        if made is None:
            created, _ = self.ask(
                MadeConnector, "POST", "connectors", "_create", body=dict(connector)
            )
            return self._model(None, {**body, "connector_id": created.connector_id})
        if there and _same(made.told, connector) and _same(there.told, body) and self._works(there):
            return there.id
        if there:
            self.undeploy(there)
            if not _same(there.told, body):
                self.delete_model(there)
                there = None
        self._tell("PUT", "connectors", made.id, body=dict(connector))
        return self._model(there, {**body, "connector_id": made.id})

    def predict(self, part: Part, texts: Sequence[str], kind: str) -> list[list[float]]:
        """The vectors of texts; kind: what they are, for a model of both. Raises ClusterError."""
        if "model_config" in part.told:
            quoted = json.dumps(list(texts)).replace("$", "\\u0024")
            asked: dict[str, Any] = {"parameters": {"texts": quoted, "content_type": kind}}
            path = ["models", part.id, "_predict"]
        else:
            asked, path = {"text_docs": list(texts)}, ["_predict", "text_embedding", part.id]
        found, _ = self.ask(Predicted, "POST", *path, body=asked)
        return [each.data for result in found.inference_results for each in result.output]

    def _works(self, part: Part) -> bool:
        try:
            return bool(self.predict(part, ["ready"], "passage"))
        except ClusterError:
            return False

    def _model(self, there: Part | None, body: Mapping[str, Any]) -> str:
        if there is None:
            made, _ = self.ask(
                MadeModel, "POST", "models", "_register", body=dict(body), deploy="true"
            )
            return self._deployed(made.model_id)
        self._tell("POST", "models", there.id, "_deploy")
        return self._deployed(there.id)

    def _deployed(self, model: str) -> str:
        end = time.monotonic() + _DEPLOY_SECONDS
        while (state := self.ask(Model, "GET", "models", model)[0].model_state) != "DEPLOYED":
            if time.monotonic() > end or state == "DEPLOY_FAILED":
                raise IndexRefusedError(
                    f"the cluster does not deploy its model {model} (state {state}): look at the "
                    "log of its nodes, and run the same again."
                )
            time.sleep(0.2)
        return model

    def undeploy(self, part: Part) -> None:
        """Let a model rest; the cluster deploys it again where it is asked for."""
        self._tell("POST", "models", part.id, "_undeploy")

    def delete_model(self, part: Part) -> None:
        """Take a model away, with the group that the cluster made for it where it was the last."""
        self.undeploy(part)
        # Before anything goes: what is not wholly looked at stays whole.
        group = self._group_of_its_own(part)
        self._tell("DELETE", "models", part.id)
        if group:
            self._tell("DELETE", "model_groups", group)

    def _group_of_its_own(self, part: Part) -> str | None:
        """The group that the cluster made for a model, where no other model is in it."""
        if (group := part.told.get("model_group_id")) is None:
            return None
        found = self._search("model_groups", {"ids": {"values": [group]}}, 1)
        if not any(is_marked(each["_source"]) for each in found):
            return None
        others = self._search("models", {"term": {"model_group_id": group}}, 2)
        return None if any(each["_id"] != part.id for each in others) else str(group)

    def delete_connector(self, part: Part) -> None:
        """Take a connector away."""
        self._tell("DELETE", "connectors", part.id)

    def check_allowed(self, url: str) -> None:
        """Raise IndexRefusedError where the cluster may not call a URL, with what allows it.

        And BlockedError for a block of the whole cluster, which ML Commons would not tell. Where
        its settings may not be read, it will tell itself.
        """
        try:
            found = self._settings()
        except UnreachableError:
            raise
        except ClusterError:
            return
        _check_unblocked(found)
        host = urlsplit(url).hostname or ""
        patterns = as_kind(_SETTINGS, found.get(_REGEX) or [], list[str])
        wanted: dict[str, Any] = {}
        if not any(_matches(pattern, url) for pattern in patterns):
            parts = urlsplit(url)
            root = re.escape(f"{parts.scheme}://{parts.netloc}/")
            wanted[_REGEX] = [*patterns, f"^{root}.*$"]
        if _is_private(host) and str(found.get(_PRIVATE)).lower() != "true":
            wanted[_PRIVATE] = True
        if wanted:
            raise IndexRefusedError(
                f"the cluster may not call {url} until an administrator allows it: "
                f"PUT /_cluster/settings {json.dumps({'persistent': wanted})}."
            )

    def _settings(self) -> dict[str, Any]:
        params = {"include_defaults": "true", "flat_settings": "true"}
        told = ask(self._cluster, _SETTINGS, Settings, **params)
        return {**told.defaults, **told.persistent, **told.transient}


def _check_unblocked(settings: Mapping[str, Any]) -> None:
    on = {name for name, value in settings.items() if str(value).lower() == "true"}
    # One that keeps new indexes away as disks are nearly full lets go on what has its own.
    if held := [each for each in BLOCKS if each.setting in on and not each.by_disk]:
        told = ", ".join(each.setting for each in held)
        raise BlockedError(
            f"the cluster takes no changes ({told}): {lifting(held)}, and run the same command "
            "again."
        )


def _same(told: Any, wanted: Any) -> bool:
    """Whether all that is wanted is told, but for the credential, which never is."""
    if isinstance(wanted, Mapping):
        told = told if isinstance(told, Mapping) else {}
        return all(_same(told.get(k), v) for k, v in wanted.items() if k not in _UNTOLD)
    if isinstance(wanted, list):
        told = told if isinstance(told, list) else []
        pairs = zip(told, wanted, strict=False)
        return len(told) == len(wanted) and all(_same(*each) for each in pairs)
    return str(told).lower() == str(wanted).lower()


def _matches(pattern: str, url: str) -> bool:
    try:
        return re.fullmatch(pattern, url) is not None
    except re.error:
        return False


def _is_private(host: str) -> bool:
    """Whether a name stands for an address of a network of one's own, as far as is known here."""
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return any(not ipaddress.ip_address(str(each).split("%")[0]).is_global for each in found)
