"""The roles: which permissions each command needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Role:
    """What some commands may do: permissions of OpenSearch's security, privileges of Elastic's.

    patterns: of the indexes, with INDEX for the name of the index or alias; everywhere: on all
    indexes.
    """

    commands: tuple[str, ...]
    patterns: tuple[str, ...]
    cluster: tuple[str, ...]
    index: tuple[str, ...]
    elasticsearch: tuple[str, ...]
    everywhere: tuple[str, ...] = ()

    @property
    def permissions(self) -> tuple[str, ...]:
        """Those of all levels."""
        return (*self.cluster, *self.index, *self.everywhere)

    def body(self, name: str, *, without: str = "") -> dict[str, Any]:
        """What PUT /_plugins/_security/api/roles/ROLE takes, for an index or alias."""
        patterns = [each.replace("INDEX", name) for each in self.patterns]
        cluster, index, everywhere = (
            [each for each in level if each != without]
            for level in (self.cluster, self.index, self.everywhere)
        )
        indexes = [
            {"index_patterns": names, "allowed_actions": allowed}
            for names, allowed in ((patterns, index), (["*"], everywhere))
            if allowed
        ]
        return {"cluster_permissions": cluster, "index_permissions": indexes}


@cache
def roles() -> Mapping[str, Role]:
    """All roles, by name."""
    text = files("cluster.diagnosis.rights").joinpath("roles.json").read_text("utf-8")
    return {
        name: Role(**{field: tuple(value) for field, value in each.items()})
        for name, each in json.loads(text).items()
    }
