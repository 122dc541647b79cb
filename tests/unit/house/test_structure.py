"""The house rules that a reader relies on: arrows point one way, files and functions stay small."""

import ast
import gzip
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("tandem", "evaluation", "ingest", "query", "mappings", "encoder", "cluster")
ALLOWED = {
    "tandem": {"evaluation", "ingest", "query", "mappings", "encoder", "cluster"},
    "evaluation": {"query", "ingest", "encoder", "cluster"},
    "ingest": {"encoder", "cluster", "mappings"},
    "query": {"encoder", "cluster", "mappings"},
    "mappings": set(),
    "encoder": set(),
    "cluster": set(),
}
MOST_THINGS_OF_A_FOLDER = 9
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 40

# Rooms within rooms too, and the tests, which mirror them.
FOLDERS = sorted(
    folder
    for top in (*ROOMS, "bench", "docs", "tests")
    for folder in (ROOT / top, *(ROOT / top).rglob("*"))
    if folder.is_dir()
    # Data, not code.
    and not {"__pycache__", "out", "files"}.intersection(folder.relative_to(ROOT).parts)
)
# What `make bench` makes, environments of peers among it, is nobody's source.
OUT = ROOT / "bench" / "out"
SOURCES = sorted(
    path
    for room in (*ROOMS, "bench")
    for path in (ROOT / room).rglob("*.py")
    if OUT not in path.parents
)


# In tandem/ because users meet it there; every room may stand on it.
BASE = "tandem.base"


def imported_modules(tree: ast.AST) -> set[str]:
    """Top-level names of all that is imported."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def imported_rooms(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if f"{node.module}.".startswith(f"{BASE}."):
                continue
            names.add(node.module.split(".")[0])
    return names & set(ROOMS)


def things(folder: Path) -> list[Path]:
    """What a reader sees in a folder; its face, `__init__.py`, is the folder itself."""
    # `out` is what the benches leave, on nobody's way in.
    unseen = {"__init__.py", "__main__.py", "__pycache__", "py.typed", "out"}
    return sorted(path for path in folder.iterdir() if path.name not in unseen)


def imported_things(path: Path, folder: str, names: set[str]) -> set[str]:
    """Which of a folder's things a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    inside = {
        name.removeprefix(f"{folder}.").split(".")[0]
        for name in found
        if name.startswith(f"{folder}.")
    }
    return inside & names


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """The things from which arrows lead back to themselves."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            ahead += arrows[ahead.pop()] - seen - set(ahead)
            seen |= set(ahead)
        return seen

    return [name for name in arrows if name in reached(name)]


def test_every_room_is_looked_at():
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} >= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_point_one_way(room):
    for path in (ROOT / room).rglob("*.py"):
        found = imported_rooms(ast.parse(path.read_text(encoding="utf-8"))) - {room}
        assert found <= ALLOWED[room], f"{path} imports {sorted(found - ALLOWED[room])}"


# Vectors are numpy's everywhere, JSON and its types are two libraries' (and numpy's numbers stand
# in it), and where a user's folders are, nobody knows by heart.
STANDS_ON = {
    "vectors": {"numpy"},
    "folders": {"platformdirs"},
    "wire": {"numpy", "orjson"},
    "schema": {"msgspec"},
}


def test_the_base_stands_on_nothing():
    for path in (ROOT / "tandem" / "base").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not imported_rooms(tree), path
        third = {name for name in imported_modules(tree) if name not in sys.stdlib_module_names}
        allowed = STANDS_ON.get(path.stem, set())
        assert third <= {"tandem", *allowed}, path


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda each: str(each.relative_to(ROOT)))
def test_a_folder_is_taken_in_at_a_glance(folder):
    assert len(things(folder)) <= MOST_THINGS_OF_A_FOLDER, [path.name for path in things(folder)]


ROOMS_WITHIN = [each for each in FOLDERS if each.relative_to(ROOT).parts[0] in ROOMS]


@pytest.mark.parametrize("folder", ROOMS_WITHIN, ids=lambda each: str(each.relative_to(ROOT)))
def test_no_arrows_run_in_a_circle(folder):
    name = ".".join(folder.relative_to(ROOT).parts)
    inside = {path.stem: path for path in things(folder) if path.is_dir() or path.suffix == ".py"}
    arrows: dict[str, set[str]] = {}
    for thing, path in inside.items():
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        names = set(inside) - {thing}
        arrows[thing] = set().union(*(imported_things(file, name, names) for file in files))
    assert not circle(arrows)


def test_a_circle_would_be_seen():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]


def test_an_upward_arrow_would_be_seen():
    assert imported_rooms(ast.parse("def f():\n    from query.body import knn\n")) == {"query"}


def test_files_stay_small():
    long = {
        str(p): n
        for p in SOURCES
        if (n := p.read_text("utf-8").count("\n")) >= MOST_LINES_OF_A_FILE
    }
    assert not long


def test_functions_stay_small():
    long = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MOST_LINES_OF_A_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} {lines}")
    assert not long


def test_no_assert_on_user_input():
    for path in SOURCES:
        if path.is_relative_to(ROOT / "bench"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)], path


# Spelled in two parts, so that this file does not name them either.
HOSTS = (
    "pypi." + "org",
    "pythonhosted." + "org",
    "maven." + "org",
    "huggingface." + "co",
    "hf." + "co",
    "npmjs." + "com",
)


def test_one_function_makes_names_parts_of_paths():
    # Signatures quote by rules of their own.
    quoting = {Path("tandem/base/wire.py"), Path("cluster/access/signing.py")}
    every = [path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    imports = re.compile(
        r"^from urllib\.parse import .*\bquote\b|^import urllib\b(?!3)", re.MULTILINE
    )
    assert {path for path in every if imports.search((ROOT / path).read_text("utf-8"))} == quoting


def test_no_registry_is_named():
    kinds = {".py", ".md", ".toml", ".txt", ".json", ".yml", ".yaml", ""}
    skipped = {".git", ".venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    # Left out before they are looked into: an environment has a hundred thousand files.
    tops = [p for p in ROOT.iterdir() if p.name not in skipped and p.suffix != ".egg-info"]
    ours = [found for top in tops for found in (top, *top.rglob("*"))]
    for path in ours:
        if path.suffix not in kinds or not path.is_file() or OUT in path.parents:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        named = [host for host in HOSTS if re.search(rf"\b{re.escape(host)}\b", text)]
        assert not named, f"{path} names {named}"


# The head of a gzip holds the time: these bytes differ from one second to the next.
@pytest.mark.parametrize("packed", [gzip.compress(b"now")])
def test_no_test_is_named_by_bytes(packed: bytes, request: pytest.FixtureRequest):
    # Two workers of pytest-xdist refuse to begin where one names a test in another way.
    assert request.node.name.endswith("[packed]")
