"""An index that is looked at: what it says of itself, as far as it may be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cluster.client.shards import silent_shards
from cluster.errors import MissingRightError, UnreachableError
from ingest.index.describe import find_index
from ingest.index.existing.adopt import fields_of
from ingest.write.whole import NO_SHARD
from mappings import Fields, IndexRecord, read_record
from mappings.existing import Roles, VectorField, has_vector, resolved, vectors
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster


@dataclass(frozen=True)
class Index:
    """One index.

    place: what is asked for it: the alias that was named, where that stands for this one alone, and
    may be all that a user may read; description: of GET /INDEX, for a user with few rights its
    mapping alone; roles, vector_field: the fields that the user names, of an index that does not
    say.
    """

    cluster: Cluster
    name: str
    place: str
    description: Mapping[str, Any]
    roles: Roles
    vector_field: str | None

    @property
    def section(self) -> str:
        """The heading of what is found."""
        return f"index {self.name}"

    @property
    def mapping(self) -> Mapping[str, Any]:
        """Its mapping."""
        found: Mapping[str, Any] = self.description.get("mappings") or {}
        return found

    @property
    def settings(self) -> Mapping[str, Any] | None:
        """Its settings; None where they may not be read."""
        found: Mapping[str, Any] | None = (self.description.get("settings") or {}).get("index")
        return found

    @cached_property
    def types(self) -> dict[str, str]:
        """Dotted name -> type of its fields."""
        return resolved(self.mapping)

    @cached_property
    def record(self) -> IndexRecord | None:
        """Who encoded it; raises MappingError where its record is damaged."""
        return read_record(self.mapping, self.name)

    @cached_property
    def vectors(self) -> dict[str, VectorField]:
        """Its fields of vectors that can be searched, by name."""
        return {each.name: each for each in vectors(self.mapping)}

    @cached_property
    def vector(self) -> VectorField | None:
        """The vectors that are meant: the record's, those that are named, or the only ones."""
        known = self.record.fields.vector if self.record else self.vector_field
        if known is None and len(self.vectors) == 1:
            return next(iter(self.vectors.values()))
        return self.vectors.get(known or "")

    @cached_property
    def found(self) -> tuple[Fields, tuple[str, ...]]:
        """Its fields, and how they were found; raises IndexRefusedError and ClusterError."""
        if self.record:
            return self.record.fields, ()
        fields, notes = fields_of(self.cluster, self.place, self.mapping, self.roles)
        return replace(fields, vector=self.vector.name if self.vector else ""), notes

    @cached_property
    def documents(self) -> tuple[int, int, int]:
        """(documents, shards that do not answer, all shards); raises ClusterError."""
        try:
            found = self._count(None)
        except UnreachableError as error:
            if NO_SHARD not in str(error):
                raise
            return 0, 1, 1
        return (int(found["count"]), *silent_shards(found))

    @cached_property
    def with_vector(self) -> int | None:
        """Documents with a vector; None where there is no such field. Raises ClusterError."""
        return self.count(has_vector(self.vector.name, self.types)) if self.vector else None

    def count(self, query: Mapping[str, Any]) -> int:
        """Documents that a query finds; raises ClusterError."""
        return int(self._count(query)["count"])

    def ask(self, body: Mapping[str, Any]) -> Any:
        """The answer to a search; raises ClusterError."""
        path = path_of(self.place, "_search")
        with self.cluster.explaining():
            return self.cluster.client.transport.perform_request("POST", path, body=dict(body))

    def _count(self, query: Mapping[str, Any] | None) -> dict[str, Any]:
        with self.cluster.explaining():
            found: dict[str, Any] = self.cluster.client.count(
                index=self.place, body={"query": query} if query else None
            )
        return found


def described(cluster: Cluster, name: str) -> dict[str, dict[str, Any]]:
    """GET /NAME by index, or what a user may read of it; nothing where there is no such index.

    Raises ClusterError.
    """
    try:
        return find_index(cluster, name)
    except MissingRightError as error:
        try:
            with cluster.explaining():
                found: dict[str, dict[str, Any]] = cluster.client.indices.get_mapping(index=name)
        except MissingRightError:
            raise error from None
        return found
