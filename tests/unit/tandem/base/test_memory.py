"""A limit on memory, as of `ulimit -v` or a container, is told as what it is."""

import errno

import pytest

from tandem.base.memory import NO_MEMORY, lacks_memory
from tandem.cli import _say


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("Exception from core.cpp:132: std::bad_alloc"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_whoever_says_it(error, capsys):
    assert _say(error) == 1
    assert capsys.readouterr().err == f"Error: {NO_MEMORY}\n"


def test_a_stream_that_is_full_for_a_moment_is_something_else():
    assert not lacks_memory(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"))
