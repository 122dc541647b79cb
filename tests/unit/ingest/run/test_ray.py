"""What a Ray cluster lacks, and what no run on Ray can do, is told before; what crosses stays."""

import json
import os
import pickle
import platform
import sys
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from threading import Event

import pytest

from cluster import UnreachableError
from ingest import IngestError, RayRunner, SourceError
from ingest.errors import LostPlaceError
from ingest.index.loading import OpenIndex
from ingest.index.types.fit import Fitter
from ingest.read.rows import Rows
from ingest.read.sources.files import SourceFile
from ingest.records import Origin
from ingest.run.batch.stages import CancelledError, Flow
from ingest.run.deduplicate import key_of
from ingest.run.plan import Plan
from ingest.run.ray import reading, start, worker
from ingest.run.ray.parts import Failure, FileEnd, FileJob, Ids, Reach, Setup, Taken
from ingest.run.ray.resources import Node, cpus_of_a_worker, default_workers
from ingest.run.ray.session import watched
from ingest.run.ray.worker import PACKAGE, fault_of_machine
from ingest.settings import Reading
from mappings import Fields
from tandem.base.process import running
from tests.support.loads import documents, write_jsonl
from tests.support.stubs import StubEncoder


@pytest.mark.parametrize(
    ("nodes", "workers", "gpus", "cpus"),
    [
        ([Node(3)], 1, 0, 2),
        ([Node(3)], 2, 0, 1),
        ([Node(8), Node(8)], 2, 0, 7),
        ([Node(8), Node(8)], 4, 0, 3),
        ([Node(8, 2), Node(64)], 2, 1, 4),
    ],
)
def test_one_cpu_is_left_for_who_reads(nodes, workers, gpus, cpus):
    free = sum(node.cpus for node in nodes)
    assert cpus_of_a_worker(nodes, free, workers, gpus) == cpus


def test_workers_that_take_all_are_refused_with_both_numbers():
    with pytest.raises(IngestError, match=r"need 3 CPUs.* has 2 free"):
        cpus_of_a_worker([Node(2)], 2, 2)
    with pytest.raises(IngestError, match=r"need GPUs: 2, .* has 1 .machines: 1"):
        cpus_of_a_worker([Node(8, 1)], 8, 2, 1)


def test_a_worker_on_each_machine_or_for_each_gpu():
    assert default_workers([Node(4), Node(4)], 0) == 2
    assert default_workers([Node(4, 4), Node(4)], 2) == 2


def runner():
    return RayRunner(connect=StubEncoder, load_encoder=StubEncoder)


def test_without_ray_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    source = write_jsonl(tmp_path / "a.jsonl", documents(1))
    with (
        pytest.raises(IngestError, match=r"ray is not installed.*tandem-search\[ray\]"),
        runner().ready(Rows(source, Reading()), StubEncoder()),
    ):
        pass


@pytest.mark.parametrize("follow", [False, True])
def test_what_only_this_process_can_read_is_refused(tmp_path, follow):
    source = write_jsonl(tmp_path / "a.jsonl", documents(1)) if follow else documents(1)
    with (
        pytest.raises(IngestError, match="save it to files, or leave `runner` out"),
        runner().ready(Rows(source, Reading(follow=follow)), StubEncoder()),
    ):
        pass


def test_another_ray_or_python_is_told_with_both():
    from ray._private.utils import check_version_info

    with pytest.raises(RuntimeError) as theirs:
        check_version_info({"ray_version": "2.59.0", "python_version": "3.12.1"}, "here")
    ours = rf"Ray {version('ray')} on Python {platform.python_version()}: install the same"
    with pytest.raises(IngestError, match=rf"at h:1 has Ray 2.59.0 on Python 3.12.1, .*{ours}"):
        raise start._unreachable("h:1", theirs.value)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999999", "localhost:1"])
def test_nobody_at_an_address_is_told_at_once(tmp_path, address):
    source = write_jsonl(tmp_path / "a.jsonl", documents(1))
    with (
        pytest.raises(IngestError, match=f"no Ray cluster answers at {address} "),
        replace(runner(), address=address).ready(Rows(source, Reading()), StubEncoder()),
    ):
        pass


