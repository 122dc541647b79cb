"""What click says of wrong usage, with the cure that it does not know."""

from __future__ import annotations

import difflib
import os
import re

import click
from click.core import ParameterSource

# Of the program itself, not of its commands.
_OF_THE_PROGRAM = ("--config", "--debug", "--version")
# What other programs call it -> what it is called here, where the command has it.
_MEANT = {
    "--limit": "-k",
    "--size": "-k",
    "--top": "-k",
    "--top-k": "-k",
    "--password": "--password-file",
    "--api-key": "--api-key-file",
    "--host": "--url",
}
# Click's names of types -> what people call them.
_TYPES = {"integer range": "integer", "float range": "number", "float": "number"}
# Below, a suggestion is a guess: --m for --modle.
_ALIKE = 0.7


def clearer(error: click.ClickException) -> click.ClickException:
    """The same error with a cure where there is one to add."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.BadParameter) and error.message:
        return _bad_value(error)
    message = _message(error, context) if context else None
    return error if message is None else click.UsageError(message, context)


def _bad_value(error: click.BadParameter) -> click.BadParameter:
    message = error.message
    for name, plain in _TYPES.items():
        message = message.replace(f"not a valid {name}.", f"not a valid {plain}.")
    if isinstance(error, click.MissingParameter) or message + _origin(error) == error.message:
        return error
    return click.BadParameter(message + _origin(error), error.ctx, error.param, error.param_hint)


def _origin(error: click.BadParameter) -> str:
    """Where a wrong value comes from that was not typed."""
    context, option = error.ctx, error.param
    source = context.get_parameter_source(str(option.name)) if context and option else None
    if source is ParameterSource.DEFAULT_MAP:
        return " It comes from the config file."
    # Of a variable that cannot be read click has noted no source yet.
    unread = source in (ParameterSource.ENVIRONMENT, None)
    if unread and option and isinstance(option.envvar, list):
        found = [name for name in option.envvar if os.environ.get(name)]
        return f" It comes from {found[0]}." if found else ""
    return ""


def _message(error: click.ClickException, context: click.Context) -> str | None:
    if isinstance(error, click.NoSuchOption):
        return f"No such option {error.option_name!r}{_option(error.option_name, context)}"
    if match := re.match(r"No such command '?([^']+?)'?\.", error.message):
        return f"No such command {match[1]!r}{_command(match[1], context)}"
    if match := re.match(r"Got unexpected extra arguments? \((.*)\)", error.message, re.S):
        return _extra(error.message, match[1], context)
    return None


def _option(name: str, context: click.Context) -> str:
    if name in _OF_THE_PROGRAM:
        return f": it goes before the command, as in `tandem {name} {context.info_name} ...`."
    known = [each for option in context.command.params for each in option.opts]
    meant = _MEANT.get(name)
    return _suggested([meant] if meant in known else _close(name, known))


def _command(name: str, context: click.Context) -> str:
    if name == "help":
        return f": write `{context.command_path} --help`."
    group = context.command
    known = group.list_commands(context) if isinstance(group, click.Group) else []
    return _suggested(_close(name, known))


def _close(name: str, known: list[str]) -> list[str]:
    return difflib.get_close_matches(name, known, n=2, cutoff=_ALIKE)


def _suggested(names: list[str]) -> str:
    return f": did you mean {' or '.join(names)}?" if names else "; --help shows what there is."


def _extra(said: str, rest: str, context: click.Context) -> str | None:
    if context.info_name != "search":
        return None
    query = f"{context.params.get('text') or ''} {rest}".strip()
    return f'{said.rstrip(".")}: put the query in quotes, as in `tandem search "{query}"`.'
