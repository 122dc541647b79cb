"""One line of what `tandem doctor` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.connection import Cluster
from cluster.errors import MissingRightError
from tandem.base.errors import TandemError


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


def ask(cluster: Cluster, path: str, method: str = "GET", **params: Any) -> Any:
    """An answer of the cluster; raises ClusterError."""
    with cluster.explaining():
        return cluster.client.transport.perform_request(method, path, params=params)


def seen(section: str, name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What a look finds, or why it could not be had: nothing is ticked that was not seen."""
    try:
        return look()
    except MissingRightError as error:
        hidden = f"not seen: {' and '.join(error.permissions)} is not permitted to this user"
    except TandemError as error:
        hidden = f"not seen: {error}"
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # What answers there is asked much, and must not end the report by one strange answer.
        hidden = f"not seen: the answer is not the one that is asked for ({error!r:.100})"
    return [Finding(section, name, hidden, used=False)]