def test_of_two_on_one_line_the_first_is_taken():
    here, key = Origin("f", 3), key_of("a")
    taken = Taken({("f", 3): {key: here}, ("f", 9): {key: here}})
    assert taken.add("a", here) is None
    assert taken.add("a", here) == here
    assert taken.add("a", Origin("f", 9)) == here
    assert taken.add("b", Origin("f", 4)) is None


@pytest.mark.parametrize("error", [SourceError("gone."), LostPlaceError("i")])
def test_errors_keep_kind_and_sentence_between_processes(error):
    found = pickle.loads(pickle.dumps(Failure.of(error))).error()
    assert (type(found), str(found)) == (type(error), str(error))


@pytest.fixture
def setup():
    reach = Reach(StubEncoder, StubEncoder, "57ab", os.getcwd(), 1)
    return Setup(reach, OpenIndex("i", "u", Fields(), created=True), Plan(), Fitter({}))


def told(setup, path):
    """The file, its ids with their places, and how it ended."""
    (file,) = Rows(path, Reading()).files
    *ids, end = pickle.loads(pickle.dumps(list(reading.ids_of(setup, file))))
    assert isinstance(end, FileEnd)
    assert all(isinstance(each, Ids) for each in ids)
    return file, [pair for each in ids for pair in each], end


def chunks(setup, file, end):
    return chunks_of(setup, [FileJob(file, {}, end)])


def chunks_of(setup, jobs):
    row = {"files": pickle.dumps(jobs)}
    return [pickle.loads(each["chunk"]) for each in reading.chunks(row, setup)]


def test_a_file_tells_its_ids_and_then_its_rows(setup, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "IDS", 4)
    monkeypatch.setattr(reading, "ROWS", 4)
    rows = [*documents(9), {"id": "bad", "text": ""}]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    file, ids, end = told(setup, path)
    places = [(key_of(f"d{n}"), Origin(str(path), n + 1)) for n in range(9)]
    assert ids == [*places, (key_of("bad"), None)]
    assert (end.rows, end.failure) == (10, None)
    assert [len(each.rows) for each in chunks(setup, file, end)] == [4, 4, 2]


def test_small_files_are_read_together(setup, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "ROWS", 5)
    monkeypatch.setattr(reading, "FEW", 2)
    jobs = []
    for number, rows in enumerate([2, 3, 1, 9, 0, 1]):
        path = write_jsonl(tmp_path / f"{number}.jsonl", documents(rows, 10 * number))
        file, _, end = told(setup, path)
        taken = {(str(path), 1): {key_of(f"d{10 * number}"): Origin("before", 7)}}
        jobs.append(FileJob(file, taken, end))
    for parts, first in ((2, [2, 3]), (4, [2]), (99, [2])):
        groups = list(reading.together(jobs, parts))
        assert [each.end.rows for each in groups[0]] == first
    groups = list(reading.together(jobs, 2))
    assert [sum(each.end.rows for each in group) for group in groups] == [5, 1, 9, 1]
    (chunk,) = chunks_of(setup, groups[0])
    assert [each.value["id"] for each in chunk.rows] == ["d0", "d1", "d10", "d11", "d12"]
    assert chunk.taken == jobs[0].taken | jobs[1].taken


