"""The edge of the command line: usage errors, config files, exit codes."""

import subprocess
import sys

from tests.support.commands.forking import run_tandem


def tandem(*args, env=None, **kwargs):
    import os

    return run_tandem(
        args,
        env={**os.environ, **(env or {})},
        **kwargs,
    )


def test_an_unknown_command_is_wrong_usage():
    done = tandem("serach", "x")
    assert done.returncode == 2
    assert "No such command 'serach'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_config_file_is_one_sentence(tmp_path):
    config = tmp_path / "tandem.toml"
    config.write_text("index = = 3\n")
    done = tandem("--config", str(config), "node", "status")
    assert done.returncode == 2
    assert str(config) in done.stderr
    assert "not valid TOML" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_config_file_gives_defaults(tmp_path):
    config = tmp_path / "tandem.toml"
    config.write_text('url = "http://127.0.0.1:1"\n[index.show]\ntimeout = 0.5\n')
    done = tandem("--config", str(config), "index", "show", "books")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_environment_gives_defaults():
    done = tandem("index", "show", "books", env={"TANDEM_URL": "http://127.0.0.1:1"})
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr


def test_a_missing_password_file_is_wrong_usage(tmp_path):
    done = tandem("index", "show", "books", "--password-file", str(tmp_path / "none"))
    assert done.returncode == 2
    assert "cannot read" in done.stderr


def test_several_indexes_are_not_deleted_at_once():
    for name in ("logs-*", "_all", "a,b"):
        done = tandem("index", "delete", name, "--yes")
        assert done.returncode == 2
        assert "cannot be the name of an index" in done.stderr


def piped(command):
    """A pipeline of the shell, as people write it; the exit code is that of its first part."""
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"set -o pipefail; {command.replace('TANDEM', f'{sys.executable} -m tandem')}",
        ],
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def test_a_reader_that_goes_is_no_failure():
    assert piped("(sleep 0.1; TANDEM --help) | true") == (0, "")


def test_no_room_where_the_output_goes_is_one_sentence():
    code, err = piped("TANDEM --help > /dev/full")
    assert err == (
        "Error: there is no room left where the output goes: free some, or send it elsewhere.\n"
    )
    assert code == 1
