"""`tandem COMMAND`: find the command, turn every failure into a sentence and an exit code."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from tandem.base.errors import TandemError, debugging
from tandem.base.process.memory import (
    NO_FILES,
    NO_MEMORY,
    fault_of_limit,
    lacks_files,
    lacks_memory,
)
from tandem.config import name_variables
from tandem.output.terminal import guarded

# Command -> what it does, shown by --help without importing the command (and so without torch).
COMMANDS = {
    "demo": "Ingest examples/ into the embedded node and run its searches in all three modes.",
    "doctor": "Show what cluster, Java, model and machine can do, with cures.",
    "enrich": "Give documents that are in a cluster already the vectors of their texts.",
    "evaluate": "Measure how well an index's searches rank, by judged queries.",
    "index": "Create, list, show, switch, adopt or delete indexes, or write a search pipeline.",
    "ingest": "Encode documents and write them into an index.",
    "mine": "Mine hard negatives for training: high for a search, low for a judge.",
    "node": "Start, stop, inspect or reset the embedded OpenSearch node.",
    "pipeline": "Have the cluster itself ask a service for vectors, of what others write too.",
    "plan": "Show what an index's vectors take of memory and disk, by engine and quantization.",
    "remove": "Remove documents with all their passages from an index.",
    "search": "Search an index by kNN, by BM25, or by both.",
    "serve": "Answer searches, embeddings and documents over HTTP.",
    "train": "Train a model on mined negatives, or the judge that mining asks.",
    "tune": "Choose how an index's hybrid searches fuse, by judged queries.",
}

# Where a command's file is, within tandem/commands, unless it has the command's own name.
FILES = {
    "enrich": "documents.enrich",
    "evaluate": "evaluation.evaluate",
    "ingest": "documents.ingest",
    "pipeline": "documents.pipeline",
    "remove": "documents.remove",
    "mine": "evaluation.mine",
    "search": "searches.search",
    "train": "evaluation.train",
    "tune": "evaluation.tune",
}

FAILED, WRONG_USAGE = 1, 2
# Ctrl-C: the shell's own convention, 128 + SIGINT.
INTERRUPTED = 130


class ReaderGoneError(Exception):
    """What reads our output (head, less) has gone."""


@contextmanager
def _noticing_readers() -> Iterator[None]:
    """Not click's way with a broken pipe, which is to exit with 1."""
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGoneError from error


class LazyGroup(click.Group):
    """A group that imports a command's file only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's file and return its `command`, or None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        if fault := fault_of_limit():
            raise click.ClickException(fault)
        module = importlib.import_module(f"tandem.commands.{FILES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        name_variables(command, cmd_name)
        return command

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the command line, which may already print: --help, --version."""
        with _noticing_readers():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and write out what it printed."""
        try:
            with _noticing_readers():
                code = super().invoke(ctx)
                sys.stdout.flush()
        except (click.ClickException, click.Abort, click.exceptions.Exit, ReaderGoneError):
            raise
        except Exception as error:
            return _say(error, self.get_command(ctx, ctx.invoked_subcommand or ""))
        return code

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands from COMMANDS alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="TANDEM_CONFIG",
    help="TOML file with defaults for options (default: tandem.toml in your config folder).",
)
@click.option(
    "--debug",
    is_flag=True,
    envvar="TANDEM_DEBUG",
    help="Show the traceback of an unexpected error.",
)
@click.version_option(package_name="tandem-search")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, debug: bool) -> None:
    """Dense retrieval beside BM25 in the search cluster you already run.

    Without --url, commands start or find an embedded OpenSearch node on this machine.
    Every option can also be set as TANDEM_OPTION or TANDEM_COMMAND_OPTION in the environment, or
    in a TOML file.
    """
    from tandem.config import defaults, usual_path
    from tandem.options.connection import connection_options

    path = config or usual_path()
    # A home that may not be entered has no such file; one that was named must be there.
    if path and (config or os.path.isfile(path)):
        commands = {name: cli.get_command(ctx, name) for name in COMMANDS}
        known = {name: command for name, command in commands.items() if command}
        ctx.default_map, ctx.obj = defaults(path, known, connection_options())


def _forget_output() -> None:
    """Send what is still to be written nowhere, so that Python does not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(error: Exception, command: click.Command | None = None) -> int:
    """Tell an error, with the flags of the command that it ended, and return the exit code."""
    from query.errors import FilterError
    from tandem.base.process.redact import redacted_text
    from tandem.output.flags import in_flags

    if lacks_files(error):
        click.echo(f"Error: {NO_FILES}", err=True)
        return FAILED
    if isinstance(error, TandemError):
        click.echo(f"Error: {in_flags(str(error), command)}", err=True)
        return WRONG_USAGE if isinstance(error, FilterError) else FAILED
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        _forget_output()
        click.echo(
            "Error: there is no room left where the output goes: free some, or send it elsewhere.",
            err=True,
        )
        return FAILED
    if lacks_memory(error):
        click.echo(f"Error: {NO_MEMORY}", err=True)
        return FAILED
    if debugging():
        click.echo(redacted_text("".join(traceback.format_exception(error))), err=True)
        return FAILED
    said = redacted_text(str(error)) or "no reason given"
    click.echo(
        f"Error: unexpected {type(error).__name__}: {said}. "
        "This is a defect in Tandem; --debug shows where.",
        err=True,
    )
    return FAILED


def _as_our_own(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """A library's Python warning as users read ours; where it was given is for its authors."""
    from tandem.output.flags import in_flags

    return f"Warning: {in_flags(str(message))}\n"


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 3 some documents rejected."""
    warnings.formatwarning = _as_our_own
    closed = sys.stdout is None
    with guarded():
        if closed:
            click.echo(
                "Error: standard output is closed: send it to a file, or to /dev/null.", err=True
            )
        code = FAILED if closed else _run(args)
        if args is None:  # else the process is whoever's gave them, and goes on
            _end_at_once(code)
        sys.exit(code)


def _end_at_once(code: int) -> None:
    """End where a call goes on that nobody waits for: the library of S3 would wait for it."""
    pace = sys.modules.get("tandem.base.process.pace")
    if pace is not None and pace.left_behind():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)


def _run(args: list[str] | None) -> int:
    try:
        code = cli.main(args=args, prog_name="tandem", standalone_mode=False)
    except click.ClickException as error:
        from tandem.options.usage_errors import clearer

        clearer(error).show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        code = INTERRUPTED
    except ReaderGoneError:
        _forget_output()  # not a failure, and nothing to say
        code = 0
    except Exception as error:
        code = _say(error)
    return code if isinstance(code, int) else 0
