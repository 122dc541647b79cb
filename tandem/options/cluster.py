"""Options that several commands share, and what they become."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tandem.options.connection import CONNECTION, access_of, check_profile, profile_option

if TYPE_CHECKING:
    from cluster import Cluster

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output."
)

take_alias_option = click.option(
    "--take-alias",
    is_flag=True,
    help="Take the alias from indexes that Tandem did not make (default: ask, or refuse).",
)


def index_name(
    *, new: bool = False, pattern: bool = False
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """A callback of an option or argument that refuses what no index or alias can be called.

    new: of an index that is to be made; pattern: several may be named.
    """

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        from mappings import fault_of_name, fault_of_pattern

        if value is None:
            return None
        fault = fault_of_pattern(value) if pattern else fault_of_name(value, new=new)
        if fault:
            message = f"{value!r} cannot be the name of an index: {fault}."
            raise click.BadParameter(message, ctx, param)
        return value

    return check


@dataclass(frozen=True)
class ClusterTarget:
    """How the cluster is reached: options of `connect`; without a url, the embedded node."""

    options: Mapping[str, Any]

    @property
    def embedded(self) -> bool:
        """Whether no cluster is named."""
        return self.options["url"] is None

    def connect(self) -> Cluster:
        """Reach the cluster, starting the embedded node where there is no url.

        Raises cluster.errors.ClusterError with one sentence and the cure.
        """
        from cluster import connect
        from tandem.output.progress import download_progress

        with download_progress() as on_progress:
            return connect(**self.options, on_progress=on_progress)


def cluster_options(command: Command) -> Command:
    """Add the options that name a cluster, and hand the command a `target` made of them."""

    @functools.wraps(command)
    def wrapped(*args: Any, profile: str | None, **given: Any) -> Any:
        check_profile(click.get_current_context(), profile)
        target = ClusterTarget(access_of(given))
        return command(*args, target=target, **given)

    for option in reversed((profile_option, *CONNECTION)):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


def print_json(value: Any) -> None:
    """Write one JSON object and a line end to standard output."""
    from tandem.base.wire import json_bytes

    click.echo(json_bytes(value).decode())


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
