"""Options that cannot be meant: exit code 2 and a sentence, before anything is read or reached."""

import pytest
from click.testing import CliRunner

from tandem.cli import cli

INGEST = ("ingest", "no-such-file", "--index", "a")


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
