"""A limit on memory, as of `ulimit -v` or a container, is told as what it is."""

import errno
import os
import subprocess
import sys

import pytest

from encoder.errors import ModelDamagedError
from tandem.base.process.memory import LEAST, NO_FILES, NO_MEMORY, lacks_files, lacks_memory
from tandem.cli import _say
from tests.support.commands import ROOT

# A command that does nothing but encode, which takes the most memory of all.
ENCODE = """
import sys
import tandem.cli as edge
def encode(context):
    from encoder import Encoder
    model = "sentence-transformers/all-MiniLM-L6-v2"
    encoder = Encoder.load(model, device="cpu", backend=sys.argv[1], precision="float32")
    encoder.encode_passages(["a", "b"])
edge.cli.invoke = encode
edge.main(["index", "list"])
"""


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


# As another user, for root may have as many as it likes.
FEW_THREADS = """
import os, resource, sys
from tandem.base.process.memory import fault_of_limit
os.getuid() or os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
sys.exit(fault_of_limit())
"""


def test_that_no_threads_may_be_started_is_told_before_it_looks_like_an_interrupt():
    done = subprocess.run(
        [sys.executable, "-c", FEW_THREADS], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert "`ulimit -u` allows its user 1 of all its processes" in done.stderr


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_real_limit(backend, tmp_path):
    done = subprocess.run(
        ["sh", "-c", f'ulimit -v 1000000; exec {sys.executable} -c "$0" {backend}', ENCODE],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TANDEM_HOME": str(tmp_path)},
        timeout=900,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Error: {NO_MEMORY}"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [["index", "list"], ["search", "x"], ["doctor"], ["ingest", "-"], ["serve"]]
)
def test_a_limit_below_what_any_command_needs(words):
    """numpy's OpenBLAS would ask again and again for memory, or end the process by its own line."""
    for limit in (90_000, 150_000):
        done = subprocess.run(
            ["sh", "-c", f'ulimit -v {limit}; exec {sys.executable} -m tandem "$@"', "sh", *words],
            capture_output=True,
            text=True,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
            timeout=900,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"Error: this process may take {limit // 1024} MB of memory (`ulimit -v`), and Tandem "
            f"needs at least {LEAST}: allow it more.\n"
        )


@pytest.mark.parametrize("words", [["index", "list"], ["search", "x", "--index", "books"]])
def test_that_hardly_any_files_may_be_open_is_told_before_the_first_of_them_is_missing(words):
    limited = "import resource as r, sys; r.setrlimit(r.RLIMIT_NOFILE, (16, 16));"
    program = f"{limited} from tandem.cli import main; main({words})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: this process may have 16 files open at once (`ulimit -n`), and Tandem needs at "
        "least 64: allow it more.\n"
    )


def test_files_that_ran_out_are_told_as_that_whoever_took_it_for_something_else(capsys):
    told = ModelDamagedError("config.json cannot be read: fetch the model again.")
    told.__context__ = OSError(errno.EMFILE, "Too many open files")
    assert _say(told) == 1
    assert capsys.readouterr().err == f"Error: {NO_FILES}\n"
    assert not lacks_files(told.__class__("another"))


def test_a_node_that_could_not_open_its_files_is_not_started(tmp_path):
    limited = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (200, 200));"
    program = f"{limited} from tandem.cli import main; main(['node', 'start'])"
    home = {**os.environ, "TANDEM_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=home
    )
    assert (done.returncode, "the embedded node needs at least 512" in done.stderr) == (1, True)
    assert not (tmp_path / "home").exists()
