"""The TOML file: what it may hold, what is refused, and who wins."""

import re
from pathlib import Path

import click
import pytest

from tandem.cli import COMMANDS, cli
from tandem.config import defaults, read_config
from tandem.options.connection import connection_options
from tests.support.commands import tandem

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"
NOWHERE = "http://127.0.0.1:1"


def read(tmp_path, text):
    path = tmp_path / "tandem.toml"
    path.write_text(text)
    context = click.Context(cli, info_name="tandem")
    commands = {name: cli.get_command(context, name) for name in COMMANDS}
    return defaults(path, commands, connection_options())[0]


def test_keys_at_the_top_are_for_all_and_tables_win(tmp_path):
    found = read(
        tmp_path,
        'url = "a"\nk = 5\n[search]\nk = 7\n[index]\ntimeout = 2\n[index.create]\ntimeout = 3\n',
    )
    assert found["search"] == {"url": ["a"], "k": "7"}
    assert found["ingest"] == {"url": ["a"]}
    assert found["index"]["show"] == {"url": ["a"], "timeout": "2"}
    assert found["index"]["create"] == {"url": ["a"], "timeout": "3"}
    assert found["node"]["status"] == {}


def test_an_index_at_the_top_level_is_the_option(tmp_path):
    found = read(tmp_path, 'index = "books"\n')
    assert found["search"] == found["ingest"] == {"index": "books"}
    config = tmp_path / "tandem.toml"
    config.write_text(f'index = "books"\nurl = "{NOWHERE}"\n')
    done = tandem("--config", config, "search", "bees")
    assert (done.code, f"nothing listens at {NOWHERE}" in done.err) == (1, True)


def test_dashes_and_underscores_and_names_as_on_the_command_line(tmp_path):
    found = read(tmp_path, "[search]\nrerank-depth = 3\nef_search = 4\nfrom = 5\njson = true\n")
    assert found["search"] == {"rerank_depth": "3", "ef_search": "4", "start": "5", "as_json": True}


def test_repeated_options_take_one_value_or_several(tmp_path):
    assert read(tmp_path, 'where = "lang=en"\n')["search"]["where"] == ["lang=en"]
    assert read(tmp_path, 'where = ["a=1", "b=2"]\n')["search"]["where"] == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('idnex = "books"', "no option 'idnex' for the top level: did you mean index or mined?"),
        ("[sarch]\nk = 5", "no command [sarch]: did you mean search?"),
        ("[index.shwo]\ntimeout = 5", "no command [index.shwo]: did you mean show?"),
        ("[search.x]\nk = 5", "no command [search.x]"),
        ("[ingest]\nk = 5", "no option 'k' for [ingest]"),
        ("[search]\nmin-cosin = 0.5", "no option 'min-cosin' for [search]: did you mean min-cos"),
        ("[search]\nef-search = 4\nef_search = 5", "has 'ef-search' twice in [search]"),
        ("[search]\nk = [5]", "'k' holds something else and must be a text or a number."),
        ("[search]\nk = true", "'k' is True and must be a text or a number."),
        ("[search]\nk = 2026-01-01", "must be a text or a number."),
        ('[search]\njson = "yes"', "'json' is 'yes' and must be true or false."),
        ("[search]\nwhere = [true]", "must be a text or a number, or a list of them."),
    ],
)
def test_what_no_command_has_is_refused(tmp_path, text, said):
    with pytest.raises(click.UsageError) as caught:
        read(tmp_path, text)
    assert said in caught.value.message
    assert str(tmp_path / "tandem.toml") in caught.value.message


def test_a_refused_file_is_wrong_usage_of_every_command(tmp_path):
    config = tmp_path / "tandem.toml"
    config.write_text("[sarch]\nk = 5\n")
    done = tandem("node", "status", TANDEM_CONFIG=str(config))
    assert (done.code, "did you mean search?" in done.err) == (2, True)


def test_a_file_without_an_end_is_none_of_options():
    with pytest.raises(click.UsageError, match="/dev/zero is no config file: it has more than 1,0"):
        read_config(Path("/dev/zero"))


