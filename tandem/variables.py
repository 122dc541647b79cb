"""The environment variables of options: TANDEM_OPTION for all commands, or with a command's name.

An option is called there as on the command line: --truncate-dim is TANDEM_TRUNCATE_DIM for every
command that has it, and TANDEM_INGEST_TRUNCATE_DIM, which wins, for `tandem ingest` alone.
"""

from __future__ import annotations

import shlex
from typing import Any

import click

PREFIX = "TANDEM"


class Words(click.types.StringParamType):
    """The type of an option that may be repeated: its variable is split as a shell splits words."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """The words, without the quotes that keep a blank inside one."""
        try:
            return shlex.split(rv)
        except ValueError as error:
            raise click.BadParameter(
                f"{rv!r} cannot be split into values ({error}): write it as in a shell, with "
                "quotes around a value that has blanks or quotes."
            ) from error


WORDS = Words()


def long_name(option: click.Parameter) -> str:
    """What an option is called, without dashes before it: truncate-dim, k."""
    return max(option.opts, key=len).lstrip("-")


def name_variables(command: click.Command, *path: str) -> None:
    """Give every option of a command, and of the commands below it, its two variables.

    path: the command's name, and before it those of its groups.
    """
    for option in command.params:
        if isinstance(option, click.Option):
            name = long_name(option)
            option.envvar = [_variable(*path, name), _variable(name)]
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            name_variables(each, *path, name)


def _variable(*parts: str) -> str:
    return "_".join([PREFIX, *parts]).upper().replace("-", "_")


def typed(context: click.Context, name: str) -> bool:
    """Whether an option stands on the command line, not in the environment or the file alone."""
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def typed_wins(context: click.Context, values: dict[str, Any], *names: str) -> None:
    """Of options that exclude each other, leave those out that were only set beforehand.

    Where none of them was typed, nothing is left out.
    """
    if any(typed(context, name) for name in names):
        for name in names:
            if not typed(context, name):
                values[name] = None
