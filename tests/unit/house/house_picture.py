"""Print docs/pictures/house.svg: the rooms, the rooms within them, and who imports whom.

`make docs` writes the page; a test holds it against the folders and imports of today.
"""

import ast
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Floors from the top down; an arrow only ever leads to a lower one.
FLOORS = (
    ("tandem",),
    ("evaluation",),
    ("ingest", "query"),
    ("encoder", "cluster", "mappings"),
)
WIDTH, HEIGHT, GAP, TOP = 300, 92, 60, 20
COLOURS = ("#e0f2fe", "#ede9fe", "#dcfce7", "#fef3c7")
FONT = "Helvetica, Arial, sans-serif"


def within(room: str) -> list[str]:
    """Names of what a reader sees in a room: folders first, then files."""
    hidden = ("__", "py.typed", ".")
    found = [path for path in (ROOT / room).iterdir() if not path.name.startswith(hidden)]
    folders = sorted(path.name + "/" for path in found if path.is_dir())
    return folders + sorted(path.stem for path in found if path.suffix == ".py")


def imported(room: str) -> set[str]:
    """The other rooms that a room imports; the base of all errors, in tandem/base, is nobody's."""
    names = set()
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = getattr(node, "module", None) if isinstance(node, ast.ImportFrom) else None
            if module and not module.startswith("tandem.base"):
                names.add(module.split(".")[0])
    return names & {each for floor in FLOORS for each in floor} - {room}


def places() -> dict[str, tuple[float, float, str]]:
    """Room -> left, top and colour of its box."""
    found = {}
    for floor, (rooms, colour) in enumerate(zip(FLOORS, COLOURS, strict=True)):
        step = 1000 / len(rooms)
        for number, room in enumerate(rooms):
            left = step * number + (step - WIDTH) / 2
            found[room] = (left, TOP + floor * (HEIGHT + GAP), colour)
    return found


def lines_of(words: list[str], most: int = 44) -> list[str]:
    """Words put together into lines of at most so many characters."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] += word + "  "
    return [line.rstrip() for line in lines]


def box(room: str, left: float, top: float, colour: str) -> str:
    """A room with the names of what is in it."""
    middle = left + WIDTH / 2
    texts = [
        f'<text x="{middle:.0f}" y="{top + 42 + 16 * number:.0f}" text-anchor="middle" '
        f'font-size="12" fill="#475569" xml:space="preserve">{escape(line)}</text>'
        for number, line in enumerate(lines_of(within(room)))
    ]
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="8" '
        f'fill="{colour}" stroke="#334155"/><text x="{middle:.0f}" y="{top + 22:.0f}" '
        f'text-anchor="middle" font-size="15" font-weight="700">{room}/</text>' + "".join(texts)
    )


def arrows() -> list[str]:
    """Lines from each room to those it imports, behind the boxes."""
    at = places()
    drawn = []
    for room, (left, top, _) in at.items():
        for other in sorted(imported(room)):
            end_left, end_top, _ = at[other]
            drawn.append(
                f'<line x1="{left + WIDTH / 2:.0f}" y1="{top + HEIGHT:.0f}" '
                f'x2="{end_left + WIDTH / 2:.0f}" y2="{end_top - 2:.0f}" stroke="#94a3b8" '
                'stroke-width="1.4" marker-end="url(#a)"/>'
            )
    return drawn


def picture() -> str:
    """The whole picture as SVG."""
    height = TOP * 2 + len(FLOORS) * HEIGHT + (len(FLOORS) - 1) * GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 {height}" '
        f'font-family="{FONT}" role="img" aria-label="The rooms of the house and who imports whom">'
        '<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="#94a3b8"/></marker></defs>'
        f'<rect width="1000" height="{height}" fill="#ffffff"/>'
    )
    boxes = [box(room, *place) for room, place in places().items()]
    return "\n".join([head, *arrows(), *boxes, "</svg>"]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(picture())