def test_typed_then_environment_then_file(tmp_path):
    config = tmp_path / "tandem.toml"
    config.write_text("k = 0\n")
    words = ("search", "bees", "--index", "a", "--url", NOWHERE)
    environ = {"TANDEM_CONFIG": str(config)}
    said = tandem(*words, **environ).err
    assert "0 is not from 1 to 10,000. It comes from the config file." in said
    environ["TANDEM_K"] = "-1"
    assert "-1 is not from 1 to" in tandem(*words, **environ).err
    assert tandem(*words, "-k", "5", **environ).code == 1


def test_the_page_shows_a_file_that_is_read(tmp_path):
    first, *others = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    for other in others:
        read(tmp_path, other)
    found = read(tmp_path, first)
    assert found["search"]["where"] == ["lang=en", "year>=1990"]
    assert found["ingest"]["text_field"] == ["abstract", "body"]


def chosen(tmp_path, text, *words, **environ):
    """How `index list` ends, with this file."""
    config = tmp_path / "tandem.toml"
    config.write_text(text)
    return tandem("--config", config, "index", "list", *words, **environ)


OTHER = "http://127.0.0.1:2"
PROFILES = f"""
url = "{OTHER}"
user = "ann"
password-file = "/nowhere"
[profiles.prod]
url = ["{NOWHERE}"]
timeout = 5
header = ["X-Tenant: books"]
[profiles.two]
url = ["{NOWHERE}", "http://127.0.0.1:3"]
no-such = 1
"""


def test_a_profile_says_how_a_cluster_is_reached(tmp_path):
    text = PROFILES.replace("no-such = 1\n", "")
    for words, environ in (
        (("--profile", "prod"), {}),
        ((), {"TANDEM_PROFILE": "prod"}),
        ((), {"TANDEM_INDEX_LIST_PROFILE": "prod"}),
    ):
        done = chosen(tmp_path, text, *words, **environ)
        # Nothing of the other cluster's counts: its password's file is not even read.
        assert (done.code, f"nothing listens at {NOWHERE}:" in done.err) == (1, True)
    done = chosen(tmp_path, text, "--profile", "two")
    assert f"nothing listens at {NOWHERE} or http://127.0.0.1:3" in done.err
    assert "cannot read that file" in chosen(tmp_path, text).err


def test_a_profile_and_another_cluster_are_refused(tmp_path):
    text = PROFILES.replace("no-such = 1\n", "")
    for words, environ in ((("--url", OTHER), {}), ((), {"TANDEM_URL": OTHER})):
        done = chosen(tmp_path, text, "--profile", "prod", *words, **environ)
        assert (done.code, "names a cluster, and so does --url" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (PROFILES, (), "no option 'no-such' for [profiles.two]"),
        ("[profiles.a]\nk = 5", (), "no option 'k' for [profiles.a]"),
        ("profiles = 1", (), "[profiles] holds one table for each"),
        ('[profiles.a]\nuser = "u"', ("--profile", "b"), "no profile 'b' ("),
        ('profile = "a"\n[profiles.a]', (), "use --profile or TANDEM_PROFILE"),
    ],
)
def test_a_profile_that_is_none_is_refused(tmp_path, text, words, said):
    done = chosen(tmp_path, text, *words)
    assert (done.code, said in done.err) == (2, True)


def test_a_secret_header_is_not_for_the_command_line(tmp_path):
    words = "index", "list", "--url", NOWHERE
    done = tandem(*words, "--header", "Authorization: hunter2")
    assert (done.code, "put it into --header-file, or into TANDEM_HEADER" in done.err) == (2, True)
    assert "hunter2" not in done.err
    file = tmp_path / "headers"
    file.write_text("Authorization: hunter2\n\nX-Tenant: books\n")
    for given, environ in ((("--header-file", file), {}), ((), {"TANDEM_HEADER": "'A: hunter2'"})):
        done = tandem(*words, *given, **environ)
        assert (done.code, "nothing listens" in done.err) == (1, True)
    for bad in ("hunter2", "Content-Length: 1", "A B: hunter2", "X-A: hunter2\n"):
        file.write_text(bad + "é")
        done = tandem(*words, "--header-file", file)
        assert done.code in (1, 2)
        assert "Error: " in done.err
        assert "hunter2" not in done.err
