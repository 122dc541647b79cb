"""A room's sentence, said by a command: with the flags that this command has."""

import click
import pytest

from tandem.cli import cli
from tandem.output.flags import in_flags
from tests.support.commands import tandem


def command(name):
    return cli.get_command(click.Context(cli), name)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("allow more seconds with `timeout`.", "allow more seconds with --timeout."),
        ("use `engine='lucene'`.", "use --engine lucene."),
        ("leave it out with `drop_fields=['']`", "leave it out with --drop-field ''"),
        ("(`Reading.max_bytes`)", "(--max-document-mb)"),
        (
            "`field_types={'a': 'flat', 'b c': 'date'}`",
            "--flatten a --field-type 'b c=date'",
        ),
        (
            "give `user` with `password`.",
            "give --user with TANDEM_PASSWORD or --password-file.",
        ),
        ("such as `index='a-2'`, or with `alias`.", "such as --index a-2, or with --alias."),
        (
            "make it with `ingest(source, index='b')`.",
            "make it with `tandem ingest SOURCE --index b`.",
        ),
        ("see `describe_index(cluster, name)`.", "see `tandem index show NAME`."),
        (
            "`enrich(cluster, 'a', encoder, follow=True)`",
            "`tandem enrich a --model MODEL --follow`",
        ),
        ("`delete_index(cluster, 'a b')` or", "`tandem index delete 'a b'` or"),
        ("`EmbeddedNode.start()`, `split(a)`", "`tandem node start`, `split(a)`"),
        # What is in no table, or no value of Python, stays: it may be of the user's documents.
        (
            "`POST /a/_open`, `max_bytes` and `index=a b`",
            "`POST /a/_open`, `max_bytes` and `index=a b`",
        ),
        # What a terminal obeys is not shown to it.
        (r"`drop_fields=['\x1b[2J']`", r"`drop_fields=['\x1b[2J']`"),
    ],
)
def test_a_parameter_becomes_its_flag(said, shown):
    assert in_flags(said, command("ingest")) == shown


def test_values_are_given_as_a_shell_takes_them():
    search = command("search")
    both = "`where=['year>=1', 'year<=2']`"
    assert in_flags(both, search) == "--where 'year>=1' --where 'year<=2'"
    dsl = '`filter={"match": {"text": "..."}}`'
    assert in_flags(dsl, search) == """--filter '{"match": {"text": "..."}}'"""
    assert in_flags("ask for `depth=105` or more", search) == "ask for --depth 105 or more"


def test_a_command_names_no_flag_that_it_lacks():
    said = "OpenVINO cannot run it: use `backend='torch'`, or another `model`."
    assert "use `backend='torch'`, or another --model" in in_flags(said, command("search"))
    assert "use --backend torch, or another --model" in in_flags(said, command("index"))


def test_an_error_is_told_with_flags():
    done = tandem(
        "search", "bee", "--index", "books", "--timeout", "1", TANDEM_URL="http://127.0.0.1:1"
    )
    assert (done.code, "or check host and port of --url." in done.err) == (1, True)
