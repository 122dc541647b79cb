"""What is published, wheel and sdist, by itself: nothing of the checkout is needed or found."""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv

import pytest

from tests.support.loads import ROOT

pytestmark = pytest.mark.long
ROOMS = ("tandem", "evaluation", "cluster", "encoder", "ingest", "query", "mappings")
BUILD = "from setuptools import build_meta as b; b.build_wheel('out'); b.build_sdist('out')"
PROGRAM = """
from collections.abc import Iterator

import tandem
from tandem import Encoder, Report, Searcher, connect, ingest


def documents(count: int) -> Iterator[dict[str, object]]:
    for number in range(count):
        yield {"id": f"d{number}", "text": f"text number {number}", "year": 1990 + number}


def load(url: str, index: str) -> Report:
    with connect(url, timeout=60.0) as cluster:
        encoder = Encoder.load("sentence-transformers/all-MiniLM-L6-v2")
        plan = tandem.Plan(shape=tandem.Shape(analyzer="english"))
        report = ingest(documents(10), cluster=cluster, encoder=encoder, index=index, plan=plan)
    assert report.read == report.written + report.skipped + report.rejected
    return report


def find(url: str, index: str, text: str) -> list[tuple[str, float]]:
    tuning = tandem.Tuning(fusion=tandem.Fusion(weights=(0.4, 0.6)))
    try:
        with connect(url) as cluster, Searcher(cluster, index) as searcher:
            result = searcher.search(text, mode="hybrid", k=3, tuning=tuning)
            return [(hit.id, hit.score) for hit in result]
    except tandem.TandemError as error:
        print(error)
        return []
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the wheel and the sdist, of a copy without what tests and builds left."""
    copy = tmp_path_factory.mktemp("built") / "copy"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for room in ROOMS:
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, copy / room, ignore=unwanted)
    words = [sys.executable, "-c", BUILD]
    subprocess.run(words, cwd=copy, check=True, capture_output=True, timeout=600)
    return copy / "out"


def install(built, kind, folder):
    """Install what was built, without dependencies."""
    (package,) = built.glob(kind)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    words = [*pip, "--target", str(folder), str(package)]
    subprocess.run(words, check=True, capture_output=True, timeout=600)


@pytest.fixture(params=["*.whl", "*.tar.gz"])
def installed(request, built, tmp_path):
    """A Python that has what was built, and the dependencies from elsewhere."""
    venv.create(tmp_path / "bare", with_pip=False)
    (site,) = (tmp_path / "bare").glob("lib/python*/site-packages")
    install(built, request.param, site)
    # A folder named so is searched, but its own .pth files, as the checkout's, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return tmp_path / "bare" / "bin" / "python"


def test_both_bring_the_same_files_types_among_them(built, tmp_path):
    brought = []
    for kind in ("*.whl", "*.tar.gz"):
        folder = tmp_path / kind.strip("*.")
        install(built, kind, folder)
        brought.append(
            {
                str(path.relative_to(folder)): path.read_bytes()
                for path in folder.rglob("*")
                if path.is_file() and path.suffix != ".pyc" and ".dist-info" not in str(path)
            }
        )
    assert brought[0] == brought[1]
    assert {f"{room}/py.typed" for room in ROOMS} <= brought[0].keys()


def run(python, *words, cwd):
    done = subprocess.run(
        [str(python), "-I", *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_tells_its_version_and_searches(installed, opensearch, index_name, tmp_path):
    assert run(installed, "-m", "tandem", "--version", cwd=tmp_path).startswith("tandem")
    place = run(installed, "-c", "import tandem, query; print(query.__file__)", cwd=tmp_path)
    assert str(tmp_path) in place
    corpus = ROOT / "examples" / "corpus.jsonl"
    model = ("--model", "sentence-transformers/all-MiniLM-L6-v2", "--url", opensearch.url)
    run(installed, "-m", "tandem", "ingest", corpus, "--index", index_name, *model, cwd=tmp_path)
    words = ("search", "who invented printing", "--index", index_name, "--url", opensearch.url)
    found = json.loads(run(installed, "-m", "tandem", *words, "--json", cwd=tmp_path))
    assert "printing press" in found["hits"][0]["source"]["title"]


# Of one of them: mypy needs minutes, and both bring the same files.
@pytest.mark.parametrize("installed", ["*.whl"], indirect=True)
def test_a_typed_program_of_thirty_lines_is_accepted(installed, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    words = ["-m", "mypy", "--strict", "--python-executable", str(installed), "program.py"]
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
