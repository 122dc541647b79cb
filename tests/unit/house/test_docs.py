"""README and docs say what the code does: every command they show is one that parses."""

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

from tandem.cli import COMMANDS, cli
from tests.support.commands import tandem

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE_NAMES = ("configuration.md", "everyday.md", "relevance.md")
# Written by hand; commands.md is made by the commands.
PAGES = [ROOT / "docs" / name for name in PAGE_NAMES]


def script(name):
    """A script of this folder, as a module."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands_page():
    return script("commands_page").page()


def test_the_picture_of_the_house_is_of_today():
    written = (ROOT / "docs" / "pictures" / "house.svg").read_text(encoding="utf-8")
    assert written == script("house_picture").picture(), (
        "docs/pictures/house.svg is old: run `make docs`"
    )


def test_the_roles_are_those_that_the_commands_need():
    written = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == script("roles_page").page(), "docs/configuration.md is old: run `make docs`"


def shown_commands(*texts):
    """Lines of code blocks that call tandem, without prompts, comments and continuations."""
    blocks = re.findall(r"```(?:console|sh|bash)\n(.*?)```", "".join(texts), re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    calls = []
    for line in lines:
        match = re.search(
            r"(?:^|[$|] |run --rm worker )(?:\.venv/bin/)?(?:tandem )?"
            rf"((?:{'|'.join(COMMANDS)})\b.*)",
            line,
        )
        if match:
            calls.append(match.group(1))
    return calls


def parse(words):
    """Parse as click does, following groups, without running anything."""
    command, context = cli.get_command(click.Context(cli), words[0]), None
    words = words[1:]
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    context = click.Context(command, **cli.context_settings)
    command.parse_args(context, words)


def test_the_page_of_commands_is_the_help_of_today():
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == commands_page(), "docs/commands.md is old: run `make docs`"


@pytest.mark.parametrize("words", [(), ("node", "start"), ("index",), ("search",)])
def test_the_page_shows_what_the_program_prints(words):
    page = " ".join(commands_page().replace("\n", " ").split())
    said = tandem(*words, "--help").out
    for paragraph in re.split(r"\n\s*\n", said.split("Options:")[0]):
        assert " ".join(paragraph.split()) in page
    assert "-h, --help" in said
    options = set(re.findall(r"(?<![\w-])--?\w[\w-]*", page))
    assert set(re.findall(r"(?<![\w-])--?\w[\w-]*", said)) <= options


def test_the_page_has_connection_options_once():
    assert commands_page().count("  --url TEXT") == 1


def test_readme_shows_every_command():
    shown = {call.split()[0] for call in shown_commands(README)}
    assert shown == set(COMMANDS)


@pytest.mark.parametrize("call", shown_commands(README, *(p.read_text("utf-8") for p in PAGES)))
def test_every_shown_command_parses(call):
    parse(shlex.split(call.split(" > ")[0].split(" < ")[0].split(" | ")[0], comments=True))


def test_a_wrong_option_would_be_seen():
    with pytest.raises(click.UsageError):
        parse(["search", "x", "--no-such-option"])


def test_make_targets_in_the_readme_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    shown = set(re.findall(r"(?:^|[`$ ])make ([a-z]+)", README))
    assert shown
    assert shown <= targets


def test_links_in_the_readme_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
    for page in PAGES:
        assert f"(docs/{page.name})" in README


def test_commands_follow_an_activated_environment():
    shown = "\n".join(re.findall(r"```console\n(.*?)```", README, re.S))
    assert shown.index(". .venv/bin/activate") < shown.index("$ tandem ")


def test_the_licence_is_there_and_named():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "[Apache-2.0](LICENSE)" in README


def test_every_file_of_the_code_is_in_a_room_the_readme_names():
    for room in (
        "cluster",
        "encoder",
        "ingest",
        "mappings",
        "query",
        "tandem",
        "bench",
        "examples",
    ):
        assert f"`{room}/`" in README, room


def test_changelog_has_entries():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^- .+", text, re.M)
