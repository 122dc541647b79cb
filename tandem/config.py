"""The TOML file of defaults: top-level keys for all commands, a table for each command.

A key is an option's name as on the command line, with dashes or underscores. A key or table that
no command has is refused: it would be ignored without a word.
"""

from __future__ import annotations

import difflib
import math
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tandem.base.folders import own_folder

PREFIX = "TANDEM"


class Words(click.types.StringParamType):
    """The type of an option that may be repeated: its variable is split as a shell splits words."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """The words, without the quotes that keep a blank inside one."""
        try:
            return shlex.split(rv)
        except ValueError as error:
            # Whatever it is may be the secret of a header.
            said = str(error)
        raise click.BadParameter(
            f"the variable cannot be split into values ({said}): write it as in a shell, with "
            "quotes around a value that has blanks or quotes."
        )


WORDS = Words()


class Number(click.FloatRange):
    """A finite number within bounds: click alone takes nan, and infinity where a bound is open."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; a usage error for anything else."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number


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


Defaults = dict[str, Any]
# Bytes; more are no options, and some files have no end.
_LONGEST = 1_000_000


def usual_path() -> Path | None:
    """Where the file is looked for when none is named; None where the user has no home."""
    from platformdirs import user_config_path

    folder = own_folder(user_config_path)
    return folder / "tandem.toml" if folder else None


def read_config(path: Path) -> dict[str, Any]:
    """The file's keys and tables; raises click.UsageError where it is no TOML or unreadable."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise click.UsageError(
                f"{path} is no config file: it has more than {_LONGEST:,} bytes. Name another with "
                "--config."
            )
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(
            f"{path} is not valid TOML: {error}. Mend it, or name another with --config."
        ) from error
    except OSError as error:
        raise click.UsageError(f"cannot read the config file {path}: {error.strerror}.") from error


@dataclass(frozen=True)
class Profiles:
    """Profile -> parameter -> value, of the tables below [profiles]; path: None without a file."""

    path: Path | None
    values: Mapping[str, Defaults]

    def of(self, name: str) -> Defaults:
        """The values of one; raises click.UsageError where there is none of this name."""
        if name in self.values:
            return self.values[name]
        known = f"it has {', '.join(self.values)}" if self.values else "it has none"
        where = f"{self.path}: {known}" if self.path else "no file of options is read"
        raise click.UsageError(
            f"there is no profile {name!r} ({where}): write [profiles.{name}] into the file, and "
            "name it with --config where it is not at its usual place."
        )


def defaults(
    path: Path, root: Mapping[str, click.Command], connection: Iterable[click.Option]
) -> tuple[Defaults, Profiles]:
    """(Click's default_map: command -> parameter -> value, with one such map a verb; profiles).

    root: all commands by name; connection: what a profile may hold. Raises click.UsageError for
    what no command has.
    """
    file, found = _File(path), read_config(path)
    profiles = file.profiles(found.pop("profiles", {}), {long_name(o): o for o in connection})
    return file.below("", found, root, {}), Profiles(path, profiles)


@dataclass(frozen=True)
class _File:
    path: Path

    def profiles(self, found: Any, known: Mapping[str, click.Option]) -> dict[str, Defaults]:
        """The tables below [profiles], which is not one of a command."""
        tables = found if isinstance(found, dict) else {"": found}
        if not all(isinstance(table, dict) for table in tables.values()):
            raise click.UsageError(
                f"{self.path}: [profiles] holds one table for each, such as [profiles.prod]."
            )
        return {
            name: self._chosen(self._values(f"profiles.{name}", table, known), known)
            for name, table in tables.items()
        }

    def below(
        self,
        table: str,
        found: Mapping[str, Any],
        commands: Mapping[str, click.Command],
        outer: Mapping[str, Any],
    ) -> Defaults:
        """The defaults of commands that stand beside each other, from their table.

        outer: values of the tables around it, which its own override.
        """
        tables = {k: v for k, v in found.items() if isinstance(v, dict)}
        for name in tables.keys() - commands.keys():
            raise self._unknown(f"no command [{_dotted(table, name)}]", name, commands)
        values = {**outer, **self._values(table, found, _options(commands.values()))}
        made: Defaults = {}
        for name, command in commands.items():
            own, dotted = tables.get(name, {}), _dotted(table, name)
            if isinstance(command, click.Group):
                made[name] = self.below(dotted, own, command.commands, values)
            else:
                made[name] = self._of_command(dotted, own, command, values)
        return made

    def _of_command(
        self, table: str, found: Mapping[str, Any], command: click.Command, outer: Mapping[str, Any]
    ) -> Defaults:
        for name, value in found.items():
            if isinstance(value, dict):
                raise self._unknown(f"no command [{_dotted(table, name)}]", name, ())
        known = _options([command])
        return self._chosen({**outer, **self._values(table, found, known)}, known)

    def _chosen(self, values: Mapping[str, Any], known: Mapping[str, click.Option]) -> Defaults:
        """Parameter -> value, of those options that are known."""
        return {
            str(option.name): self._checked(values[name], name, option)
            for name, option in known.items()
            if name in values
        }

    def _values(
        self, table: str, found: Mapping[str, Any], known: Mapping[str, click.Option]
    ) -> dict[str, Any]:
        """Option's name -> value, for the keys of one table."""
        values: dict[str, Any] = {}
        where = f"[{table}]" if table else "the top level"
        for key, value in found.items():
            name = key.replace("_", "-")
            if isinstance(value, dict):
                continue
            if name not in known:
                raise self._unknown(f"no option {key!r} for {where}", name, known)
            if name in values:
                raise click.UsageError(f"{self.path} has {name!r} twice in {where}: keep one.")
            values[name] = value
        return values

    def _checked(self, value: Any, name: str, option: click.Option) -> Any:
        """A value in the form in which it would be typed; click says whether it is a good one."""
        each = value if isinstance(value, list) and option.multiple else [value]
        kinds = (bool,) if option.is_flag else (str, int, float)
        if any(not isinstance(v, kinds) or isinstance(v, bool) != option.is_flag for v in each):
            wanted = "true or false" if option.is_flag else "a text or a number"
            wanted += ", or a list of them" if option.multiple else ""
            from tandem.base.process.redact import redacted

            # Among the texts of a list may be the secret of a header.
            many = isinstance(value, list)
            said = "holds something else" if many else f"is {redacted(repr(value))}"
            raise click.UsageError(f"{self.path}: {name!r} {said} and must be {wanted}.")
        if option.is_flag:
            return value
        return [str(v) for v in each] if option.multiple else str(value)

    def _unknown(self, what: str, name: str, known: Iterable[str]) -> click.UsageError:
        close = difflib.get_close_matches(name, list(known), n=2)
        hint = f"did you mean {' or '.join(close)}?" if close else "see docs/configuration.md."
        return click.UsageError(f"{self.path}: there is {what}: {hint}")


def _options(commands: Iterable[click.Command]) -> dict[str, click.Option]:
    """All options of commands, and of the commands below them, by name."""
    found: dict[str, click.Option] = {}
    for command in commands:
        if isinstance(command, click.Group):
            found |= _options(command.commands.values())
        found |= {long_name(o): o for o in command.params if isinstance(o, click.Option)}
    return found


def _dotted(table: str, name: str) -> str:
    return f"{table}.{name}" if table else name
