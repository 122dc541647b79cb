"""The options of `tandem ingest` that say how to read, split, write and refuse."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ingest.errors import IngestError
from ingest.read.sources.format import FORMATS
from ingest.read.template import Template
from ingest.run.removal.prune import PruneLimit
from ingest.settings import LARGEST, MEGABYTE, Reading, RejectLimit, Splitting, Writing
from tandem.config import WORDS, Number
from tandem.options.cluster import Command
from tandem.output.flags import in_flags

_READING, _SPLITTING, _WRITING = Reading(), Splitting(), Writing()


def _limit(
    make: type[RejectLimit] | type[PruneLimit],
) -> Callable[[click.Context, click.Parameter, str], RejectLimit | PruneLimit]:
    """A callback for a number of documents, or for a share of them such as 1%."""
    return lambda ctx, param, value: _limit_of(make, ctx, param, value)


def _limit_of(
    make: type[RejectLimit] | type[PruneLimit],
    ctx: click.Context,
    param: click.Parameter,
    value: str,
) -> RejectLimit | PruneLimit:
    try:
        if value.endswith("%"):
            return make(share=float(value[:-1]) / 100)
        return make(share=None, number=int(value))
    except ValueError as error:
        message = f"{value!r} is neither a number nor a share such as 1%."
        raise click.BadParameter(message, ctx, param) from error
    except IngestError as error:
        message = f"{value!r} is neither a number from 0 nor a share from 0% to 100%."
        raise click.BadParameter(message, ctx, param) from error


def _template(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        if value:
            Template(value)
    except IngestError as error:
        raise click.BadParameter(in_flags(str(error)), ctx, param) from error
    return value


def _tab(delimiter: str | None) -> str | None:
    """A tab is hard to type."""
    return "\t" if delimiter in ("\\t", "tab") else delimiter


def _renames(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = [value.partition("=") for value in values]
    for old, equals, new in pairs:
        if not (old and equals and new):
            message = f"{old + equals + new!r} is no OLD=NEW: write it as date=published."
            raise click.BadParameter(message, ctx, param)
    return tuple((old, new) for old, _, new in pairs)


_OPTIONS = [
    click.option("--format", type=click.Choice(FORMATS), help="Of the sources (default: found)."),
    click.option(
        "--delimiter", help="Between a table's cells, with a blank where blanks follow it (found)."
    ),
    click.option(
        "--quote",
        help="Around a table's cells; '' for none, '\\\"' where a backslash escapes it (found).",
    ),
    click.option("--encoding", help="Of text, such as latin-1 (default: UTF-8, UTF-16 is found)."),
    click.option("--sheet", help="Of an Excel workbook (default: the first)."),
    click.option("--id-field", help="Field of the id, dots for nested ones (default: _id, id...)."),
    click.option(
        "--text-field",
        type=WORDS,
        multiple=True,
        help="Field of the text; several are joined (default: text).",
    ),
    click.option("--title-field", help="Field of the title (default: title)."),
    click.option(
        "--template",
        callback=_template,
        help="What is encoded, such as '{title}: {text}' (default: title and text on two lines). "
        "What is around {text} is repeated in each passage of a long text, or split with it where "
        "it would fill more than a quarter of each.",
    ),
    click.option(
        "--drop-field",
        type=WORDS,
        multiple=True,
        help="Do not carry this field into the index; a pattern such as 'emb_*' means many.",
    ),
    click.option(
        "--rename-field",
        type=WORDS,
        multiple=True,
        callback=_renames,
        metavar="OLD=NEW",
        help="Call a field otherwise, before all else; dots for nested ones.",
    ),
    click.option(
        "--keep-misfits",
        is_flag=True,
        help="Keep a value that does not fit its field's type beside it, as FIELD_misfit, instead "
        "of rejecting its document.",
    ),
    click.option(
        "--id-from-content",
        is_flag=True,
        help="Give documents without an id one of their text; equal texts are one document.",
    ),
    click.option(
        "--hash-long-ids",
        is_flag=True,
        help="Hash ids of more bytes than a cluster takes; each is kept as original_id.",
    ),
    click.option(
        "--follow",
        is_flag=True,
        help="Read on in the last file as it grows, until Ctrl-C; what comes is written within "
        "seconds.",
    ),
    click.option(
        "--vector-from",
        metavar="FIELD",
        help="Take ready vectors of this model from this field, and encode nothing but a sample to "
        "check them against.",
    ),
    click.option(
        "--max-document-mb",
        type=Number(0.001, LARGEST / MEGABYTE),
        default=_READING.max_bytes / MEGABYTE,
        show_default=True,
        help="Reject larger documents.",
    ),
    click.option("--no-split", is_flag=True, help="Cut long texts off instead of splitting them."),
    click.option(
        "--overlap",
        type=click.IntRange(min=0),
        default=_SPLITTING.overlap,
        show_default=True,
        help="Tokens that neighbouring passages of one document share.",
    ),
    click.option(
        "--request-mb",
        type=Number(0.01, LARGEST / MEGABYTE),
        default=_WRITING.max_bytes / MEGABYTE,
        show_default=True,
        help="Largest bulk request.",
    ),
    click.option(
        "--request-count",
        type=click.IntRange(min=1),
        default=_WRITING.max_count,
        show_default=True,
        help="Most passages in one bulk request.",
    ),
    click.option(
        "--in-flight",
        type=click.IntRange(min=1, max=64),
        default=_WRITING.in_flight,
        show_default=True,
        help="Bulk requests at the same time.",
    ),
    click.option(
        "--max-outage",
        type=Number(min=0),
        default=_WRITING.max_outage,
        show_default=True,
        help="Give up when the cluster accepted nothing for so many seconds.",
    ),
    click.option(
        "--rejects",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File of refused documents, not - (default: beside the source).",
    ),
    click.option(
        "--max-rejects",
        callback=_limit(RejectLimit),
        metavar="N|P%",
        default="1%",
        show_default=True,
        help="Stop when more are refused; a share allows at least 100.",
    ),
    click.option(
        "--max-prune",
        callback=_limit(PruneLimit),
        metavar="N|P%",
        default="10%",
        show_default=True,
        help="Let --prune remove no more documents; a share, of those held, allows at least 5. "
        "Whoever is asked may allow more, unless this is given.",
    ),
]


def _reading(take: Callable[[str], Any]) -> Reading:
    try:
        return Reading(
            format=take("format"),
            id_field=take("id_field"),
            text_fields=take("text_field"),
            title_field=take("title_field"),
            template=take("template"),
            drop_fields=take("drop_field"),
            id_from_content=take("id_from_content"),
            max_bytes=int(take("max_document_mb") * MEGABYTE),
            rename_fields=take("rename_field"),
            keep_misfits=take("keep_misfits"),
            hash_long_ids=take("hash_long_ids"),
            vector_from=take("vector_from"),
            delimiter=_tab(take("delimiter")),
            quote=take("quote"),
            encoding=take("encoding"),
            sheet=take("sheet"),
            follow=take("follow"),
        )
    except IngestError as error:
        raise click.UsageError(in_flags(str(error))) from error


def ingest_options(command: Command) -> Command:
    """Add the options; hand the command `reading`, `splitting`, `writing`, and the reject ones."""

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> Any:
        take = options.pop
        reading = _reading(take)
        splitting = Splitting(split=not take("no_split"), overlap=take("overlap"))
        writing = Writing(
            max_bytes=int(take("request_mb") * MEGABYTE),
            max_count=take("request_count"),
            in_flight=take("in_flight"),
            max_outage=take("max_outage"),
        )
        return command(*args, reading=reading, splitting=splitting, writing=writing, **options)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
