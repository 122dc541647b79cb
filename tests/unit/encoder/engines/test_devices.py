"""How large a GPU's batches are."""

import torch

from encoder.engines.torch_engine import Mps, Processor, device_for, fitting

GIB = 1 << 30


def test_a_batch_takes_its_worker_s_share_of_half_the_free_memory():
    # 1 GiB free, a half of it for 2 workers: 256 MiB each, and 16 KiB for a token.
    assert fitting(GIB, of_token=16_384, concurrency=2) == 16_384
    assert fitting(GIB, of_token=16_384, concurrency=1) == 32_768


def test_a_batch_is_never_tiny_nor_larger_than_helps():
    assert fitting(1000, of_token=16_384, concurrency=2) == 1024
    assert fitting(80 * GIB, of_token=16_384, concurrency=2) == 65_536


def test_each_kind_of_device_has_its_own():
    assert isinstance(device_for(torch.device("cpu"), 3), Processor)
    assert device_for(torch.device("cpu"), 3).concurrency == 3
    assert isinstance(device_for(torch.device("mps"), 3), Mps)
