"""Print docs/commands.md from the commands: `make docs` writes it, a test compares it."""

from __future__ import annotations

import click

from tandem.cli import COMMANDS, cli

HEADER = """# Commands

Written by `make docs` from the commands' own `--help`; a test compares the two.
"""


def help_of(command: click.Command, path: list[str]) -> list[tuple[str, str]]:
    """The help text of a command and of everything below it, under its whole name."""
    context = click.Context(
        command,
        info_name=" ".join(path),
        terminal_width=100,
        max_content_width=100,
        help_option_names=cli.context_settings["help_option_names"],
    )
    pages = [(" ".join(path), command.get_help(context))]
    if isinstance(command, click.Group) and command is not cli:
        for name in command.list_commands(context):
            pages += help_of(command.commands[name], [*path, name])
    return pages


def page() -> str:
    """The whole page as Markdown."""
    context = click.Context(cli)
    pages = help_of(cli, ["tandem"])
    for name in sorted(COMMANDS):
        command = cli.get_command(context, name)
        if command is not None:
            pages += help_of(command, ["tandem", name])
    return HEADER + "".join(f"\n## {name}\n\n```\n{text}\n```\n" for name, text in pages)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
