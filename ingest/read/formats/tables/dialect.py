"""How a table is written: told by its first lines, unless its options say."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec, module_from_spec
from typing import Any


def _own_csv() -> Any:
    """The core of Python's csv module, loaded anew: its limit of a cell's length is ours alone.

    That of `csv` holds for the whole process, for the program around us as well.
    """
    spec: Any = find_spec("_csv")
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.field_size_limit(_UNLIMITED)
    return module


# As much as a C long holds on every system. Who gives the lines bounds each row.
_UNLIMITED = 2**31 - 1
_csv = _own_csv()
CsvError: type[Exception] = _csv.Error
DELIMITERS = (",", ";", "\t", "|")
QUOTE, APOSTROPHE, BACKSLASH = '"', "'", "\\"
# A spreadsheet's first line, which names the delimiter.
_SEP = "sep="


@dataclass(frozen=True)
class Dialect:
    """A table's delimiter, followed by a blank where blanks after it are none of a cell's.

    quote: around a cell, "" where there is none, after a backslash where one escapes it within.
    """

    delimiter: str = ","
    quote: str = QUOTE

    def rows(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The cells of each row; raises CsvError where one is broken."""
        if not self.quote:
            return map(self._split, lines)
        rows: Iterator[list[str]] = _csv.reader(
            lines,
            delimiter=self.delimiter[0],
            quotechar=self.quote[-1],
            escapechar=BACKSLASH if self.quote.startswith(BACKSLASH) else None,
            skipinitialspace=self.delimiter.endswith(" "),
            strict=True,
        )
        return rows

    def _split(self, line: str) -> list[str]:
        cells = line.rstrip("\r\n").split(self.delimiter[0])
        return [cell.lstrip(" ") for cell in cells] if self.delimiter.endswith(" ") else cells


@dataclass(frozen=True)
class Look:
    """What the first lines of a table tell: its dialect, and what was taken without being sure.

    separator: whether the first line only names the delimiter.
    """

    dialect: Dialect
    separator: bool = False
    doubt: str | None = None


def in_lines(text: str) -> list[str]:
    """The lines of a text as files have them; Python's own also end with U+2028 and the like."""
    return list(io.StringIO(text, newline="\n"))


def separator_of(line: str) -> str | None:
    """The delimiter that a line `sep=;` names, None for any other line."""
    line = line.rstrip("\r\n").strip(QUOTE)
    named = line[len(_SEP) :] if line.lower().startswith(_SEP) else ""
    return named if len(named) == 1 else None


def look(
    first: str, rest: str, given: tuple[str | None, str | None], known: set[str], *, tabs: bool
) -> Look:
    """The dialect of a table by its header and what is there of the lines after it.

    given: delimiter and quote, where the options name them; known: names of columns, in lower
    case; tabs: of a TSV file, which has no quoting unless its cells show some.
    """
    delimiter, quote = given
    separator = separator_of(first)
    if separator:
        first, _, rest = rest.partition("\n")
    doubt = None
    if delimiter is None:
        delimiter, doubt = (separator, None) if separator else _delimiter(first, known, tabs)
    lines = [first if first.endswith("\n") else f"{first}\n", *in_lines(rest)]
    if quote is None:
        found, unsure = _quoting(lines, delimiter, plain=tabs and delimiter[0] == "\t")
    else:
        found, unsure = _blanks(lines, Dialect(delimiter, quote)), None
    if given[0] is not None:
        found = replace(found, delimiter=delimiter)
    return Look(found, separator is not None, doubt or unsure)


def _delimiter(header: str, known: set[str], tabs: bool) -> tuple[str, str | None]:
    """The delimiter by which a header has most known names, then most columns."""
    if tabs and "\t" in header:
        return "\t", None

    def worth(delimiter: str) -> tuple[int, int]:
        names = _header(Dialect(delimiter, ""), header)
        return len(known.intersection(names)), len(names)

    usual = sorted(DELIMITERS, key=lambda each: each != ("\t" if tabs else ","))
    ranked = sorted(usual, key=worth, reverse=True)
    (best, _), (second, columns) = map(worth, ranked[:2])
    if best > second or columns == 1:
        return ranked[0], None
    said = f"may be cut at {ranked[0]!r} or at {ranked[1]!r}, and was at {ranked[0]!r}"
    return ranked[0], f"{said}: say `delimiter={ranked[1]!r}` where that is wrong"


def _header(dialect: Dialect, header: str) -> list[str]:
    names = next(dialect.rows([header]), [])
    return [name.strip(" \"'\ufeff").lower() for name in names]


def _quoting(lines: list[str], delimiter: str, *, plain: bool) -> tuple[Dialect, str | None]:
    """The dialect among those with a delimiter that fits the lines best.

    plain: no quoting is likelier, as in a tab-separated file.
    """
    header = lines[0].rstrip("\r\n").split(delimiter[0])
    marked = {name.strip(" ")[:1] for name in header if name.strip(" ")}
    if marked == {APOSTROPHE}:
        return _blanks(lines, Dialect(delimiter, APOSTROPHE)), None
    if plain and marked != {QUOTE}:
        return _of_tabs(lines, delimiter)
    quoted = _blanks(lines, Dialect(delimiter, QUOTE))
    blank = Dialect(f"{delimiter[0]} ", QUOTE)
    tried = [quoted, blank, *(replace(d, quote=BACKSLASH + QUOTE) for d in (quoted, blank))]
    return min(tried, key=lambda dialect: _misfits(dialect, lines)), None


def _of_tabs(lines: list[str], delimiter: str) -> tuple[Dialect, str | None]:
    """Tab-separated: quoted only where some cell would make no sense otherwise."""
    none, quoted = Dialect(delimiter, ""), Dialect(delimiter, QUOTE)
    wrapped = [cell for row in none.rows(lines[1:]) for cell in row if cell.startswith(QUOTE)]
    if not wrapped:
        return none, None
    worse, better = _misfits(none, lines), _misfits(quoted, lines)
    if better < worse:
        return quoted, None
    if better == 0 and any('""' in cell for cell in wrapped):
        return quoted, None
    if better == 0 and all(len(cell) > 1 and cell.endswith(QUOTE) for cell in wrapped):
        said = "has cells between quotation marks, which were kept: say `quote='\"'` where they are"
        return none, f"{said} none of the text"
    return none, None


def _blanks(lines: list[str], dialect: Dialect) -> Dialect:
    """The dialect, without the blanks that follow every delimiter."""
    bare = [line.rstrip("\r\n").split(dialect.delimiter[0])[1:] for line in lines[:20]]
    cells = [cell for row in bare for cell in row if cell]
    if bare[0] and cells and all(cell.startswith(" ") for cell in cells):
        return replace(dialect, delimiter=f"{dialect.delimiter[0]} ")
    return dialect


def _misfits(dialect: Dialect, lines: Sequence[str]) -> int:
    """How many rows are broken or longer than the header; the last may be cut off."""
    wrong, width = 0, 0
    source = iter(lines[:-1] if len(lines) > 2 else lines)
    rows = dialect.rows(source)
    while True:
        try:
            row = next(rows, None)
        except CsvError:
            wrong += 1
            continue
        if row is None:
            return wrong
        width = width or len(row)
        wrong += len(row) != width and bool(row)
