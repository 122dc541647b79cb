"""An encoder whose process forks, and one that is to be sent to another process."""

import ctypes
import gc
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
import pytest

from encoder import CrossEncoder, Encoder
from encoder.forks import computing
from tests.support import models
from tests.support.loads import ROOT
from tests.support.models import cross_encoder
from tests.support.parity import TEXTS
from tests.support.processes.forked import HANGS, forked
from tests.unit.encoder.engines.test_cross_onnx import written

MANY = TEXTS * 20
# By several workers too, and soon at its end.
BUSY = TEXTS * 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return models.transformer(tmp_path_factory.mktemp("forked"), "bert")


@pytest.fixture(scope="module", params=["torch", "openvino"])
def encoder(request, folder):
    return Encoder.load(folder, backend=request.param, precision="float32")


def both(encoder):
    return encoder.encode_queries(TEXTS), encoder.encode_passages(MANY)


def test_a_child_encodes_as_its_parent_did(encoder):
    few, many = both(encoder)
    found_few, found_many = forked(lambda: both(encoder))
    assert np.array_equal(few, found_few)
    assert np.abs(many - found_many).max() < 1e-5
    grandchild = forked(lambda: forked(lambda: both(encoder)))
    assert np.array_equal(few, grandchild[0])


def test_a_child_loads_a_model_of_its_own(encoder, folder):
    few, _ = both(encoder)
    load = forked(lambda: Encoder.load(folder, backend="torch").encode_queries(TEXTS))
    assert np.abs(few - load).max() < 1e-5


def test_a_fork_in_the_midst_of_a_stream(encoder):
    few, many = both(encoder)
    stream = encoder.stream_passages(iter(MANY))
    next(stream)
    found_few, found_many = forked(lambda: both(encoder))
    assert np.array_equal(few, found_few)
    # Which texts share a batch depends on what waits at that moment.
    assert np.abs(many - found_many).max() < 1e-5
    assert sum(1 for _ in stream) == len(MANY) - 1


def test_forks_while_other_threads_compute(encoder):
    few, _ = both(encoder)
    ended = threading.Event()

    def encode():
        while not ended.is_set():
            encoder.encode_passages(BUSY)
            encoder.encode_queries(TEXTS)

    with ThreadPoolExecutor(3) as pool:
        busy = [pool.submit(encode) for _ in range(3)]
        try:
            for _ in range(8):
                assert np.abs(forked(lambda: encoder.encode_queries(TEXTS)) - few).max() < 1e-5
        finally:
            ended.set()
        for each in busy:
            each.result()


def test_a_fork_waits_until_nothing_is_computed():
    """Else the child could find locks of torch's held by a thread that only its parent has."""
    computes, may_end, forks = (threading.Event() for _ in range(3))

    def compute():
        with computing():
            computes.set()
            may_end.wait()

    with ThreadPoolExecutor(2) as pool:
        pool.submit(compute)
        computes.wait()
        child = pool.submit(lambda: (forked(lambda: "of the child"), forks.set())[0])
        try:
            assert not forks.wait(1)
        finally:
            may_end.set()
        assert child.result() == "of the child"


def test_a_fork_waits_until_threads_that_computed_have_ended():
    """Python lets go of a thread before its libraries do: MKL's lock was seen held in a child."""
    libc, key = ctypes.CDLL(None), ctypes.c_uint()
    assert libc.pthread_key_create(ctypes.byref(key), libc.usleep) == 0
    natives = []

    def compute():
        natives.append(threading.get_native_id())
        with computing():
            # So long the thread is there after Python has let go of it.
            libc.pthread_setspecific(key, ctypes.c_void_p(700_000))

    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    task = Path(f"/proc/self/task/{natives[0]}")
    assert task.exists()
    forked(lambda: None)
    assert not task.exists()


@pytest.mark.long
def test_a_fork_as_soon_as_a_stream_has_ended(folder):
    encoder = Encoder.load(folder, backend="torch", precision="float32")
    for _ in range(40):
        encoder.encode_passages(TEXTS * 3)
        forked(lambda: encoder.encode_queries(TEXTS))


def test_a_fork_while_a_thread_opens_the_model(folder):
    encoder = Encoder.load(folder, only_queries=True, backend="torch")
    with encoder._model._lock:
        assert forked(lambda: encoder.encode_passages(TEXTS)).shape == (len(TEXTS), encoder.dim)


@pytest.mark.parametrize("kind", [cross_encoder, written], ids=["folder", "onnx"])
def test_a_child_reranks_and_lets_go_of_what_its_parent_opened(kind, tmp_path):
    held = [CrossEncoder.load(kind(tmp_path))]
    scores = held[0].score("jugs", TEXTS)

    def rerank():
        found = held[0].score("jugs", TEXTS)
        held.clear()
        return found

    assert np.array_equal(forked(rerank), scores)
    assert np.array_equal(forked(lambda: forked(rerank)), scores)


def test_a_child_does_not_collect_what_its_parent_had_not(tmp_path):
    """Garbage may hold a compiled network, whose end waits for threads of the parent's."""
    core = openvino.Core()
    held = [core.compile_model(core.read_model(written(tmp_path)), "CPU")]
    held[0].create_infer_request().infer([np.ones((1, 2), np.int64)] * 3)
    gc.disable()
    try:
        held.append(held)
        del held
        forked(gc.collect)
    finally:
        gc.enable()


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_child_that_encodes_nothing_ends_in_the_usual_way(folder, backend):
    program = f"""
import os, sys
from encoder import Encoder
encoder = Encoder.load({str(folder)!r}, backend={backend!r}, precision="float32")
encoder.encode_queries(["a"] * 40)
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=HANGS)
    assert done.returncode == 0


def test_pickling_says_what_to_do_instead(encoder):
    with pytest.raises(TypeError, match=r"call Encoder\.load there"):
        pickle.dumps(encoder)
