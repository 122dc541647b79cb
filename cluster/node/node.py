"""The embedded node: a real OpenSearch on this machine, found again by later commands."""

from __future__ import annotations

import shutil
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from cluster.errors import NodeError, UnreachableError
from cluster.node import process, ready, state
from cluster.node.artifacts import OPENSEARCH, OnDownload
from cluster.node.distribution import installation
from cluster.node.files import Layout, command, environment, prepare, program
from cluster.node.home import (
    Home,
    NodeUser,
    check_enterable,
    check_unlinked,
    claim,
    default_home,
    node_user,
)
from cluster.node.java import Java, find_java
from cluster.node.ready import is_node, wait_until_ready
from cluster.node.state import NodeState, Record
from tandem.base.arguments import checked_arguments
from tandem.base.folders import make_enterable, said_of
from tandem.base.process.memory import LEAST_FILES_OF_NODE, fault_of_files

STOP_SECONDS = 30.0
START_SECONDS = 180.0
# How long a node may be busy before it counts as hung.
PATIENCE_SECONDS = 60.0


@checked_arguments(NodeError)
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
        record = self.record()
        if not record or not record.running:
            return None
        return record.running if process.is_ours(record.running.pid, record.identity) else None

    def record(self) -> Record | None:
        """The node that was started last, be it dead or alive; None after a stop."""
        return state.read(self.layout.state)

    def start(self, on_progress: OnDownload | None = None) -> NodeState:
        """Return the running node, starting it where it does not run; two at once give one node.

        Raises NodeError; where the node itself failed, the message ends with its last log lines.
        """
        if running := self._answering():
            return running

        def waiting() -> None:
            if on_progress:
                on_progress("waiting for another tandem that is starting the node", 0, None)

        if fault := fault_of_files(LEAST_FILES_OF_NODE, "the embedded node", hard=True):
            raise NodeError(fault)
        with self._told():
            check_enterable(self.home.path, node_user())
            claim(self.home.node)
            check_unlinked(self.home.node)
            with process.hold(self.layout.lock, START_SECONDS, waiting):
                return self._answering() or self._start(on_progress)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the file system refuses into a NodeError: a full disk, a foreign folder."""
        try:
            yield
        except OSError as error:
            raise NodeError(
                f"the embedded node cannot use its folder {self.home.path} ({said_of(error)}): "
                "mend that, or set TANDEM_HOME to another folder."
            ) from error

    def _answering(self) -> NodeState | None:
        record, running = self.record(), self.status()
        if record and running and is_node(running.url, record.identity):
            return running
        return None

    def _start(self, on_progress: OnDownload | None) -> NodeState:
        if adopted := self._adopt():
            return adopted
        last = self.record()
        if last and last.running:  # killed a moment ago, it may still hold the data's lock
            process.gone_within(last.running.pid, last.identity, STOP_SECONDS)
        user = node_user()
        make_enterable(self.home.distributions)
        java = self.java or find_java(self.home, user)
        folder = installation(self.home, java, on_progress)
        if on_progress:
            on_progress(f"starting OpenSearch {OPENSEARCH.version}", 0, None)
        try:
            return self._launch(folder, user, java)
        except NodeError as error:
            if fault := ready.fault_of_options(self.log, self.port, self.heap):
                raise NodeError(fault) from error
            if ready.lacks_port(self.log) and not self.port and self.layout.port.exists():
                # It was free a moment ago, or is one that the node's user may not have.
                self.layout.port.unlink()
                return self._start(on_progress)
            if not ready.lacks_faiss(self.log):
                raise
        # An index of a user's own must not cost all others.
        return replace(self, settings={**self.settings, **ready.NO_SHARDS})._launch(
            folder, user, java, without_faiss=True
        )

    def _adopt(self) -> NodeState | None:
        """A node that runs but did not answer: still starting, or busy; ended where it hangs."""
        record = self.record()
        if not record or (pid := process.find(record.identity)) is None:
            return None
        identity = record.identity
        try:
            url = wait_until_ready(self.layout, pid, identity, PATIENCE_SECONDS)
            return self._remember(identity, pid, url)
        except NodeError:
            process.end(pid, identity, STOP_SECONDS)
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

    def _remember(self, identity: process.Identity, pid: int, url: str) -> NodeState:
        state.replace(self.layout.port, str(urlsplit(url).port))
        running = NodeState(pid, url, OPENSEARCH.version)
        state.remember(self.layout.state, Record(identity, running))
        return running

    def _launch(
        self, folder: Path, user: NodeUser, java: Java, without_faiss: bool = False
    ) -> NodeState:
        prepare(self.layout, folder, user, java, self.settings)
        identity = process.new_identity(user.uid, program(folder))
        # Before it runs, so that it is found where we are killed now.
        state.remember(self.layout.state, Record(identity))
        try:
            pid = process.spawn(
                command(self.layout, identity, self.port or self._last_port()),
                self.log,
                user,
                environment(self.layout, java, self.heap),
                folder,
            )
            url = wait_until_ready(self.layout, pid, identity, START_SECONDS)
            if without_faiss:
                _search_exactly(url)
                wait_until_ready(self.layout, pid, identity, START_SECONDS)
            return self._remember(identity, pid, url)
        except BaseException:
            # Ctrl-C too must leave no node that nobody knows of.
            if (started := process.find(identity)) is not None:
                process.end(started, identity, 2.0)
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
        record, running = self.record(), self.status()
        if record:
            pid = running.pid if running else process.find(record.identity)
            if pid is not None:
                process.end(pid, record.identity, STOP_SECONDS)
        self.layout.state.unlink(missing_ok=True)
        return running

    def reset(self) -> bool:
        """End the node and delete its indexes; the downloads stay. False where there were none.

        Raises NodeError where the node's folder is not Tandem's own.
        """
        if not self.home.node.is_dir():
            return False
        with self._told():
            claim(self.home.node)
            check_unlinked(self.home.node)
            with process.hold(self.layout.lock, START_SECONDS):
                self._stop()
                if there := self.layout.data.exists():
                    shutil.rmtree(self.layout.data)
        return there

    def absence(self) -> str | None:
        """One sentence where the node does not run: died, stopped, or being started; else None."""
        record, running = self.record(), self.status()
        if running:
            return None
        if not record or not (last := record.running):
            if record and process.find(record.identity):
                return "the embedded node is being started: wait and run the command again."
            return "the embedded node does not run: run `EmbeddedNode.start()`, its data is kept."
        return (
            f"the embedded node (process {last.pid}) has died; its log {self.log} says "
            f"{ready.last_relevant(self.log)!r}: run `EmbeddedNode.start()` to start it again, "
            "its data is kept."
        )


class Locator:
    """The port at which a node runs now; raises UnreachableError where it does not.

    Asked before each request, so the node is recognised again only once its file, or its process,
    is another one.
    """

    def __init__(self, node: EmbeddedNode) -> None:
        self._node, self._file = node, node.layout.state
        # Replaced as one object, so that threads never see half of an old one.
        self._seen: tuple[object, process.Watch, int] | None = None

    def __call__(self) -> int:
        """The port, of what was recognised before or is now."""
        stamp = state.stamp(self._file)
        if self._seen:
            known, watch, port = self._seen
            if stamp == known and watch.runs():
                return port
        watch, port = self._recognised()
        self._seen = (stamp, watch, port)
        return port

    def _recognised(self) -> tuple[process.Watch, int]:
        record = self._node.record()
        # Watched first: what is recognised after that is no later process of the same number.
        watch = process.Watch(record.running.pid if record and record.running else None)
        running = self._node.status()
        if not running:
            raise UnreachableError(self._node.absence() or "the embedded node does not run")
        return watch, urlsplit(running.url).port or 0


def _search_exactly(url: str) -> None:
    """Let all indexes run, those for faiss without its graphs, and say which these are."""
    if spared := ready.without_graphs(url):
        warnings.warn(
            "the embedded node ended because it has no faiss, for which these indexes were made: "
            f"{', '.join(spared)}; their vectors are searched exactly now, which takes longer: "
            "make them anew with `engine='lucene'`.",
            stacklevel=2,
        )
