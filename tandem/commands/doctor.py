"""`tandem doctor`: what this cluster, Java, model and machine can do, and the cure."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from tandem.options.cluster import ClusterTarget, cluster_options, json_option, print_json
from tandem.output.flags import in_flags

if TYPE_CHECKING:
    from cluster.diagnosis.finding import Finding


@click.command()
@click.option("--model", help="Also look at this model: a name or a folder.")
@cluster_options
@json_option
def command(model: str | None, target: ClusterTarget, as_json: bool) -> int:
    """Show what this cluster, Java, model and machine can do, and the cure for what is missing.

    Without --url it looks at the embedded node, and does not start it. Exits with 1 if something
    that is needed is missing.
    """
    from cluster.diagnosis.machine import of_machine

    findings = [
        replace(each, value=in_flags(each.value), cure=each.cure and in_flags(each.cure))
        for each in (*_cluster(target), *of_machine(), *_encoder(model))
    ]
    healthy = not any(each.bad for each in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": [asdict(each) for each in findings]})
    else:
        _print_table(findings)
    return 0 if healthy else 1


def _cluster(target: ClusterTarget) -> list[Finding]:
    from cluster import ClusterError, EmbeddedNode
    from cluster.diagnosis.health import of_cluster, of_failure
    from cluster.diagnosis.node import of_node
    from ingest.index.existing.pipeline.diagnosis import of_pipelines

    try:
        if target.embedded:
            return of_node(EmbeddedNode())
        with target.connect() as cluster:
            return [*of_cluster(cluster), *of_pipelines(cluster)]
    except ClusterError as error:
        return of_failure(error)


def _encoder(model: str | None) -> list[Finding]:
    from cluster.diagnosis.finding import Finding
    from encoder.diagnosis import diagnose
    from tandem.output.progress import tell

    return [
        # OpenVINO is not needed, a model that was asked for is.
        Finding("encoder", name, value, cure, needed=name == "model")
        for name, value, cure in diagnose(model, tell)
    ]


def _print_table(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    from tandem.output.terminal import console

    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("", "what", "found", "cure"):
        table.add_column(heading, overflow="fold")
    section = None
    for each in findings:
        if each.section != section:
            section = each.section
            table.add_row("", Text(section, style="bold"), "", "")
        table.add_row(Text(*_mark(each)), f"  {each.name}", each.value, each.cure or "")
    console().print(table)


def _mark(finding: Finding) -> tuple[str, str]:
    """(mark, its style)."""
    if finding.bad:
        return "✗", "red"
    if finding.cure:
        return "!", "yellow"
    return ("✓", "green") if finding.used else ("-", "")
