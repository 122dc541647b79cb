"""docs/python.md: each snippet runs, in order, and no public name is missing."""

import re
import shutil
from pathlib import Path

import tandem
from tests.support.loads import ROOT

# The page searches, measures, tunes and mines with all queries of examples/, six times over.
QUERIES = 8
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")


def test_every_snippet_runs(opensearch_server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TANDEM_HOME", str(opensearch_server.home.path))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "tandem" / "examples", "examples")
    few = Path("examples", "queries.jsonl")
    few.write_text("".join(few.read_text("utf-8").splitlines(True)[:QUERIES]), "utf-8")
    names = {"__name__": "page"}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        line = PAGE[: PAGE.index(snippet)].count("\n")
        exec(compile("\n" * line + snippet, "docs/python.md", "exec"), names)
    assert "there is no index bokks" in capsys.readouterr().out


def test_every_public_name_is_on_the_page():
    public = {name for name in tandem.__all__ if not name.startswith("_")}
    assert {name for name in public if not re.search(rf"\b{name}\b", PAGE)} == set()
