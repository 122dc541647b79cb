"""Whether an alias may be taken from indexes that Tandem did not make."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cluster import Cluster

take_alias_option = click.option(
    "--take-alias",
    is_flag=True,
    help="Take the alias from indexes that Tandem did not make (default: ask, or refuse).",
)


def may_take(cluster: Cluster, alias: str) -> bool:
    """Ask whether the alias may leave indexes that Tandem did not make.

    Without such indexes, and where nobody is here to answer, it may not; whoever switches refuses.
    Raises IndexRefusedError and ClusterError.
    """
    from ingest.index.aliases.alias import read_alias

    strangers = read_alias(cluster, alias).strangers
    if not strangers or not sys.stdin.isatty():
        return False
    return click.confirm(
        f"The alias {alias} points to {', '.join(strangers)}, which Tandem did not make and which "
        "it would no longer find. Take it away from there?",
        err=True,
    )
