"""The house rules that a reader relies on: arrows point one way, files and functions stay small."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("tandem", "ingest", "query", "mappings", "encoder", "cluster")
ALLOWED = {
    "tandem": {"ingest", "query", "mappings", "encoder", "cluster"},
    "ingest": {"encoder", "cluster", "mappings"},
    "query": {"encoder", "cluster", "mappings"},
    "mappings": set(),
    "encoder": set(),
    "cluster": set(),
}
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 40

SOURCES = sorted(path for room in (*ROOMS, "bench") for path in (ROOT / room).rglob("*.py"))


def imported_rooms(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names & set(ROOMS)


def test_every_room_is_looked_at():
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} >= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_point_one_way(room):
    for path in (ROOT / room).rglob("*.py"):
        found = imported_rooms(ast.parse(path.read_text(encoding="utf-8"))) - {room}
        assert found <= ALLOWED[room], f"{path} imports {sorted(found - ALLOWED[room])}"


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


def test_no_registry_is_named():
    kinds = {".py", ".md", ".toml", ".txt", ".json", ".yml", ".yaml", ""}
    ours = [p for p in ROOT.rglob("*") if p.is_file() and p.suffix in kinds]
    skipped = {".git", ".venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    for path in ours:
        parts = path.relative_to(ROOT).parts
        if skipped & set(parts) or any(part.endswith(".egg-info") for part in parts):
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        named = [host for host in HOSTS if re.search(rf"\b{re.escape(host)}\b", text)]
        assert not named, f"{path} names {named}"
