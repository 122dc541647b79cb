"""What leaves for a terminal: nothing in it is obeyed, whoever's text it is; closed streams."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tandem.base.process.harmless import escaped
from tests.support.commands import ROOT, tandem
from tests.unit.cluster.fakes import error, serving

EVIL = "\x1b]0;owned\x07\x9b2J\u202egnp.exe\x08\r"


def harmless(text):
    return not any(
        ord(c) < 32 or 0x7F <= ord(c) <= 0x9F or c == "\u202e" for c in set(text) - {"\n"}
    )


def test_what_a_terminal_obeys_is_escaped_as_json_escapes_it():
    assert harmless(escaped(EVIL))
    assert json.loads(f'"{escaped(EVIL)}"') == EVIL
    assert escaped("Zürich\t東京 🙂\n") == "Zürich\t東京 🙂\n"
    assert escaped("half \ud83d") == "half \\ud83d"


def server(text):
    """A cluster that says `text` wherever it can."""
    version = {"number": f"3.6.0{text}", "distribution": "opensearch"}
    return serving(
        {
            "/": (200, {"version": version}),
            "/_cat/plugins": (200, [{"component": "opensearch-knn"}]),
            "*": error("some_exception", f"a reason {text} of theirs", 400),
        }
    )


@pytest.mark.parametrize(
    "words",
    [
        ["doctor", "--url", "URL"],
        ["doctor", "--json", "--url", "URL"],
        ["index", "list", "--url", "URL"],
        ["index", "show", "books", "--url", "URL"],
        ["index", "create", EVIL, "--url", "URL"],
        ["search", "--nothing" + EVIL],
        ["search" + EVIL],
        ["search", EVIL, "--mode", "bm25", "--index", "books", "--url", "URL"],
        ["node", "status", "--json" + EVIL],
    ],
)
def test_no_command_lets_a_text_through(words):
    with server(EVIL) as (url, _):
        done = tandem(*[url if word == "URL" else word for word in words])
    assert harmless(done.out)
    assert harmless(done.err)
    assert done.out or done.err


def test_json_keeps_its_values(tmp_path):
    with server(EVIL) as (url, _):
        done = tandem("doctor", "--json", "--url", url)
    found = {each["name"]: each["value"] for each in json.loads(done.out)["findings"]}
    assert EVIL in found["answers"]


def test_a_librarys_python_warning_is_escaped_too():
    code = (
        "import warnings, tandem.cli as c\n"
        "c.cli.invoke = lambda ctx: warnings.warn('\\x1b[2Jof a library')\n"
        "c.main(['index', 'list'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == "Warning: \\u001b[2Jof a library\n"


@pytest.mark.parametrize("encoding", ["ascii", "US-ASCII", "latin-1", "utf-8"])
def test_whatever_the_streams_encode_to(encoding):
    # click takes a stream for ASCII to be misconfigured, and what is below it in its stead.
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "tandem", "search", f"é {EVIL}", "--mode", EVIL]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment)
    assert harmless(done.stderr.decode("latin-1" if encoding == "latin-1" else "utf-8"))
    assert b"]0;owned" in done.stderr


def test_a_child_draws_bars_and_lets_nothing_else_through():
    code = (
        "import sys\n"
        "from tandem.base.process.harmless import guard_child\n"
        "guard_child()\n"
        "for text in ['\\x1b[A' * 2, '\\r 3 %|x\\r\\x1b[A', '\\x1b[2J', '\\x1b[A\\x1b[2J']:\n"
        "    print(text, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT)
    assert done.stderr.split(b"\n")[:-1] == [
        b"\x1b[A\x1b[A",
        b"\r 3 %|x\\u000d\\u001b[A",
        b"\\u001b[2J",
        b"\\u001b[A\\u001b[2J",
    ]


def test_rich_is_reached_through_the_one_console():
    users = {
        str(path.relative_to(ROOT))
        for path in Path(ROOT, "tandem").rglob("*.py")
        if "rich.console" in path.read_text("utf-8")
    }
    assert users == {"tandem/output/terminal.py"}


def shell(command):
    command = command.replace("TANDEM ", f"{sys.executable} -m tandem ")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stdout, done.stderr


def test_a_closed_standard_output_is_one_sentence():
    code, _, err = shell("TANDEM node status >&-")
    assert (code, err) == (
        1,
        "Error: standard output is closed: send it to a file, or to /dev/null.\n",
    )


def test_closed_standard_error_and_input_are_no_failure(tmp_path):
    code, out, err = shell(f"TANDEM_HOME={tmp_path} TANDEM node status 2>&- <&-")
    assert (code, err) == (0, "")
    assert "not running" in out
    code, _, err = shell(f"TANDEM_HOME={tmp_path} TANDEM node reset <&-")
    assert code == 2
    assert "--yes" in err


def test_what_the_shell_closed_is_not_given_to_a_file():
    code = (
        "import os, sys\n"
        "from tandem.output.terminal import guarded\n"
        "with guarded():\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        os._exit(file.fileno())"
    )
    done = subprocess.run(
        ["sh", "-c", f'{sys.executable} -c "$0" /dev/null <&- >&- 2>&-', code], cwd=ROOT
    )
    assert done.returncode > 2
