"""Several devices, a process for each; here the processor named twice."""

import multiprocessing
import os
import signal

import numpy as np
import psutil
import pytest

from encoder import Encoder, EncoderError
from tests.support import models
from tests.support.parity import TEXTS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return models.transformer(tmp_path_factory.mktemp("several"), "bert")


def load(folder, device):
    return Encoder.load(folder, device=device, backend="torch", precision="float32")


def test_two_processes_give_what_one_gives_in_order(folder):
    texts = TEXTS * 20
    with_one, with_two = load(folder, "cpu"), load(folder, "cpu,cpu")
    assert len(multiprocessing.active_children()) >= 2
    found = with_two.encode_passages(texts)
    assert np.abs(found - with_one.encode_passages(texts)).max() < 1e-6
    streamed = np.stack(list(with_two.stream_passages(iter(texts))))
    assert np.array_equal(streamed, found)
    assert np.abs(with_two.encode_queries(TEXTS) - with_one.encode_queries(TEXTS)).max() < 1e-6
    assert with_two.fingerprint == with_one.fingerprint


def test_no_process_gets_a_secret(folder, monkeypatch):
    before = set(multiprocessing.active_children())
    for name in ("TANDEM_PASSWORD", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "sesame")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    encoder = load(folder, "cpu,cpu")
    for child in set(multiprocessing.active_children()) - before:
        environ = psutil.Process(child.pid).environ()
        assert "sesame" not in environ.values()
        assert "CUDA_VISIBLE_DEVICES" in environ
    assert encoder.dim
    assert os.environ["HF_TOKEN"] == "sesame"


def test_an_ended_process_is_told(folder):
    before = set(multiprocessing.active_children())
    encoder = load(folder, "cpu,cpu")
    [first, _] = [each for each in multiprocessing.active_children() if each not in before]
    os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(EncoderError, match=r"the process that encodes on cpu was ended"):
        encoder.encode_passages(TEXTS * 20)


def test_an_interrupt_is_for_the_main_process_alone(folder):
    before = set(multiprocessing.active_children())
    encoder = load(folder, "cpu,cpu")
    for child in set(multiprocessing.active_children()) - before:
        os.kill(child.pid, signal.SIGINT)
    assert encoder.encode_passages(TEXTS).shape == (len(TEXTS), encoder.dim)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "cpu,cuda:0"}, "`device='cpu,cuda:0'` names several kinds: name only one"),
        ({"device": "cpu,cpu", "backend": "openvino"}, "several devices need `backend='torch'`"),
    ],
)
def test_what_cannot_be_shared_out_is_told(folder, options, said):
    with pytest.raises(EncoderError, match=said):
        Encoder.load(folder, **options)
