"""`tandem node start|stop|status|reset`: the embedded OpenSearch node."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from tandem.options.cluster import json_option, print_json

if TYPE_CHECKING:
    from cluster import NodeState


def _heap(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if re.fullmatch(r"[1-9]\d{0,8}[kmgKMG]", value):
        return value
    raise click.BadParameter(f"{value!r} is no size of memory: write it as 512m or 2g.", ctx, param)


@click.group()
def command() -> None:
    """Start, stop, inspect or reset the embedded OpenSearch node."""


@command.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    help="Listen at this port of loopback (default: the last one where it is free, else any).",
)
@click.option(
    "--heap", default="1g", show_default=True, callback=_heap, help="Memory of its Java, as 512m."
)
@json_option
def start(port: int | None, heap: str, as_json: bool) -> None:
    """Start the node, fetching it the first time; a node that runs already is left as it is."""
    from cluster import EmbeddedNode
    from tandem.output.progress import download_progress

    with download_progress() as on_progress:
        state = EmbeddedNode(heap=heap, port=port or 0).start(on_progress)
    _show(state, as_json)


@command.command()
@json_option
def stop(as_json: bool) -> None:
    """Stop the node; its indexes stay on disk."""
    from cluster import EmbeddedNode

    stopped = EmbeddedNode().stop()
    if as_json:
        print_json(_facts(None))
    elif stopped:
        click.echo(f"Stopped the node (process {stopped.pid}); its indexes are kept.")
    else:
        click.echo("The node was not running.")


@command.command()
@json_option
def status(as_json: bool) -> None:
    """Say whether the node runs, and where."""
    from cluster import EmbeddedNode

    _show(EmbeddedNode().status(), as_json)


@command.command()
@click.option("--yes", is_flag=True, help="Delete without asking.")
def reset(yes: bool) -> int:
    """Stop the node and delete all its indexes; what was downloaded stays."""
    from cluster import EmbeddedNode

    node = EmbeddedNode()
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("reset deletes every index of the node: confirm with --yes.")
        if not click.confirm(f"Delete every index below {node.layout.data}?", err=True):
            click.echo("Nothing was deleted.")
            return 1
    deleted = node.reset()
    click.echo("Deleted the node's indexes." if deleted else "The node has no indexes.")
    return 0


def _facts(state: NodeState | None) -> dict[str, Any]:
    """The promise of `node status --json`; what is not known of a stopped node is null."""
    if state is None:
        return {"running": False, "url": None, "version": None, "pid": None}
    return {"running": True, "url": state.url, "version": state.version, "pid": state.pid}


def _show(state: NodeState | None, as_json: bool) -> None:
    if as_json:
        print_json(_facts(state))
    elif state:
        click.echo(f"OpenSearch {state.version} runs at {state.url} (process {state.pid}).")
    else:
        click.echo("The node is not running; `tandem node start` starts it.")
