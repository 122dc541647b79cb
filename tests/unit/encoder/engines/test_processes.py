"""Several devices, a process for each; here the processor named twice."""

import multiprocessing
import os
import signal
from typing import NamedTuple

import numpy as np
import psutil
import pytest

from encoder import Encoder, EncoderError
from tests.support import models
from tests.support.parity import TEXTS
from tests.support.processes.forked import forked

SECRETS = ("TANDEM_PASSWORD", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "HTTPS_PROXY")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return models.transformer(tmp_path_factory.mktemp("several"), "bert")


def load(folder, device):
    return Encoder.load(folder, device=device, backend="torch", precision="float32")


class Several(NamedTuple):
    """An encoder and its processes."""

    encoder: Encoder
    children: list[multiprocessing.Process]


@pytest.fixture(scope="module")
def opened():
    """Those of the tests before."""
    return []


@pytest.fixture
def several(folder, opened, monkeypatch):
    """Opened while there were secrets; once, for each process imports torch, until one is ended."""
    if not (opened and all(each.is_alive() for each in opened[-1].children)):
        before = set(multiprocessing.active_children())
        for name in SECRETS:
            monkeypatch.setenv(name, "sesame")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        encoder = load(folder, "cpu,cpu")
        assert [os.environ[name] for name in SECRETS] == ["sesame"] * len(SECRETS)
        children = [each for each in multiprocessing.active_children() if each not in before]
        opened.append(Several(encoder, children))
    return opened[-1]


def test_two_processes_give_what_one_gives_in_order(folder, several):
    texts = TEXTS * 20
    with_one, with_two = load(folder, "cpu"), several.encoder
    assert len(several.children) == 2
    found = with_two.encode_passages(texts)
    assert np.abs(found - with_one.encode_passages(texts)).max() < 1e-6
    streamed = np.stack(list(with_two.stream_passages(iter(texts))))
    assert np.array_equal(streamed, found)
    assert np.abs(with_two.encode_queries(TEXTS) - with_one.encode_queries(TEXTS)).max() < 1e-6
    assert with_two.fingerprint == with_one.fingerprint


def test_no_process_gets_a_secret(several):
    for child in several.children:
        environ = psutil.Process(child.pid).environ()
        assert "sesame" not in environ.values()
        assert "CUDA_VISIBLE_DEVICES" in environ
    assert several.encoder.dim


def test_an_interrupt_is_for_the_main_process_alone(several):
    for child in several.children:
        os.kill(child.pid, signal.SIGINT)
    encoder = several.encoder
    assert encoder.encode_passages(TEXTS).shape == (len(TEXTS), encoder.dim)


def test_processes_of_several_devices_are_the_parents(several):
    def refused():
        with pytest.raises(EncoderError, match="was opened before this process was forked") as told:
            several.encoder.encode_passages(TEXTS)
        return str(told.value)

    assert forked(refused).startswith("the device cpu, cpu was opened")


def test_an_ended_process_is_told(several):
    first = several.children[0]
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    with pytest.raises(EncoderError, match=r"the process that encodes on cpu was ended"):
        several.encoder.encode_passages(TEXTS * 20)


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
