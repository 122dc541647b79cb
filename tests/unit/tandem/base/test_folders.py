"""Where things are kept for a user without a home, as in a container under any number."""

import errno
import os
import pwd
from pathlib import Path

import pytest

from cluster import NodeError, connect
from cluster.errors import UnreachableError
from cluster.node.home import default_home
from encoder import EncoderError
from encoder.selection.cache import cache_folder
from tandem.base.folders import cache_home, expanded, said_of
from tandem.cli import main
from tandem.config import usual_path


@pytest.fixture
def homeless(monkeypatch):
    for name in ("HOME", "TANDEM_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)


def test_without_a_home_there_is_no_place_and_it_is_said(homeless):
    assert (cache_home(), usual_path()) == (None, None)
    with pytest.raises(EncoderError, match=r"no home folder.*TANDEM_HOME"):
        cache_folder()
    with pytest.raises(NodeError, match=r"no home folder.*TANDEM_HOME"):
        connect()
    # A cluster that is named needs none.
    with pytest.raises(UnreachableError, match="nothing listens"):
        connect("http://127.0.0.1:9")


def test_a_home_that_leads_nowhere_stays_as_it_was_written(monkeypatch):
    assert expanded("~no-such-user-4711/model") == Path("~no-such-user-4711/model")
    monkeypatch.setenv("TANDEM_HOME", "~no-such-user-4711")
    assert cache_home() == Path("~no-such-user-4711").absolute()


def test_the_node_and_the_models_are_below_one_folder(monkeypatch, tmp_path):
    for user, named, where in (
        (0, None, "/var/lib/tandem"),
        (0, f"{tmp_path}/own", f"{tmp_path}/own"),
        (4711, None, f"{tmp_path}/cache/tandem"),
        (4711, f"{tmp_path}/own", f"{tmp_path}/own"),
    ):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("TANDEM_HOME", named or "")
        assert default_home().path == Path(where)
        assert cache_folder() == Path(where, "encoders")


@pytest.mark.parametrize("words", ["node status", "node start", "index list"])
def test_a_user_without_a_home_gets_one_sentence(homeless, capsys, words):
    with pytest.raises(SystemExit) as left:
        main(words.split())
    out, err = capsys.readouterr()
    (said,) = err.splitlines()
    assert (left.value.code, out) == (1, "")
    assert said.startswith("Error: this user has no home folder")


def test_what_the_file_system_says_is_told_in_its_words_and_not_pythons():
    assert said_of(OSError(errno.EACCES, "Permission denied", "/x")) == "permission denied: /x"
    assert said_of(OSError(errno.ENOSPC, "No space left on device")) == "no space left on device"
    assert said_of(TimeoutError()) == "TimeoutError".lower()
