"""`import tandem`: what it offers, that it is quick, and that it knows its own rooms."""

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tandem
from tandem import TandemError
from tandem.base.rooms import ROOMS

ROOT = Path(__file__).resolve().parents[3]
FACE = ast.parse((ROOT / "tandem" / "__init__.py").read_text("utf-8"))
HEAVY = {"torch", "transformers", "opensearchpy", "numpy", "pyarrow", "rich", "openvino", "click"}

PUBLIC = [
    "AccessError",
    "Adoption",
    "Answer",
    "AnswerError",
    "AsyncSearcher",
    "BlockedError",
    "Bm25",
    "Capabilities",
    "Cluster",
    "ClusterError",
    "Comparison",
    "CrossEncoder",
    "DownloadError",
    "DryRun",
    "EmbeddedNode",
    "Encoder",
    "EncoderError",
    "Enrichment",
    "Evaluation",
    "EvaluationError",
    "Facet",
    "FacetValue",
    "FilterError",
    "Fusion",
    "Grid",
    "Hit",
    "IncompleteError",
    "IndexRefusedError",
    "IngestError",
    "InstalledPipeline",
    "JavaError",
    "Judge",
    "Judgements",
    "Knn",
    "LostPlaceError",
    "MappingError",
    "Mined",
    "Mining",
    "MissingIndexError",
    "MissingRightError",
    "ModelDamagedError",
    "ModelNotFoundError",
    "ModelRefusedError",
    "NodeError",
    "OtherPromptError",
    "OutageError",
    "PassageEncoder",
    "PassageScorer",
    "Plan",
    "PruneLimit",
    "Query",
    "QueryEncoder",
    "QueryError",
    "RayRunner",
    "Reading",
    "RejectLimit",
    "Removal",
    "Report",
    "Rerank",
    "Result",
    "Roles",
    "Run",
    "SearchSettings",
    "Searcher",
    "Setting",
    "Shape",
    "SourceError",
    "Splitting",
    "TandemError",
    "TargetError",
    "TextError",
    "TooManyRejectsError",
    "Trained",
    "Training",
    "Tuned",
    "Total",
    "Tuning",
    "UnreachableError",
    "Writing",
    "adopt_index",
    "answer_json",
    "check_pipeline",
    "compare",
    "connect",
    "create_index",
    "delete_index",
    "describe_index",
    "dry_run",
    "enrich",
    "evaluate",
    "ingest",
    "install_pipeline",
    "list_indexes",
    "make_filter",
    "measure",
    "mine",
    "put_pipeline",
    "put_search_settings",
    "read_installed_pipeline",
    "read_judgements",
    "read_queries",
    "read_run",
    "remove",
    "remove_pipeline",
    "remove_search_settings",
    "result_json",
    "switch_alias",
    "train",
    "trec_lines",
    "tune",
    "write_run",
]


def python(*code, **options):
    return subprocess.run([sys.executable, *code], capture_output=True, text=True, **options)


def test_the_public_names_are_these():
    assert sorted(tandem.__all__) == sorted(PUBLIC)
    assert set(PUBLIC) <= set(dir(tandem))


def test_every_public_name_is_its_room_s_own():
    for name, room in tandem._ROOMS.items():
        found = importlib.import_module(room)
        assert getattr(tandem, name) is getattr(found, name)
        assert name in found.__all__


def test_type_checkers_see_what_programs_get():
    blocks = [node for node in FACE.body if isinstance(node, ast.If)]
    (seen,) = (each for each in blocks if ast.unparse(each.test) == "TYPE_CHECKING")
    told = {alias.name: node.module for node in seen.body for alias in node.names}
    assert told == tandem._ROOMS
    assert set(told) | {"TandemError"} == set(PUBLIC)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Seracher'"):
        tandem.Seracher  # noqa: B018
    with pytest.raises(ImportError, match="Seracher"):
        from tandem import Seracher  # noqa: F401


def test_importing_it_is_quick():
    done = python("-c", "import sys, tandem; tandem.TandemError; print(*sys.modules)", cwd=ROOT)
    assert not set(done.stdout.split()) & (HEAVY | set(ROOMS))


def test_one_base_catches_every_error_of_every_room():
    found = {
        value
        for room in ROOMS
        for value in vars(importlib.import_module(f"{room}.errors")).values()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert len(found) > 20
    assert all(issubclass(each, TandemError) for each in found)
    # And every one that programs meet can be caught by name.
    assert {each.__name__ for each in found} <= set(PUBLIC)


def test_every_package_is_typed():
    for package in ("tandem", *ROOMS):
        assert (ROOT / package / "py.typed").is_file()


@pytest.fixture
def installed(tmp_path):
    """A folder with a copy of our packages, as pip lays them out."""
    for package in ("tandem", *ROOMS):
        shutil.copytree(ROOT / package, tmp_path / package)
    return tmp_path


def test_our_own_rooms_are_known_from_anywhere(installed):
    done = python("-c", "import tandem; print(tandem.__file__)", cwd=installed)
    assert done.stdout.strip() == str(installed / "tandem" / "__init__.py")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_that_another_distribution_wrote_over_is_told_in_one_sentence(installed, room):
    face = installed / room / "__init__.py"
    face.write_text('"""Something else."""\nclass Client: ...\n')
    info = installed / "other_client-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-client\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{room}/__init__.py,,\n")
    for program in ("import tandem", f"from tandem import connect{' ' * 3}"):
        done = python("-c", program, cwd=installed, env={"PYTHONPATH": str(installed)})
        (*_, last) = done.stderr.splitlines()
        assert last.startswith(f"ImportError: the package {room!r} that Python finds ({face})")
        assert "(other-client), uninstall that one and run `pip install" in last


def test_the_command_says_so_too_and_shows_no_traceback(installed):
    (installed / "ingest" / "__init__.py").write_text('"""Something else."""\n')
    (installed / "bin").mkdir()
    script = installed / "bin" / "tandem"
    script.write_text("from tandem.cli import main\nmain()\n")
    for words in (["-m", "tandem", "--version"], [str(script), "--version"]):
        done = python(*words, cwd=installed, env={"PYTHONPATH": str(installed)})
        assert done.stderr.startswith("Error: the package 'ingest' that Python finds (")
        assert done.stderr.count("\n") == 1
        assert done.returncode == 1


def test_a_file_of_the_user_s_own_that_hides_a_room_is_told(tmp_path):
    (tmp_path / "query.py").write_text("print('mine')\n")
    done = python("-c", "import tandem", cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    (*_, last) = done.stderr.splitlines()
    assert f"({tmp_path / 'query.py'}) is not that of tandem-search: rename it" in last
    assert done.stdout == ""
