"""`tandem pipeline install|show|test|remove`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    print_json,
)
from tandem.options.connection import read_secret, taken

if TYPE_CHECKING:
    from cluster.access.credentials import Secret
    from ingest import InstalledPipeline

Command = TypeVar("Command", bound=Callable[..., Any])

_key_option = click.option(
    "--service-key-file",
    "from_file",
    type=click.Path(path_type=Path),
    callback=read_secret,
    help="File holding the service's key to search (or set TANDEM_SERVICE_KEY).",
)


@click.group()
def command() -> None:
    """Have the cluster itself ask `tandem serve` for vectors, by ML Commons.

    Whoever writes plain documents gets the passages of `tandem ingest`, and whoever searches needs
    no vector: neural and hybrid queries take a text.
    """


@command.command()
@click.argument("name")
@click.option(
    "--service",
    required=True,
    help="URL of the service, as the cluster and this machine reach it.",
)
@click.option(
    "--index",
    callback=index_name(),
    help="An index of Tandem's, or its alias, that is written and searched so from now on.",
)
@_key_option
@cluster_options
@json_option
def install(
    name: str,
    service: str,
    index: str | None,
    from_file: Secret | None,
    target: ClusterTarget,
    as_json: bool,
) -> None:
    """Install the pipeline NAME, or bring it up to date.

    It is a connector and a model of ML Commons, an ingest pipeline and a search pipeline.
    """
    from ingest import install_pipeline

    key = from_file or taken("TANDEM_SERVICE_KEY")
    with target.connect() as cluster:
        installed = install_pipeline(cluster, name, service, service_key=key, index=index)
    _print(installed, as_json)
    if not as_json and index is None:
        click.echo(
            f"No index uses it yet: name one with --index, or send pipeline={name} with "
            f"documents and search_pipeline={name} with searches.",
            err=True,
        )


@command.command()
@click.argument("name")
@cluster_options
@json_option
def show(name: str, target: ClusterTarget, as_json: bool) -> None:
    """Show what of the pipeline NAME is there, and which indexes use it."""
    from ingest import read_installed_pipeline

    with target.connect() as cluster:
        _print(read_installed_pipeline(cluster, name), as_json)


@command.command()
@click.argument("name")
@click.option(
    "--service",
    help="URL of the service, to which its key is sent (default: the one that the cluster names, "
    "without a key).",
)
@_key_option
@cluster_options
@json_option
def test(
    name: str,
    service: str | None,
    from_file: Secret | None,
    target: ClusterTarget,
    as_json: bool,
) -> int:
    """Send texts through the pipeline NAME and compare with the service's; stores nothing.

    Exits with 1 if something differs.
    """
    from ingest import check_pipeline

    key = from_file or taken("TANDEM_SERVICE_KEY")
    with target.connect() as cluster:
        checks = check_pipeline(cluster, name, service=service, service_key=key)
    right = not any(each.fault for each in checks)
    if as_json:
        print_json({"pipeline": name, "right": right, "checks": [asdict(each) for each in checks]})
    else:
        for each in checks:
            click.echo(
                f"{'✗' if each.fault else '✓'} {each.name}: {each.fault or 'as it should be'}"
            )
    return 0 if right else 1


@command.command()
@click.argument("name")
@cluster_options
@json_option
def remove(name: str, target: ClusterTarget, as_json: bool) -> None:
    """Take the pipeline NAME away: documents and searches of its indexes do without it."""
    from ingest import remove_pipeline

    with target.connect() as cluster:
        gone = remove_pipeline(cluster, name)
    if as_json:
        print_json({**gone.to_json(), "removed": True})
    else:
        used = ", ".join(sorted({*gone.indexes, *gone.searched}))
        click.echo(f"Removed pipeline {name}" + (f", which {used} used." if used else "."))


def _print(installed: InstalledPipeline, as_json: bool) -> None:
    told = installed.to_json()
    if as_json:
        print_json(told)
        return
    models = ", ".join(f"{n} ({m['id']}, {m['state']})" for n, m in told["models"].items())
    for label, value in (
        (
            "pipeline",
            f"{installed.name}{'' if installed.whole else ', not whole: install it again'}",
        ),
        ("service", ", ".join(told["services"])),
        ("fingerprint", told["fingerprint"]),
        ("models", models),
        ("written through it", ", ".join(installed.indexes)),
        ("searched through it", ", ".join(installed.searched)),
    ):
        click.echo(f"{label}: {value or 'none'}")
