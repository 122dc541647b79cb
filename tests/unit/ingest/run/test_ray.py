"""What a Ray cluster lacks, and a package that is not there, are told before a run begins."""

import pickle
import sys

import pytest

from ingest import IngestError, RayRunner, SourceError
from ingest.errors import LostPlaceError
from ingest.read.rows import Rows
from ingest.records import Origin
from ingest.run.deduplicate import key_of
from ingest.run.ray.parts import Failure, Taken
from ingest.run.ray.resources import Node, cpus_of_a_worker, default_workers
from ingest.settings import Reading
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
    with pytest.raises(IngestError, match=r"need 3 CPUs.* has 2 free on 1 machines"):
        cpus_of_a_worker([Node(2)], 2, 2)
    with pytest.raises(IngestError, match=r"need 2 GPUs.* has 1 on 1 machines"):
        cpus_of_a_worker([Node(8, 1)], 8, 2, 1)


def test_a_worker_on_each_machine_or_for_each_gpu():
    assert default_workers([Node(4), Node(4)], 0) == 2
    assert default_workers([Node(4, 4), Node(4)], 2) == 2


def test_without_ray_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    runner = RayRunner(connect=StubEncoder, load_encoder=StubEncoder)
    rows = Rows([{"id": "a", "text": "b"}], Reading())
    with (
        pytest.raises(IngestError, match=r"not installed.*tandem-search\[ray\]"),
        runner.ready(rows, StubEncoder()),
    ):
        pass


def test_of_two_on_one_line_the_first_is_taken():
    here, key = Origin("f", 3), key_of("a")
    taken = Taken({(key, "f", 3): here, (key, "f", 9): here})
    assert taken.add("a", here) is None
    assert taken.add("a", here) == here
    assert taken.add("a", Origin("f", 9)) == here
    assert taken.add("b", Origin("f", 4)) is None


@pytest.mark.parametrize("error", [SourceError("gone."), LostPlaceError("i")])
def test_errors_keep_kind_and_sentence_between_processes(error):
    found = pickle.loads(pickle.dumps(Failure.of(error))).error()
    assert (type(found), str(found)) == (type(error), str(error))
