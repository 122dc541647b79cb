"""One line of what `tandem doctor` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from cluster.connection import Cluster
from cluster.errors import MissingRightError, UnreachableError
from tandem.base.errors import TandemError
from tandem.base.schema import as_type

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    cure: what to do, None where nothing is needed; needed: whether Tandem cannot work without it;
    used: False for what is merely there.
    """

    section: str
    name: str
    value: str
    cure: str | None = None
    needed: bool = True
    used: bool = True

    @property
    def bad(self) -> bool:
        """Whether something that is needed is missing."""
        return self.needed and self.cure is not None


def ask(cluster: Cluster, path: str, kind: type[T], **params: Any) -> T:
    """What GET path answers, as the kind of thing that is read of it; raises ClusterError.

    It is an UnreachableError where the answer is of another kind: no cluster gave it.
    """
    with cluster.explaining():
        answer = cluster.client.transport.perform_request("GET", path, params=params)
        return as_kind(path, answer, kind)


def as_kind(path: str, answer: object, kind: type[T], method: str = "GET") -> T:
    """An answer as the kind of thing that is read of it; UnreachableError where it is another."""
    try:
        return as_type(answer, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UnreachableError(
            f"{method} {path} is not answered as a cluster does ({error})"
        ) from None


def seen(section: str, name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What a look finds, or why it could not be had: nothing is ticked that was not seen."""
    try:
        return look()
    except MissingRightError as error:
        hidden = f"not seen: {' and '.join(error.permissions)} is not permitted to this user"
    except TandemError as error:
        hidden = f"not seen: {error}"
    return [Finding(section, name, hidden, used=False)]
