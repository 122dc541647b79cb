"""`tandem doctor`: what this cluster, Java, model and machine can do, and the cure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import click

from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    print_json,
)
from tandem.options.encoder import EncoderChoice
from tandem.output.flags import in_flags

if TYPE_CHECKING:
    from cluster import Cluster
    from cluster.diagnosis.finding import Finding
    from encoder import Encoder
    from mappings import EncoderRecord


@click.command()
@click.option(
    "--index",
    callback=index_name(),
    help="Judge this index, or each behind this alias: fields, model fit, documents, passages, "
    "memory, what touches it, and what you may do there.",
)
@click.option(
    "--model",
    help="Also look at this model: a name or a folder; with --index, whether it fits (default: the "
    "index's own).",
)
@click.option("--text-field", help="With --index: the text (default: found, and told).")
@click.option("--vector-field", help="With --index: the vectors, of several fields of them.")
@cluster_options
@json_option
def command(
    index: str | None,
    model: str | None,
    text_field: str | None,
    vector_field: str | None,
    target: ClusterTarget,
    as_json: bool,
) -> int:
    """Show what this cluster, Java, model and machine can do, and the cure for what is missing.

    Without --url it looks at the embedded node, and does not start it. Nothing is changed. Exits
    with 1 if something that is needed is missing.
    """
    from cluster.diagnosis.machine import of_machine

    if index is None:
        if text_field or vector_field:
            raise click.UsageError("--text-field and --vector-field are of an index: add --index.")
        found = [*_cluster(target, None), *of_machine(), *_encoder(model)]
    else:
        found = _cluster(target, Judged(index, model, text_field, vector_field))
    findings = [
        replace(each, value=in_flags(each.value), cure=each.cure and in_flags(each.cure))
        for each in found
    ]
    healthy = not any(each.bad for each in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": [asdict(each) for each in findings]})
    else:
        _print_table(findings)
    return 0 if healthy else 1


@dataclass(frozen=True)
class Judged:
    """An index to look at, and what its user says of it."""

    index: str
    model: str | None
    text_field: str | None
    vector_field: str | None

    def look(self, cluster: Cluster) -> list[Finding]:
        """What is found; raises ClusterError."""
        from cluster.diagnosis.finding import seen
        from cluster.diagnosis.templates import of_templates
        from ingest.index.existing.diagnosis.judge import diagnose_index
        from mappings.existing import Roles

        roles, vector_field = Roles(self.text_field), self.vector_field
        rows = diagnose_index(
            cluster, self.index, self._encoder, roles=roles, vector_field=vector_field
        )
        section = f"the name {self.index}"
        rows += seen(section, "hybrid fusion", lambda: self._fusion(cluster, section))
        return rows + seen(section, "templates", lambda: of_templates(cluster, section, self.index))

    def _encoder(self, record: EncoderRecord | None) -> Encoder | None:
        if record is None and self.model is None:
            return None
        # To compare some texts, measuring which way is fastest would not pay.
        precision = record.settings.get("precision") if record else None
        choice = EncoderChoice(self.model, "torch", precision or "float32")
        return choice.load(record)

    def _fusion(self, cluster: Cluster, section: str) -> list[Finding]:
        """Where hybrid searches under the name are fused, and why there."""
        from cluster.diagnosis.finding import Finding
        from ingest.index.existing.diagnosis.index import described
        from query import Question
        from query.body.hybrid import place_of_fusion
        from query.target import read_target

        if not (found := described(cluster, self.index)):
            return []
        target = read_target(self.index, found)
        question = target.tuned(Question("text", mode="hybrid"))
        place = place_of_fusion(question, target, cluster.capabilities)
        where = "by the cluster" if place.on_server else "by Tandem, with the same ranking"
        told = f"{where}: {place.reason}"
        return [Finding(section, "hybrid fusion", told)]


def _cluster(target: ClusterTarget, judged: Judged | None) -> list[Finding]:
    from cluster import ClusterError, EmbeddedNode, connect
    from cluster.diagnosis.health import of_cluster, of_failure
    from cluster.diagnosis.node import of_node
    from ingest.index.existing.pipeline.diagnosis import of_pipelines

    rows: list[Finding] = []
    try:
        if target.embedded:
            node = EmbeddedNode()
            rows, state = of_node(node), node.status()
            if state is None:
                return [*rows, *_unseen(judged)]
            # Whoever looks at a node must not end it because it is slow.
            reached = connect(**{**target.options, "url": state.url})
        else:
            reached = target.connect()
        with reached as cluster:
            rows += of_cluster(cluster, judged.index if judged else None)
            rows += of_pipelines(cluster)
            return rows + (judged.look(cluster) if judged else [])
    except ClusterError as error:
        return [*rows, *of_failure(error)]


def _unseen(judged: Judged | None) -> list[Finding]:
    """An index of a node that does not run."""
    from cluster.diagnosis.finding import Finding

    if judged is None:
        return []
    cure = "run `EmbeddedNode.start()`, or name a cluster with `url`"
    return [Finding(f"index {judged.index}", "index", "not seen: the node does not run", cure)]


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
    section, sections = None, list(dict.fromkeys(each.section for each in findings))
    for each in sorted(findings, key=lambda each: sections.index(each.section)):
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
