"""Hits as tables that a newcomer reads and no text of a document can break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from query.question import BM25, HYBRID, KNN
from tandem.output.terminal import console

if TYPE_CHECKING:
    from rich.text import Text

    from query import Hit, Result

# Of a passage: what shows whether it is the one, without filling the screen.
SNIPPET = 240
_NAMES = {BM25: "BM25", KNN: "kNN"}


def one_line(text: str) -> str:
    """Text without its line ends and runs of blanks."""
    return " ".join(text.split())


def show_result(result: Result, text: str, index: str, conditions: Sequence[str] = ()) -> None:
    """Print the hits, and where they are explained, how each score came about.

    conditions: of the filter, named where nothing meets them.
    """
    from rich.text import Text

    out, err = console(), console(stderr=True)
    if result.partial:
        err.print(Text(f"Warning: this answer is incomplete: {one_line(result.partial)}."))
    for note in result.notes:
        err.print(Text(f"Note: {one_line(note)}"))
    if not result.hits:
        where = f" where {' and '.join(map(one_line, conditions))}" if conditions else ""
        said = f"Nothing in {index} matches {one_line(text)!r}{where}, or no more of it."
        out.print(Text(said))
        return
    out.print(_table(result, text, index))
    if result.hits[0].explanation:
        _show_explanations(out, result)
    _show_counts(out, result)


def _show_counts(out: Any, result: Result) -> None:
    """The total and the facets, of what was counted: passages or documents."""
    from rich.text import Text

    what = "documents" if result.collapsed else "passages"
    if result.total:
        about = "" if result.total.exact else "about "
        out.print(Text(f"In all {about}{result.total.value:,} {what}."))
    for facet in result.facets:
        counts = [f"{one_line(each.value)} {each.count:,}" for each in facet.values]
        line = Text(f"{one_line(facet.field)}: ", style="cyan")
        line.append(", ".join(counts) or "no values", style="default")
        line.append(", and more" if facet.more else "", style="default")
        line.append("" if facet.exact else " (counts are near, not exact)", style="dim")
        out.print(line)


def _table(result: Result, text: str, index: str) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    title = Text(f"{one_line(text)}", style="bold")
    title.append(f"   {result.mode} search of {index}, {result.took_ms} ms", style="dim")
    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD)
    table.add_column("#", justify="right")
    columns = _columns(result)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Passage", ratio=1)
    for hit in result:
        cells = [Text(value(hit)) for value in columns.values()]
        table.add_row(str(hit.rank), *cells, _passage(hit))
    return table


def _columns(result: Result) -> Mapping[str, Any]:
    """Heading -> how a hit's cell is written, for the numbers that this search has."""
    if result.hits[0].before:
        return {"Reranked": lambda h: f"{h.score:.4f}", "Moved": _moved}
    if result.mode == HYBRID:
        digits = _digits(result)
        return {"Score": lambda h: f"{h.score:.{digits}f}"}
    if result.hits[0].cosine is not None:
        return {
            "Cosine": lambda h: f"{h.cosine:.4f}",
            "Engine score": lambda h: f"{h.raw_score:.4f}",
        }
    return {_NAMES[result.mode] + " score": lambda h: f"{h.score:.4f}"}


def _digits(result: Result) -> int:
    """Of a fused score: reciprocal ranks differ in later ones."""
    return 6 if result.fusion and result.fusion.get("technique") == "rrf" else 4


def _moved(hit: Hit) -> str:
    was = hit.before.rank if hit.before else hit.rank
    if was == hit.rank:
        return "="
    return f"{'up' if was > hit.rank else 'down'} {abs(was - hit.rank)}, was {was}"


def _passage(hit: Hit) -> Text:
    from rich.text import Text

    shown = Text(one_line(str(hit.title)) if hit.title else "", style="bold")
    shown.append(("  " if hit.title else "") + one_line(hit.id), style="cyan")
    if hit.index:
        shown.append(f"  in {one_line(hit.index)}", style="dim")
    if hit.others:
        shown.append(f"  and {hit.others} more of this document", style="dim")
    text = one_line(hit.text)
    short = text if len(text) <= SNIPPET else text[:SNIPPET].rsplit(" ", 1)[0] + " ..."
    shown.append(f"\n{short}", style="not bold")
    return shown


def _show_explanations(out: Any, result: Result) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=_how(result), title_justify="left", title_style="", box=box.SIMPLE_HEAD)
    table.add_column("#", justify="right")
    for leg in result.hits[0].explanation.legs if result.hits[0].explanation else ():
        table.add_column(_NAMES[leg.leg])
    table.add_column("Score before reranking" if result.hits[0].before else "Score", ratio=1)
    digits = _digits(result)
    for hit in result:
        if hit.explanation:
            legs = [Text(_leg(leg, digits)) for leg in hit.explanation.legs]
            total = Text(f"{hit.explanation.computed:.{digits}f}", style="bold")
            total.append(f"\n= {hit.explanation.formula}", style="dim not bold")
            total.append_text(_matches(hit, marked=not out.is_terminal))
            table.add_row(str(hit.rank), *legs, total)
    out.print(table)


def _how(result: Result) -> Text:
    from rich.text import Text

    if not result.fusion:
        return Text("How each score came about", style="bold")
    told = dict(result.fusion)
    where, why, depth = told.pop("place"), told.pop("reason"), told.pop("depth")
    basis = told.pop("normalised_by", {})
    told["weights"] = ", ".join(f"{_NAMES[leg]} {w:g}" for leg, w in told["weights"].items())
    text = Text("How each score came about", style="bold")
    settings = "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in told.items())
    text.append(f"\nfused on the {where} ({why}), {depth} candidates a leg; ", style="dim not bold")
    text.append(settings, style="dim not bold")
    for leg, numbers in basis.items():
        shown = ", ".join(f"{name} {value:.6g}" for name, value in numbers.items())
        text.append(f"\n{_NAMES[leg]} scores: {shown or 'none'}", style="dim not bold")
    return text


def _leg(leg: Any, digits: int) -> str:
    if leg.rank is None:
        return "not found"
    score = f"score {leg.score:.4f}"
    if leg.cosine is not None:
        score = f"cosine {leg.cosine:.4f},\n{score}"
    became = "" if leg.normalised is None else f"\nbecomes {leg.normalised:.{digits}f}"
    return f"rank {leg.rank}, {score}{became}"


def _matches(hit: Hit, *, marked: bool) -> Text:
    """The fragments in which words of the query stand; marked: with stars, where no style shows."""
    from rich.text import Text

    found = Text("")
    fragments = hit.explanation.highlights if hit.explanation else {}
    for field, each in fragments.items():
        for fragment in each:
            found.append(f"\n{one_line(field)}: ", style="cyan not bold not dim")
            for text, matched in fragment:
                kept = one_line(f"|{text}|")[1:-1]  # white space at its ends stays
                kept = f"*{kept}*" if matched and marked else kept
                found.append(kept, style="bold yellow" if matched else "not bold not dim")
    return found
