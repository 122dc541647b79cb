"""Print docs/commands.md from the commands: `make docs` writes it, a test compares it."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import click

from tandem.cli import cli
from tandem.options.cluster import cluster_options

HEADER = """# Commands

Written by `make docs` from the commands' own `--help`; a test compares the two. Where options may
also stand: [configuration.md](configuration.md).
"""
CONNECTION = "Connection options"


@click.command()
@cluster_options
def connected() -> None:
    """No command of the program: it has what every command has that reaches a cluster."""


SHARED = {option.name for option in connected.params}


def contexts(command: click.Command, parent: click.Context, name: str) -> Iterator[click.Context]:
    """The context of a command and of everything below it, as the program makes them."""
    context = click.Context(command, parent=parent, info_name=name)
    yield context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            yield from contexts(command.get_command(context, each), context, each)


def root() -> click.Context:
    """The program's own context, with lines of 100 columns."""
    return click.Context(
        cli, info_name="tandem", terminal_width=100, max_content_width=100, **cli.context_settings
    )


def help_of(context: click.Context) -> str:
    """What --help prints, but for the connection options, which are shown once."""
    own = copy.copy(context.command)
    own.params = [option for option in own.params if option.name not in SHARED]
    text = own.get_help(context)
    if len(own.params) == len(context.command.params):
        return text
    return f"{text}\n\n{CONNECTION}: as above."


def connection() -> str:
    """The connection options by themselves."""
    formatter = root().make_formatter()
    with formatter.section(CONNECTION):
        records = [option.get_help_record(root()) for option in connected.params]
        formatter.write_dl([record for record in records if record])
    return formatter.getvalue().rstrip()


def page() -> str:
    """The whole page as Markdown."""
    first = root()
    pages = [("tandem", cli.get_help(first)), (CONNECTION, connection())]
    for name in cli.list_commands(first):
        below = contexts(cli.get_command(first, name), first, name)
        pages += [(each.command_path, help_of(each)) for each in below]
    return HEADER + "".join(f"\n## {name}\n\n```\n{text}\n```\n" for name, text in pages)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
