"""Every option of every command also comes from the environment, in a short and a long form."""

import click
import pytest

from tandem.cli import COMMANDS, cli
from tandem.config import long_name
from tandem.options.connection import SECRETS
from tests.support.commands import tandem

NOWHERE = "http://127.0.0.1:1"


def commands():
    """(name, command) of every command that does something."""
    context = click.Context(cli, info_name="tandem")

    def below(path, command):
        if isinstance(command, click.Group):
            for name, each in command.commands.items():
                yield from below(f"{path} {name}", each)
        else:
            yield path, command

    for name in COMMANDS:
        yield from below(name, cli.get_command(context, name))


ALL = [
    pytest.param(path, option, id=f"{path} --{long_name(option)}")
    for path, command in commands()
    for option in command.params
    if isinstance(option, click.Option)
]


def read(option, monkeypatch, **environ):
    """What click makes of an option's variables, without running its command."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return option.value_from_envvar(click.Context(click.Command("x", params=[option])))


@pytest.mark.parametrize(("path", "option"), ALL)
def test_both_forms_are_read_and_the_long_one_wins(path, option, monkeypatch):
    name = long_name(option).upper().replace("-", "_")
    long = f"TANDEM_{path.replace(' ', '_').upper()}_{name}"
    found = [read(option, monkeypatch, **{each: "1"}) for each in (f"TANDEM_{name}", long)]
    assert found[0] == found[1] != None  # noqa: E711 - a flag gives True, a list ["1"]
    if not option.is_flag:
        assert read(option, monkeypatch, **{long: "2"}) in ("2", ["2"])


def test_no_variable_means_two_things():
    meant, taken = {}, {"TANDEM_HOME", *(f"TANDEM_{name.upper()}" for name in SECRETS)}
    for param in ALL:
        path, option = param.values
        long, short = option.envvar
        assert not {long, short} & taken
        assert meant.setdefault(short, long_name(option)) == long_name(option)
        assert meant.setdefault(long, (path, long_name(option))) == (path, long_name(option))


def test_a_short_variable_reaches_its_command():
    done = tandem("search", "bees", TANDEM_URL=NOWHERE, TANDEM_INDEX="books", TANDEM_K="0")
    assert done.code == 2
    assert "0 is not from 1 to 10,000. It comes from TANDEM_K." in done.err
    done = tandem("search", "bees", TANDEM_URL=NOWHERE, TANDEM_INDEX="books", TANDEM_K="5")
    assert (done.code, f"nothing listens at {NOWHERE}" in done.err) == (1, True)


def test_a_flag_is_true_or_false(monkeypatch):
    done = tandem("node", "status", TANDEM_JSON="no", TANDEM_HOME="/tmp/no-such-tandem-home")
    assert done.out.startswith("The node is not running")
    done = tandem("node", "status", TANDEM_JSON="yes", TANDEM_HOME="/tmp/no-such-tandem-home")
    assert done.out.startswith("{")
    done = tandem("node", "status", TANDEM_JSON="maybe")
    assert (done.code, "not a valid boolean" in done.err) == (2, True)
    assert "It comes from TANDEM_JSON." in done.err


def test_several_values_are_written_as_in_a_shell(monkeypatch):
    (where,) = (o for path, o in (p.values for p in ALL) if path == "search" and o.name == "where")
    given = "lang=en 'title=War and Peace'"
    assert read(where, monkeypatch, TANDEM_WHERE=given) == ["lang=en", "title=War and Peace"]
    done = tandem("search", "bees", "--index", "books", TANDEM_WHERE="author=O'Brien")
    assert (done.code, "with quotes around a value" in done.err) == (2, True)


def test_what_is_typed_wins_over_what_it_excludes(tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text('{"id": 1, "text": "A."}\n')
    for words, environ in (
        (("ingest", source, "--alias", "new"), {"TANDEM_INDEX": "books"}),
        (("ingest", source, "--index", "new"), {"TANDEM_ALIAS": "a", "TANDEM_KEEP": "1"}),
        (("search", "bees", "--page", "2"), {"TANDEM_INDEX": "books", "TANDEM_FROM": "5"}),
        (("search", "bees", "--index", "a"), {"TANDEM_QUERIES": "q.tsv", "TANDEM_RUN": "r"}),
    ):
        done = tandem(*words, TANDEM_URL=NOWHERE, **environ)
        assert (done.code, "nothing listens" in done.err) == (1, True), done.err
    done = tandem("ingest", source, TANDEM_INDEX="books", TANDEM_ALIAS="a", TANDEM_URL=NOWHERE)
    assert (done.code, "either --index NAME or --alias NAME" in done.err) == (2, True)
