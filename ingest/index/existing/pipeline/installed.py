"""What of a pipeline is in a cluster: its parts, by their names, each with Tandem's mark or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.errors import MissingIndexError
from ingest.errors import IndexRefusedError
from ingest.index.existing.pipeline.ml_commons import MlCommons, Part
from mappings import (
    PASSAGE,
    QUERY,
    InputType,
    InstalledIngest,
    fault_of_pipeline_name,
    read_ingest_pipeline,
    read_search_pipeline,
)
from tandem.base.arguments import checked_arguments
from tandem.base.process.redact import redacted
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster

# Since when a model may encode queries in another way than passages.
ASYMMETRIC_SINCE = (3, 5)
# What a model's texts may be, None for either.
KINDS: tuple[InputType | None, ...] = (None, PASSAGE, QUERY)
DEFAULT, SEARCH_DEFAULT = "index.default_pipeline", "index.search.default_pipeline"


def part_name(name: str, kind: InputType | None) -> str:
    """What the connector and the model of a pipeline are called."""
    return f"tandem-{name}" if kind is None else f"tandem-{name}-{kind}"


def check_name(name: str) -> None:
    """Raise IndexRefusedError for what no pipeline can be called."""
    if fault := fault_of_pipeline_name(name):
        raise IndexRefusedError(f"{name!r} cannot be the name of a pipeline: {fault}.")


@dataclass(frozen=True)
class Installed:
    """A pipeline as it is in the cluster; what is None is not there.

    connectors, models: by what their texts are; indexes: that send their documents through it;
    searched: whose searches go through it.
    """

    name: str
    ingest: InstalledIngest | None
    query_model: str | None
    connectors: dict[InputType | None, Part]
    models: dict[InputType | None, Part]
    indexes: tuple[str, ...]
    searched: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether both pipelines are there, their models, and connectors that ask a service."""
        ids = {each.id for each in self.models.values()}
        asking = bool(self.services) and self.models.keys() <= self.connectors.keys()
        of_models = self.ingest and {self.ingest.model_id, self.query_model} <= ids
        return bool(of_models) and asking

    @property
    def services(self) -> tuple[str, ...]:
        """The addresses that its connectors ask."""
        told = (each.told.get("actions") or () for each in self.connectors.values())
        return tuple(sorted({action["url"] for actions in told for action in actions}))

    @property
    def empty(self) -> bool:
        """Whether nothing of it is there."""
        parts = (self.connectors, self.models, self.ingest, self.query_model)
        return not any(parts)

    @property
    def again(self) -> str:
        """The call that makes it whole, for the index that uses it."""
        used = next(iter((*self.indexes, *self.searched)), None)
        of_index = "" if used is None else f", index={used!r}"
        # Without the URL of a connector: whoever may change that is not to choose who gets the key.
        return f"`install_pipeline(cluster, {self.name!r}, service='URL'{of_index})`"

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "pipeline": self.name,
            "whole": self.whole,
            "services": [redacted(url) for url in self.services],
            "fingerprint": self.ingest.fingerprint if self.ingest else None,
            "ingest_pipeline": self.ingest is not None,
            "search_pipeline": self.query_model is not None,
            "connectors": {each.name: each.id for each in self.connectors.values()},
            "models": {
                each.name: {"id": each.id, "state": each.told.get("model_state")}
                for each in self.models.values()
            },
            "indexes": list(self.indexes),
            "searched": list(self.searched),
        }


@checked_arguments(IndexRefusedError, "read_installed_pipeline")
def read_installed(cluster: Cluster, name: str) -> Installed:
    """Look at all parts of a pipeline, and change nothing.

    Raises IndexRefusedError where one of its names is taken by what others made.
    """
    check_name(name)
    commons = MlCommons(cluster)
    connectors = {kind: commons.find("connectors", part_name(name, kind)) for kind in KINDS}
    models = {kind: commons.find("models", part_name(name, kind)) for kind in KINDS}
    stored = _definition(cluster, "_ingest", name)
    searches = _definition(cluster, "_search", name)
    ingest = read_ingest_pipeline(stored) if stored is not None else None
    query_model = read_search_pipeline(searches) if searches is not None else None
    for what, there, ours in (
        ("ingest", stored, ingest),
        ("search", searches, query_model),
    ):
        if there is not None and ours is None:
            raise IndexRefusedError(
                f"the {what} pipeline {name!r} is there already and Tandem did not write it, or "
                "somebody changed it: choose another name."
            )
    indexes, searched = _users(cluster, name)
    return Installed(
        name,
        ingest,
        query_model,
        {kind: each for kind, each in connectors.items() if each},
        {kind: each for kind, each in models.items() if each},
        indexes,
        searched,
    )


def _definition(cluster: Cluster, kind: str, name: str) -> dict[str, Any] | None:
    path = path_of(kind, "pipeline", name)
    with cluster.explaining():
        found = cluster.client.transport.perform_request("GET", path, params={"ignore": 404})
    definition = found.get(name)
    return definition if isinstance(definition, dict) else None


def _users(cluster: Cluster, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The indexes whose documents, and those whose searches, go through a pipeline."""
    path, params = "/*,-.*/_settings/index.*default_pipeline", {"flat_settings": "true"}
    try:
        with cluster.explaining():
            found = cluster.client.transport.perform_request("GET", path, params=params)
    except MissingIndexError:
        found = {}
    settings = {index: each["settings"] for index, each in sorted(found.items())}
    stored, searched = (
        tuple(index for index, each in settings.items() if each.get(key) == name)
        for key in (DEFAULT, SEARCH_DEFAULT)
    )
    return stored, searched
