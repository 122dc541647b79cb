"""What pyproject.toml declares is what the code imports, group by group."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from tests.unit.house.test_structure import OUT, ROOMS, imported_modules

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DISTRIBUTIONS = packages_distributions()
OURS = {*ROOMS, "bench", "tests"}
# Of the standard library, to type checkers.
TYPING = {"typing_extensions"}
# Run as programs, or read by them; moto serves S3 by flask.
TOOLS = {
    "flask",
    "flask-cors",
    "mypy",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "setuptools",
    "types-psutil",
}

# Taken by uvicorn where they are installed.
BY_OTHERS = {"httptools", "uvloop"}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements):
    return {normal(re.match(r"[\w.-]+", each)[0]) for each in requirements}


# Run by an environment of their own, with older versions.
PEERS = ROOT / "bench" / "support" / "peers"
ENVIRONMENTS = ROOT / "bench" / "support" / "environments"


def imported(*folders):
    """Distributions that the files of these folders import; and data packages that they name."""
    files = [path for each in folders for path in (ROOT / each).rglob("*.py")]
    ours = (path for path in files if path.parent != PEERS and OUT not in path.parents)
    return distributions(ours)


def distributions(files):
    found = set()
    for path in files:
        text = path.read_text("utf-8")
        modules = imported_modules(ast.parse(text)) - OURS - TYPING - sys.stdlib_module_names
        modules |= {name for name in DISTRIBUTIONS if "_" in name and f'files("{name}")' in text}
        found |= {normal(DISTRIBUTIONS.get(module, [module])[0]) for module in modules}
    return found


def pinned():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return {normal(line.split("==")[0]) for line in lines if "==" in line}


REQUIRED = declared(PROJECT["dependencies"])
DEVELOPMENT = ("demo", "test", "bench")
OPTIONAL = declared(
    each for name, group in EXTRAS.items() if name not in DEVELOPMENT for each in group
)


def test_the_rooms_import_what_is_declared_and_nothing_is_declared_for_nothing():
    found = imported(*ROOMS) | BY_OTHERS
    if sys.version_info >= (3, 11):
        found |= {"tomli"}
    assert found == REQUIRED | OPTIONAL
    assert not REQUIRED & OPTIONAL


def test_the_tests_and_the_benches_do_as_well():
    rest = REQUIRED | OPTIONAL | declared(EXTRAS["demo"])
    tests = imported("tests")
    assert tests - rest <= declared(EXTRAS["test"])
    assert declared(EXTRAS["test"]) - tests == TOOLS
    assert imported("bench") - REQUIRED == declared(EXTRAS["bench"])


def wanted_by(name):
    lines = (ENVIRONMENTS / f"{name}.txt").read_text("utf-8").splitlines()
    return [each for each in lines if each and not each.startswith("#")]


def test_the_peers_of_the_bench_have_one_version_each():
    assert all("==" in each for name in ("peers", "infinity") for each in wanted_by(name))
    # Namespaces of several distributions, and what the tests bring along.
    beside = {"haystack-integrations", "llama-index", "haystack-ai", "script"}
    peers = distributions(PEERS.glob("*.py"))
    assert peers - REQUIRED - beside <= declared(wanted_by("peers"))


def test_what_make_installs_has_one_version():
    extras = [each for group in EXTRAS.values() for each in group]
    assert REQUIRED | declared(extras) <= pinned()
