"""Rooms name parameters, the command line flags, and every flag that is named is there."""

import ast
import re
from pathlib import Path

import click
import pytest

import tandem
from mappings.body import FIXED
from tandem.cli import COMMANDS, cli
from tandem.options.usage_errors import _MEANT
from tandem.output.flags import COMMANDS as CALLS
from tandem.output.flags import FLAGS, flags_in

ROOT = Path(__file__).parents[3]
ROOMS = ("evaluation", "ingest", "query", "encoder", "cluster", "mappings")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
SHORT = re.compile(r"(?<![\w/-])-[fk](?![\w-])")
MARKED = re.compile(r"`([A-Za-z_.]+)(?:=[^`]+)?`")
CALLED = re.compile(r"`([A-Za-z_.]+)\(")
# Of Java, and of every program.
OF_OTHERS = {"--list-modules", "--add-modules", "--help"}
COMMAND_OF_PIP = re.compile(r"`pip [^`]*`")


def strings(path):
    """(line, text) of every string that is no docstring; an f-string has {} for its values."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= set(map(id, node.values))
            said = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(said)
        elif isinstance(node, ast.Constant) and id(node) not in parts:
            yield node.lineno, node.value if isinstance(node.value, str) else ""


def said_in(*rooms):
    files = (path for room in rooms for path in sorted((ROOT / room).rglob("*.py")))
    return [
        (f"{path.relative_to(ROOT)}:{line}", text) for path in files for line, text in strings(path)
    ]


def options_of(command):
    flags = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return flags.union(*map(options_of, below))


@pytest.fixture(scope="module")
def options():
    """Command -> all its flags."""
    context = click.Context(cli)
    return {name: options_of(cli.get_command(context, name)) for name in COMMANDS}


def test_no_room_names_a_flag():
    named = [
        (where, text) for where, text in said_in(*ROOMS) if set(FLAG.findall(text)) - OF_OTHERS
    ]
    assert not named
    assert not [(where, text) for where, text in said_in(*ROOMS) if SHORT.search(text)]
    assert not [(where, text) for where, text in said_in(*ROOMS) if "`tandem " in text]


def test_every_flag_of_the_table_is_there(options):
    known = set().union(*options.values())
    for parameter, flag in FLAGS.items():
        assert flags_in(flag) <= known, parameter


def test_every_parameter_that_a_room_marks_is_in_the_table():
    marked = {name for _, text in said_in(*ROOMS) for name in MARKED.findall(text)}
    assert marked | set(FIXED) == set(FLAGS)
    assert {name for _, text in said_in(*ROOMS) for name in CALLED.findall(text)} == set(CALLS)


def test_every_call_of_the_table_is_public_and_every_command_there():
    context = click.Context(cli)
    for call, words in CALLS.items():
        assert call.partition(".")[0] in tandem.__all__
        command = cli
        for name in words.split()[1:]:
            command = command.get_command(context, name)
        assert command is not None, words


def test_every_flag_that_the_command_line_names_is_there(options):
    of_program = {flag for option in cli.params for flag in option.opts} | {"--version"}
    for where, text in said_in("tandem"):
        file = re.match(r"tandem/commands/(?:\w+/)?([a-z]+)\w*\.py", where)
        named = {name for name in COMMANDS if re.search(rf"\b{name}\b", text)}
        meant = named | {file[1]} if file and file[1] in options else set(options)
        known = set().union(of_program, OF_OTHERS, _MEANT, *(options[name] for name in meant))
        assert set(FLAG.findall(COMMAND_OF_PIP.sub("", text))) <= known, (where, text)
