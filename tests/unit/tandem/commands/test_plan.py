"""`tandem plan`, and the page that shows what it says of 8.8 million and a billion passages."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.index.describe import size
from mappings.quantization import SOURCES, needs
from tandem.cli import cli
from tandem.commands.plan import loading

PAGE = (Path(__file__).parents[4] / "docs/scale.md").read_text("utf-8")
CORPORA = (8_800_000, 1_000_000_000)
NAMES = {
    "lucene": "OpenSearch, lucene",
    "faiss": "OpenSearch, faiss",
    "elasticsearch": "Elasticsearch",
}


def test_the_page_has_what_the_formulas_give():
    for small, large in zip(*(needs(count, 384) for count in CORPORA), strict=True):
        sizes = [size(n) for each in (small, large) for n in (each.memory, each.disk)]
        row = (NAMES[small.store], small.quantization, f"`{small.formula}`", *sizes)
        assert f"| {' | '.join(row)} |" in PAGE
    for source in SOURCES.values():
        assert source in " ".join(PAGE.split())


@pytest.mark.parametrize("rate", [96, 162, 1_000, 10_000])
def test_the_page_has_how_long_a_load_takes(rate):
    times = [loading(count, rate) for count in CORPORA]
    cells = [cell for each in times for cell in (f"{each.hours:,.1f}", f"{each.workers:,}")]
    assert f"| {rate:,} | {' | '.join(cells)} |" in PAGE


def test_workers_for_a_day():
    assert loading(0, 5.0).workers == loading(0, 5.0).hours == 0
    assert loading(24 * 3600, 1.0).workers == 1
    assert loading(24 * 3600 + 1, 1.0).workers == 2


def test_the_command_says_how_long_a_load_takes():
    told = CliRunner().invoke(cli, ["plan", "8800000", "--dim", "384", "--rate", "162"]).output
    assert "At 162 passages a second one worker takes 15.1 hours; workers for a day: 1." in told
    told = CliRunner().invoke(cli, ["plan", "7200", "--dim", "4", "--rate", "2", "--json"]).output
    found = json.loads(told)
    assert (found["rate"], found["hours"], found["workers"]) == (2, 1.0, 1)
    assert found["ways"][0]["formula"] == "1.1 * (4 * 4 + 8 * 16)"
    told = CliRunner().invoke(cli, ["plan", "7200", "--dim", "4", "--json"]).output
    assert "hours" not in json.loads(told)
