"""Options that cannot be meant: exit code 2 and a sentence, before anything is read or reached."""

import click
import pytest
from click.testing import CliRunner

from tandem.cli import COMMANDS, cli
from tandem.config import Number

INGEST = ("ingest", "no-such-file", "--index", "a")


SEARCH = ("search", "query", "--index", "a")


def commands():
    """(words, command) of every command and verb."""
    for name in COMMANDS:
        command = cli.get_command(None, name)
        if isinstance(command, click.Group):
            yield from (((name, verb), each) for verb, each in command.commands.items())
        else:
            yield (name,), command


def numbers():
    """(words, option) of every option that takes a broken number."""
    for words, command in commands():
        for option in command.params:
            if isinstance(option.type, click.types.FloatParamType):
                yield words, option


def refused(*words):
    """What is said of wrong usage."""
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2, done.output
    return done.output


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("none", "has {text} 0 times"),
        ("{text", "'{' at character 1"),
        ("{text!q}", "'{text!q}' at character 1"),
        ("{text} {title:>9}", "'{title:>9}' at character 8"),
    ],
)
def test_a_wrong_template(template, said):
    assert said in " ".join(refused(*INGEST, "--template", template).split())


NAMES = [
    ("", "it is empty"),
    ("a b", "it has ' ' in it"),
    ("<a>", "it has '<' in it"),
    ("a/b", "it has '/' in it"),
    ("a#b", "it has '#' in it"),
    ("_all", "it begins with '_'"),
    ("+a", "it begins with '+'"),
    ("..", "it is a path"),
    ("ä" * 128, "it has 256 bytes and at most 255"),
    ("a\udcff", "it has '\\udcff' in it"),
]


@pytest.mark.parametrize(("name", "fault"), [*NAMES, ("a,b", "it has ','"), ("a*", "it has '*'")])
@pytest.mark.parametrize(
    "words",
    [
        ("ingest", "no-such-file", "--index"),
        ("ingest", "no-such-file", "--alias"),
        ("index", "create", "--model", "no-such-model", "--"),
        ("index", "show", "--"),
        ("index", "delete", "--yes", "--"),
        ("index", "switch", "--", "good"),
        ("index", "switch", "--keep", "1"),
    ],
)
def test_a_name_that_no_index_can_have(words, name, fault):
    more = ("good",) if "--keep" in words else ()
    assert fault in " ".join(refused(*words, name, *more).split())


@pytest.mark.parametrize(("name", "fault"), [n for n in NAMES if n[0] not in ("_all", "<a>")])
def test_a_name_that_nothing_can_be_searched_under(name, fault):
    said = refused("search", "query", "--url", "http://127.0.0.1:1", "--index", name)
    assert fault in " ".join(said.split())


@pytest.mark.parametrize(
    "words",
    [
        ("ingest", "no-such-file", "--alias", "Books"),
        ("index", "create", "Books", "--model", "no-such-model"),
    ],
)
def test_a_new_index_has_no_capitals(words):
    assert "an index has no capitals: write 'books'" in " ".join(refused(*words).split())


def test_a_pipeline_is_one():
    for name in ("", "a*", "a,b"):
        assert "cannot be the name of a search pipeline" in refused("index", "pipeline", name)


def test_every_broken_number_is_of_the_one_type():
    found = list(numbers())
    assert {option.name for _, option in found} == {
        *("timeout", "max_document_mb", "request_mb", "max_outage", "worker_gpus"),
        *("phrase_boost", "oversample", "min_cosine", "max_score", "margin"),
        *("max_body_mb", "max_seconds"),
        *("learning_rate", "warmup", "holdout", "step", "rate"),
    }
    assert all(isinstance(option.type, Number) for _, option in found)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "NaN", "1e400"])
def test_what_is_no_finite_number_is_refused_by_all_of_them(value):
    for _, option in numbers():
        with pytest.raises(click.BadParameter):
            option.type.convert(value, option, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*INGEST, "--max-document-mb", "nan"), "'nan' is no finite number"),
        ((*INGEST, "--request-mb", "inf"), "inf is not in the range"),
        ((*INGEST, "--max-outage", "nan"), "'nan' is no finite number"),
        ((*INGEST, "--max-outage", "inf"), "'inf' is no finite number"),
        ((*SEARCH, "--phrase-boost", "inf"), "'inf' is no finite number"),
        (("index", "show", "a", "--timeout", "nan"), "'nan' is no finite number"),
        (("demo", "--timeout", "inf"), "inf is not in the range"),
        ((*INGEST, "--max-document-mb", "1e13"), "0.001<=x<=2000"),
        ((*INGEST, "--request-mb", "1e13"), "0.01<=x<=2000"),
        ((*INGEST, "--timeout", "1e13"), "0.1<=x<=86400"),
        ((*INGEST, "--max-rejects", "-5"), "'-5' is neither"),
        ((*INGEST, "--max-rejects", "-1%"), "'-1%' is neither"),
        ((*INGEST, "--max-rejects", "nan%"), "'nan%' is neither"),
        ((*INGEST, "--max-rejects", "inf%"), "'inf%' is neither"),
        ((*INGEST, "--max-rejects", "200%"), "'200%' is neither"),
        ((*SEARCH, "--weights", "nan,0.5"), "not two numbers"),
        ((*SEARCH, "--weights", "inf,-inf"), "not two numbers"),
    ],
)
def test_numbers_out_of_range_are_wrong_usage(words, said):
    assert said in " ".join(refused(*words).split())


def test_a_number_from_a_config_file_is_held_to_the_same(tmp_path):
    config = tmp_path / "tandem.toml"
    config.write_text("timeout = nan\n")
    assert "no finite number" in refused("--config", str(config), "index", "show", "books")
