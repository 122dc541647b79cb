"""`tandem ingest`: encode documents and write them into an index."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from tandem.commands.documents.ending import end_in_order
from tandem.commands.documents.runner import runner_options
from tandem.config import typed, typed_wins
from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    may_take,
    print_json,
    take_alias_option,
)
from tandem.options.encoder import encoder_options, recorded_encoder
from tandem.options.ingest import ingest_options
from tandem.options.shape import shape_options, tell_replicas
from tandem.output.dry_run import number, show_passages
from tandem.output.flags import in_flags

if TYPE_CHECKING:
    from cluster import Cluster
    from ingest import Report
    from ingest.run.removal.prune import Confirm
    from mappings import EncoderRecord
    from tandem.commands.documents.runner import RunnerChoice
    from tandem.options.encoder import EncoderChoice
    from tandem.output.progress import IngestProgress

SOME_REJECTED = 3
_DEFAULT = click.core.ParameterSource.DEFAULT
# Of a reason, so many characters are shown; the rejects file has it whole.
LONGEST_REASON = 200


@click.command()
@click.argument("source", nargs=-1, required=True)
@click.option(
    "--index",
    callback=index_name(),
    help="Write into this index; it is created where it is not there.",
)
@click.option(
    "--alias",
    callback=index_name(new=True),
    help="Fill a new index and point this alias at it when all is written.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    help="With --alias: delete its older indexes beyond this many (default: keep all).",
)
@take_alias_option
@click.option("--prune", is_flag=True, help="Remove documents that the source no longer has.")
@click.option("--yes", is_flag=True, help="With --prune: do not ask.")
@click.option("--relax", is_flag=True, help="Relax refreshes and replicas of an existing index.")
@click.option(
    "--keep-replicas",
    is_flag=True,
    help="Keep replicas while loading: slower, and goes on while a node is away.",
)
@click.option("--force-merge", is_flag=True, help="Merge the index into one segment at the end.")
@click.option("--dry-run", is_flag=True, help="Show the first passages and the mapping only.")
@ingest_options
@runner_options
@encoder_options(required=False)
@shape_options
@cluster_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    source: tuple[str, ...],
    prune: bool,
    yes: bool,
    dry_run: bool,
    encoder_choice: EncoderChoice,
    runner_choice: RunnerChoice,
    target: ClusterTarget,
    as_json: bool,
    **settings: Any,
) -> int:
    """Encode documents and write them into an index.

    SOURCE: JSONL, CSV, TSV, Parquet or Arrow files, a BEIR folder, MS MARCO's collection.tsv,
    globs, addresses (s3://, gs://, hdfs://, hf://, https://), or - for standard input; compressed
    with gzip, bz2, xz or zstd, or not. The same command again writes only what is new or changed.
    """
    typed_wins(context, settings, "index", "alias")
    index, alias = settings.pop("index"), settings.pop("alias")
    if (index is None) == (alias is None):
        raise click.UsageError("Say where to write: either --index NAME or --alias NAME.")
    for option in ("keep", "take_alias"):
        if alias is None and typed(context, option):
            raise click.UsageError(f"--{option.replace('_', '-')} is for --alias.")
    if prune and not yes and not dry_run and ("-" in source or not sys.stdin.isatty()):
        raise click.UsageError("--prune asks, and nobody is here to answer: add --yes.")
    if not yes and not dry_run and context.get_parameter_source("max_prune") is _DEFAULT:
        settings["max_prune"] = None  # who is asked sees how many there are
    request = _Request(list(source), index, alias, settings)
    if dry_run:
        return request.show_dry_run(target, encoder_choice, as_json, prune=prune)
    return request.run(target, encoder_choice, runner_choice, as_json, prune=prune, yes=yes)


@dataclass(frozen=True)
class _Request:
    """What the user asked for; settings: shape, reading, splitting, writing and the flags."""

    source: list[str]
    index: str | None
    alias: str | None
    settings: dict[str, Any]

    def run(
        self,
        target: ClusterTarget,
        choice: EncoderChoice,
        runs: RunnerChoice,
        as_json: bool,
        *,
        prune: bool,
        yes: bool,
    ) -> int:
        """Ingest, and show the tally however it ends."""
        from ingest import Plan, checked, ingest
        from tandem.output.progress import ingest_progress

        end_in_order()
        plan = Plan(**self.settings)
        runs.check(checked(self.source, plan, self.alias), target, choice)
        progress: IngestProgress | None = None
        try:
            with target.connect() as cluster:
                if self.alias and not plan.take_alias:
                    plan = replace(plan, take_alias=may_take(cluster, self.alias))
                record = self._record(cluster, choice)
                encoder, runner = choice.load(record), runs.make(target, choice, record)
                with ingest_progress() as progress:
                    plan = replace(plan, confirm_prune=_confirmation(prune, yes, progress))
                    report = ingest(
                        self.source,
                        cluster=cluster,
                        encoder=encoder,
                        index=self.index,
                        alias=self.alias,
                        plan=plan,
                        on_progress=progress,
                        runner=runner,
                    )
        finally:
            if progress and progress.last and not progress.last.nothing_happened:
                _show(progress.last, as_json, split=self.settings["splitting"].split)
        return SOME_REJECTED if report.rejected else 0

    def _record(self, cluster: Cluster, choice: EncoderChoice) -> EncoderRecord | None:
        """Who encoded the index or the alias's live one, where no model was named."""
        tell_replicas(cluster, self.settings["shape"])
        if choice.model is not None:
            return None
        return recorded_encoder(cluster, str(self.index or self.alias))

    def show_dry_run(
        self, target: ClusterTarget, choice: EncoderChoice, as_json: bool, *, prune: bool
    ) -> int:
        """Show what would be done."""
        from ingest import Plan, checked
        from ingest.run.dry_run import dry_run
        from query.files import without_vectors

        confirm = (lambda count, sample: False) if prune else None
        plan = Plan(confirm_prune=confirm, **self.settings)
        checked(self.source, plan, self.alias)
        with target.connect() as cluster:
            found = dry_run(
                self.source,
                cluster=cluster,
                encoder=choice.load(self._record(cluster, choice)),
                index=self.index,
                alias=self.alias,
                plan=plan,
            )
        rejects = [replace(each, reason=in_flags(each.reason)) for each in found.rejects]
        found = replace(found, rejects=rejects, warnings=tuple(map(in_flags, found.warnings)))
        for warning in found.warnings:
            click.echo(f"Warning: {warning}", err=True)
        if as_json:
            print_json(without_vectors(found.to_json()))
        else:
            show_passages(found)
        return 0


def _confirmation(prune: bool, yes: bool, progress: IngestProgress) -> Confirm | None:
    """What is asked before a prune, None without one."""

    def confirm(count: int, sample: list[str]) -> bool:
        if yes:
            return True
        what = number(count, "passage")
        question = (
            f"Remove {what} of documents that the source no longer has ({', '.join(sample)}...)?"
        )
        with progress.aside():
            return click.confirm(question, err=True)

    return confirm if prune else None


def _show(report: Report, as_json: bool, *, split: bool) -> None:
    reasons = {in_flags(why): often for why, often in report.reasons.items()}
    warnings = tuple(map(in_flags, report.warnings))
    report = replace(report, reasons=reasons, warnings=warnings)
    if as_json:
        print_json(report.to_json())
        return
    click.echo(
        f"{number(report.read, 'document')} read: {report.written:,} written, "
        f"{report.skipped:,} unchanged, {report.rejected:,} rejected, in {report.seconds:,.1f} "
        f"seconds ({report.docs_per_second:,.1f} documents per second), index {report.index}."
    )
    for line in _remarks(report, split):
        click.echo(f"  {line}.")


def _remarks(report: Report, split: bool) -> list[str]:
    """What there is to say beside the counts, each without its full stop."""
    r = report
    gone = f"; deleted: {', '.join(r.deleted)}" if r.deleted else ""
    cure = "" if split else " (leave out --no-split to split them)"
    steps = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in r.preparation.items())
    said: list[tuple[object, str]] = [
        (steps, f"before that, once a model on this machine: {steps}"),
        (r.held is not None and not r.read, "the source has no documents"),
        (
            r.passages_written not in (0, r.written),
            f"{number(r.passages_written, 'passage')} written for {number(r.written, 'document')}",
        ),
        (
            r.truncated,
            f"{number(r.truncated, 'passage')} cut off, being longer than the model reads{cure}",
        ),
        (r.removed, f"{number(r.removed, 'left-over passage')} of shortened documents removed"),
        (r.pruned, f"{number(r.pruned, 'passage')} of documents gone from the source removed"),
        (r.retries, f"{number(r.retries, 'request')} sent again"),
        (r.held, f"the index holds {number(r.held or 0, 'passage')}, each with its vector"),
        (r.alias, f"{r.alias} now points to {r.index}{gone}"),
        (
            r.unfinished,
            f"{number(r.unfinished, 'document')} on the way: the same command takes them up again",
        ),
        *(
            (often, f"{often:,} rejected: {why[:LONGEST_REASON]}")
            for why, often in r.reasons.items()
        ),
        (r.rejects, f"rejected documents, and why, are in {r.rejects}"),
    ]
    return [text for holds, text in said if holds]