def test_a_file_that_changes_between_ids_and_rows_is_told(setup, tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", documents(3))
    file, _, end = told(setup, path)
    write_jsonl(path, documents(4))
    *found, last = chunks(setup, file, end)
    assert [len(each.rows) for each in found] == [4]
    assert "was changed while it was loaded (3 rows when its ids were read, 4" in last.text


def test_a_copy_on_another_machine_may_be_of_another_time(setup, tmp_path, monkeypatch):
    path = write_jsonl(tmp_path / "a.jsonl", documents(3))
    file, _, end = told(setup, path)
    os.utime(path, ns=(1, 1))
    assert "was changed while it was loaded (3 rows" in chunks(setup, file, end)[-1].text
    elsewhere = replace(end, version=replace(end.version, machine="another"))
    assert [len(each.rows) for each in chunks(setup, file, elsewhere)] == [3]
    path.write_text(f"{path.read_text()}\n")
    assert "was changed while it was loaded (3 rows" in chunks(setup, file, elsewhere)[-1].text


def test_damage_is_told_once_with_the_ids(setup, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(documents(3))[:-5])
    file, ids, end = told(setup, path)
    assert len(ids) == 2
    assert end.failure.kind is SourceError
    assert [len(each.rows) for each in chunks(setup, file, end)] == [2]


def test_a_run_of_which_nothing_comes_ends_with_a_sentence():
    flow, room = Flow(), Event()

    def made():
        yield "a batch"
        room.wait(60)  # as Ray does for a worker's

    batches = watched(flow, flow.buffered(made(), 1, drains=False), most=0.0)
    with pytest.raises(CancelledError):
        list(batches)
    room.set()
    assert "nothing came of the Ray cluster's workers in 0 seconds" in str(flow.error)


class Reached:
    """A cluster that answered."""

    def close(self):
        pass


class Answering(Reached):
    """One that tells what its nodes take, and hears what it is asked."""

    explaining = nullcontext

    def __init__(self):
        self.asked = []
        self.client = self.transport = self

    def perform_request(self, method, path, **given):
        self.asked.append(path)
        return {"nodes": {"n": {"http": {"max_content_length_in_bytes": 77}}}}


def refused():
    raise IngestError("no cluster answers.")


@pytest.mark.parametrize(
    ("change", "file", "fault"),
    [
        ({}, "a.jsonl", None),
        ({"connect": refused}, "a.jsonl", "no cluster answers."),
        ({"fingerprint": "other"}, "a.jsonl", "give all machines the same model."),
        ({}, "gone.jsonl", "it has no gone.jsonl: put the files where every machine sees them"),
        ({}, "cut.parquet", "cut.parquet is damaged"),
    ],
)
def test_what_a_machine_lacks_is_told(tmp_path, monkeypatch, change, file, fault):
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "a.jsonl", documents(3))
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    reach = replace(Reach(Reached, StubEncoder, "57ab", str(tmp_path), 1), **change)
    files = reading.looked_for([SourceFile(Path("a.jsonl")), SourceFile(Path(file))], Reading())
    found = fault_of_machine(version(PACKAGE), pickle.dumps(reach), files)
    assert found == fault or fault in found
    assert "and the run 0.0: install" in fault_of_machine("0.0", b"", [])


def test_of_each_kind_of_file_the_first_is_read(monkeypatch):
    monkeypatch.setattr(reading, "FILES_LOOKED_FOR", 3)
    names = ["a.csv", "b.csv", "c.jsonl", "d.jsonl", "e.parquet"]
    found = reading.looked_for([SourceFile(Path(each)) for each in names], Reading())
    asked = {each.name: bool(each.reading) for each in found}
    assert asked == {"a.csv": True, "b.csv": False, "c.jsonl": True, "e.parquet": True}


def test_a_file_that_needs_a_package_names_it():
    missing = pickle.dumps(Reached).replace(b"test_ray", b"test_yra")
    with pytest.raises(SourceError, match=r"s3://b/a.jsonl needs the package .*test_yra"):
        reading.LookedFor("s3://b/a.jsonl", missing, Reading()).look()


def test_a_worker_computes_with_its_share_and_waits_for_a_cluster_that_is_away(setup, monkeypatch):
    monkeypatch.setattr(running, "_share", None)  # put back as it was
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 0.0)
    there = Answering()
    answers = [UnreachableError("away."), UnreachableError("away."), there]

    def connected():
        if isinstance(answer := answers.pop(0), UnreachableError):
            raise answer
        return answer

    one = worker.Worker(replace(setup, reach=replace(setup.reach, connect=connected)))
    assert running.threads() == 1
    cluster, _, largest = one._opened.result(60)  # begun without a chunk
    assert cluster is there
    assert (largest, there.asked) == (77, ["/_nodes/http"])
    assert not answers
