"""Rooms name parameters, the command line flags, and every flag that is named is there."""

import ast
import inspect
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
# Tables of which `in_flags` takes what the running command has; --flatten comes with --field-type.
OF_TABLES = ("FLAGS", "_MEANT", "_OF_TYPES")
COMMAND_OF_PIP = re.compile(r"`pip [^`]*`")


def strings(tree):
    """(line, text) of every string that is no docstring; an f-string has {} for its values."""
    parts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= set(map(id, node.values))
            said = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(said)
        elif isinstance(node, ast.Constant) and id(node) not in parts:
            yield node.lineno, node.value if isinstance(node.value, str) else ""


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def said_in(*rooms):
    files = (path for room in rooms for path in sorted((ROOT / room).rglob("*.py")))
    return [
        (f"{path.relative_to(ROOT)}:{line}", text)
        for path in files
        for line, text in strings(parsed(path))
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


def definitions():
    """What stands at the top of each file of the command line, by module and name.

    Each with what it uses of them, and its texts that name flags.
    """
    found = {}
    for path in sorted((ROOT / "tandem").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        tree = parsed(path)
        known = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tandem")
            for alias in node.names
        }
        own = {name: node for node in tree.body for name in named_by(node)}
        known |= {name: (module, name) for name in own}
        for name, node in own.items():
            used = {key for each in ast.walk(node) if (key := meant_by(each, known))}
            found[module, name] = used, [text for _, text in strings(node) if FLAG.search(text)]
    return found


def named_by(node):
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    return [each.id for each in targets if isinstance(each, ast.Name)]


def meant_by(node, known):
    """What a name, or an attribute of an imported module, is of the command line's own."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in known:
        return ".".join(known[node.value.id]), node.attr
    return None


def leaves(command, name, flags):
    """Every command that does something, with its flags and those before it."""
    flags = flags | {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}
    if not isinstance(command, click.Group):
        yield name, command, flags
        return
    for each in command.list_commands(context := click.Context(command)):
        yield from leaves(command.get_command(context, each), f"{name} {each}".strip(), flags)


def test_whichever_command_says_it_has_the_flag(options):
    """Of what several commands share, too: each that can come to a text has the flags in it."""
    everything, wrong, texts = definitions(), [], 0
    for name, command, flags in leaves(cli, "", {"--help", "--version"}):
        function = inspect.unwrap(command.callback)
        seen, todo = set(), [(function.__module__, function.__name__)]
        assert todo[0] in everything, name
        while todo:
            key = todo.pop()
            if key in seen or key not in everything or key[1] in OF_TABLES:
                continue
            seen.add(key)
            todo += everything[key][0]
            for text in everything[key][1]:
                others = (options[each] for each in COMMANDS if re.search(rf"\b{each}\b", text))
                lacking = set(FLAG.findall(COMMAND_OF_PIP.sub("", text))) - flags.union(*others)
                texts += 1
                wrong += [(name, key, text)] if lacking else []
    assert texts > 100
    assert not wrong
