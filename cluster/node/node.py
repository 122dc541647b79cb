"""The embedded node: a real OpenSearch on this machine, found again by later commands."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cluster.errors import NodeError
from cluster.node import process, ready
from cluster.node.artifacts import OPENSEARCH, OnProgress
from cluster.node.distribution import installation
from cluster.node.files import Layout, command, environment, prepare
from cluster.node.home import (
    Home,
    NodeUser,
    check_enterable,
    claim,
    default_home,
    make_enterable,
    node_user,
)
from cluster.node.java import Java, find_java
from cluster.node.ready import answers, wait_until_ready

STOP_SECONDS = 30.0
START_SECONDS = 180.0
# How long a node may be busy before it counts as hung.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class NodeState:
    """A node that runs."""

    pid: int
    url: str
    version: str


@dataclass(frozen=True)
class EmbeddedNode:
    """One node in one home.

    heap: as Java writes it; port: 0 takes the last one where it is free, else any; settings: lines
    for opensearch.yml; java: None looks for one.
    """

    home: Home = field(default_factory=default_home)
    heap: str = "1g"
    port: int = 0
    settings: Mapping[str, str | int | bool] = field(default_factory=dict)
    java: Java | None = None

    @property
    def layout(self) -> Layout:
        """The node's own files."""
        return Layout(self.home.node)

    @property
    def log(self) -> Path:
        """What the node says."""
        return self.layout.log

    def status(self) -> NodeState | None:
        """The running node, or None; a state file whose process is not our node counts as none."""
        state = self.last_state()
        return state if state and process.is_ours(state.pid, self.layout.marker) else None

    def last_state(self) -> NodeState | None:
        """The node that was started last, be it dead or alive; None after a stop."""
        try:
            return NodeState(**json.loads(self.layout.state.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def start(self, on_progress: OnProgress | None = None) -> NodeState:
        """Return the running node, starting it where it does not run; two at once give one node.

        Raises NodeError; where the node itself failed, the message ends with its last log lines.
        """
        if running := self._answering():
            return running

        def waiting() -> None:
            if on_progress:
                on_progress("waiting for another tandem that is starting the node", 0, None)

        with self._told():
            check_enterable(self.home.path, node_user())
            claim(self.home.node)
            with process.hold(self.layout.lock, START_SECONDS, waiting):
                return self._answering() or self._start(on_progress)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the file system refuses into a NodeError: a full disk, a foreign folder."""
        try:
            yield
        except OSError as error:
            raise NodeError(
                f"the embedded node cannot use its folder {self.home.path}: {error}; "
                "mend that, or set TANDEM_HOME to another folder."
            ) from error

    def _answering(self) -> NodeState | None:
        state = self.status()
        return state if state and answers(state.url) else None

    def _start(self, on_progress: OnProgress | None) -> NodeState:
        if adopted := self._adopt():
            return adopted
        if last := self.last_state():  # killed a moment ago, it may still hold the data's lock
            process.gone_within(last.pid, self.layout.marker, STOP_SECONDS)
        user = node_user()
        make_enterable(self.home.distributions)
        java = self.java or find_java(self.home, user)
        folder = installation(self.home, java, on_progress)
        prepare(self.layout, folder, user, java, self.settings)
        if on_progress:
            on_progress(f"starting OpenSearch {OPENSEARCH.version}", 0, None)
        return self._launch(folder, user, java)

    def _adopt(self) -> NodeState | None:
        """A node that runs but did not answer: still starting, or busy; ended where it hangs."""
        marker = self.layout.marker
        if (pid := process.find(marker)) is None:
            return None
        try:
            return self._remember(pid, wait_until_ready(self.layout, pid, PATIENCE_SECONDS))
        except NodeError:
            process.end(pid, marker, STOP_SECONDS)
            return None

    def _last_port(self) -> int:
        """The port of the start before, where whoever knows its URL looks; 0 where it is none."""
        try:
            port = int(self.layout.port.read_text("ascii"))
            with socket.socket() as taken:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                taken.bind(("127.0.0.1", port))
        except (OSError, ValueError, OverflowError):
            return 0
        return port

    def _remember(self, pid: int, url: str) -> NodeState:
        _write(self.layout.port, str(urlsplit(url).port))
        state = NodeState(pid, url, OPENSEARCH.version)
        _write(self.layout.state, json.dumps(asdict(state)))
        return state

    def _launch(self, folder: Path, user: NodeUser, java: Java) -> NodeState:
        marker = self.layout.marker
        try:
            pid = process.spawn(
                command(self.layout, folder, self.port or self._last_port()),
                self.log,
                user,
                environment(self.layout, java, self.heap),
                folder,
            )
            return self._remember(pid, wait_until_ready(self.layout, pid, START_SECONDS))
        except BaseException:
            # Ctrl-C too must leave no node that nobody knows of.
            if (started := process.find(marker)) is not None:
                process.end(started, marker, 2.0)
            raise

    def stop(self) -> NodeState | None:
        """End the node and return what ran, or None where none did; its data stays."""
        if not self.home.node.is_dir():
            return None
        with self._told():
            claim(self.home.node)
            with process.hold(self.layout.lock, START_SECONDS):
                return self._stop()

    def _stop(self) -> NodeState | None:
        state = self.status()
        pid = state.pid if state else process.find(self.layout.marker)
        if pid is not None:
            process.end(pid, self.layout.marker, STOP_SECONDS)
        self.layout.state.unlink(missing_ok=True)
        return state

    def reset(self) -> None:
        """End the node and delete its indexes; the downloads stay.

        Raises NodeError where the node's folder is not Tandem's own.
        """
        if not self.home.node.is_dir():
            return
        with self._told():
            claim(self.home.node)
            with process.hold(self.layout.lock, START_SECONDS):
                self._stop()
                if self.layout.data.exists():
                    shutil.rmtree(self.layout.data)

    def epitaph(self) -> str | None:
        """One sentence where the node that was started last has died; None where it has not."""
        state = self.last_state()
        if not state or process.is_ours(state.pid, self.layout.marker):
            return None
        return (
            f"the embedded node (process {state.pid}) has died; its log {self.log} says "
            f"{ready.last_relevant(self.log)!r}: run `EmbeddedNode.start()` to start it again, "
            "its data is kept."
        )


def _write(path: Path, text: str) -> None:
    """Replace a file in one step, so that no reader ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, path)
