"""Commands in processes of their own that need not import anew what every command imports.

Imports take a second and a half of a processor for each command, more than most of them work. One
process imports them once and then forks for each; what it forks is otherwise `python -m tandem`,
with its own folder, variables and standard streams, and it ends as a process ends, save that it
leaves to the system what was imported before: taking that apart took half of a short command.
"""

import atexit
import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil

from encoder.engines.openvino_engine import require

ROOT = Path(__file__).resolve().parents[3]
# Nothing that starts threads, which do not come along, and no model.
IMPORTED = (
    "tandem.commands.documents.ingest",
    "tandem.commands.searches.search",
    "opensearchpy",
    "numpy",
    "orjson",
    "tokenizers",
    "encoder.encoder",
    "encoder.selection.measure",
    "platformdirs",
    "rich.progress",
    "rich.table",
)
# Only these may differ: others may be read by an import, or by Python's own start. pytest sets its
# own for each test, and torch one at some time.
_OURS = ("TANDEM_", "COLUMNS", "PYTEST_", "TORCHINDUCTOR_")
# What a pipe takes at once of standard input; what is longer is somebody else's to feed.
_STDIN = 60_000
_MESSAGE = 150_000


class Forker:
    """The process that forks, started by the first who needs it."""

    def __init__(self):
        self._socket = None

    def _start(self):
        self._environ = _theirs(os.environ)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import serve; serve({theirs.fileno()})"],
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self._end, process)

    def _end(self, process):
        self._socket.close()
        process.wait()

    def can(self, environ, stdin):
        """Whether such a command may be forked."""
        if self._socket is None:
            self._start()
        return _theirs(environ) == self._environ and len(stdin) < _STDIN

    def run(self, words, cwd, environ, stdin, timeout):
        """A command's exit status as os.waitpid gives it, what it wrote, and its errors."""
        given, given_end = os.pipe()
        os.write(given_end, stdin)
        os.close(given_end)
        result, result_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with result, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            job = json.dumps([words, str(cwd), dict(environ)]).encode()
            descriptors = [given, out.fileno(), err.fileno(), result_end.fileno()]
            try:
                socket.send_fds(self._socket, [job], descriptors)
            finally:
                os.close(given)
                result_end.close()
            status = _waited(result, words, timeout)
            out.seek(0), err.seek(0)
            return status, out.read(), err.read()


def _theirs(environ):
    kept = {name: value for name, value in environ.items() if not name.startswith(_OURS)}
    return {"PYTHONPATH": str(ROOT), **kept}


def _waited(result, words, timeout):
    pid = int(result.recv(100))
    result.settimeout(timeout)
    try:
        return int(result.recv(100))
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise subprocess.TimeoutExpired(words, timeout) from None


FORKER = Forker()


def run_tandem(words, **options):
    """`python -m tandem WORDS`, as run_module runs it."""
    return run_module("tandem", words, **options)


def run_module(module, words, *, cwd=ROOT, env=None, input="", timeout=None):
    """`python -m MODULE WORDS` as subprocess.run runs it with text that is captured."""
    environ = os.environ if env is None else env
    words, stdin = [module, *map(str, words)], input.encode()
    if FORKER.can(environ, stdin):
        status, out, err = FORKER.run(words, cwd, environ, stdin, timeout)
        code = os.waitstatus_to_exitcode(status)
        return subprocess.CompletedProcess(words, code, out.decode(), err.decode())
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=cwd,
        env=environ,
        input=input,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def _next_job(jobs):
    """Fork for each job, until whoever sends them has gone."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(jobs, _MESSAGE, 4)
        if not message:
            return None
        while _reaped():
            pass
        if not os.fork():
            break
        for each in descriptors:
            os.close(each)
    jobs.close()
    *streams, result = descriptors
    pid = os.fork()
    if not pid:
        os.close(result)
        return json.loads(message), streams
    _watch(pid, socket.socket(fileno=result), streams)


def _reaped():
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return 0


def _watch(pid, result, streams):
    """Tell which process it is, and then how it ended."""
    for each in streams:
        os.close(each)
    result.send(str(pid).encode())
    result.send(str(os.waitpid(pid, 0)[1]).encode())
    os._exit(0)


def _become(words, cwd, environ, streams):
    """Be the command, as if Python had just started."""
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    module, *sys.argv[1:] = words
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        # A command with threads, of Python's or a library's, ends as Python lets it.
        if isinstance(end.code, int) and psutil.Process().num_threads() == 1:
            with contextlib.suppress(OSError, ValueError):  # of its streams, which Python tells
                _end(end.code)
        raise


def _end(code):
    """What Python does at its end, in its order, but for taking modules apart."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve(descriptor):
    """Import what commands do, and fork for each; a fork becomes its command and returns here."""
    for name in IMPORTED:
        __import__(name)
    require()
    gc.collect()
    gc.freeze()
    try:
        job = _next_job(socket.socket(fileno=descriptor))
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)
    if job is not None:
        (words, cwd, environ), streams = job
        _become(words, cwd, environ, streams)
