"""A dry run as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.run.dry_run import DryRun


def number(count: int, what: str) -> str:
    """So many of a thing, in the singular where it is one."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def show_passages(found: DryRun) -> None:
    """The first passages, what would be rejected, types, and the mapping of a new index."""
    import json

    from rich.table import Table
    from rich.text import Text

    from tandem.output.terminal import console

    out = console()
    shown = found.template.replace("\n", "\\n")
    table = Table("Id", "Tokens", "Encoded", title=Text(f"Template {shown}"))
    for passage, tokens in zip(found.passages, found.tokens, strict=True):
        table.add_row(Text(passage.id), str(tokens), Text(passage.encoded))
    out.print(table)
    for reject in found.rejects:
        where = f"{reject.origin.file}:{reject.origin.line}"
        out.print(f"{where} would be rejected: {reject.reason}")
    for name, kind in found.types.items():
        out.print(f"{name}: {kind}")
    if gone := found.pruned:
        some = f" ({', '.join(gone.sample)}...)" if gone.sample else ""
        what = f"{gone.documents:,} of {number(gone.held, 'document')}"
        out.print(f"Removed at the end: {what} that the source no longer has{some}.")
    if found.deleted:
        out.print(f"Deleted at the end: {', '.join(found.deleted)}.")
    if found.body is None:
        out.print(f"The index {found.index} is there: the documents would go into it.")
    else:
        out.print(f"The index {found.index} would be created with:")
        out.print_json(json.dumps(found.body))
    out.print("Nothing was written.")
