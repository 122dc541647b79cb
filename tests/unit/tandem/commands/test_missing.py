"""What is missing is named, and the cure is a command that works as it is written."""

import re
import shlex

import click
import pytest

from tandem.cli import cli
from tests.support.commands import tandem
from tests.unit.cluster.fakes import error, serving

WELL = {
    "/": (200, {"version": {"number": "3.6.0", "distribution": "opensearch"}}),
    "/_cat/plugins": (200, [{"component": "opensearch-knn"}]),
    "/_aliases": (200, {"books": {"aliases": {}}}),
    "*": error("index_not_found_exception", "no such index [books3]", 404),
}


def parses(words):
    """Parse a whole command line as click does, without running anything."""
    # click keeps a command's help option as its first context made it.
    command, context = cli, click.Context(cli, info_name="tandem", **cli.context_settings)
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
        context = click.Context(command, parent=context, info_name=command.name)
    command.parse_args(context, words)


def test_an_index_without_a_model_is_wrong_usage():
    done = tandem("index", "create", "new", "--url", "http://127.0.0.1:1")
    assert done.code == 2
    assert "Missing option '--model'" in done.err


@pytest.mark.parametrize(
    ("words", "ingests"),
    [
        (("search", "bees", "--index", "books3"), True),
        (("index", "show", "books3"), False),
        (("index", "delete", "books3", "--yes"), False),
    ],
)
def test_a_missing_index_has_a_cure_that_fits_the_command(words, ingests):
    with serving(WELL) as (url, _):
        done = tandem(*words, "--url", url)
    assert done.code == 1
    assert "there is no index books3" in done.err
    assert "did you mean books?" in done.err
    cures = re.findall(r"`tandem (.*?)`", done.err)
    assert any(cure.startswith("ingest") for cure in cures) == ingests
    for cure in cures:
        parses(shlex.split(cure))


def test_a_cure_that_does_not_parse_would_be_seen():
    with pytest.raises(click.UsageError):
        parses(["index", "create", "books3"])
