"""Real servers for tests, each in a folder of its own, all stopped when the tests end.

The distributions are shared with the product's own cache, so a second run fetches nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cluster import EmbeddedNode, Home, process
from cluster.home import default_home
from cluster.node import NodeState

HEAP = "512m"
Settings = Mapping[str, "str | int | bool"]


def shared_home() -> Home:
    """The product's own cache, whose downloads and distributions tests reuse."""
    return default_home()


def private_home() -> Home:
    """A new home that any user can enter, with the shared downloads and no data."""
    path = Path(tempfile.mkdtemp(prefix="tandem-test-"))
    path.chmod(0o755)
    home, shared = Home(path), shared_home()
    for link, target in (
        (home.downloads, shared.downloads),
        (home.distributions, shared.distributions),
    ):
        target.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    return home


class OpenSearchServer:
    """An embedded node, through the product's own code, with its own data."""

    def __init__(self, settings: Settings | None = None, heap: str = HEAP) -> None:
        self.home = private_home()
        self.settings: Settings = settings or {}
        self.heap = heap
        self.port = 0

    @property
    def node(self) -> EmbeddedNode:
        """The node; after the first start it always gets the same port."""
        return EmbeddedNode(self.home, heap=self.heap, port=self.port, settings=self.settings)

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which a `tandem` process without --url finds this node."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
        return {**kept, "TANDEM_HOME": str(self.home.path)}

    @property
    def url(self) -> str:
        """Where the node listens, or listened before it was killed."""
        state = self.node.last_state()
        if state is None:
            raise RuntimeError("this server was never started")
        return state.url

    def start(self) -> NodeState:
        """Start the node, again on the port it had; its data is kept."""
        state = self.node.start()
        self.port = urlsplit(state.url).port or 0
        return state

    def kill(self) -> None:
        """End the node as a crash would, and wait until it is gone."""
        state = self.node.status()
        if state is None:
            raise RuntimeError("this server does not run")
        os.kill(state.pid, signal.SIGKILL)
        while process.is_ours(state.pid, self.node.layout.marker):
            time.sleep(0.02)

    def close(self) -> None:
        """Stop the node and delete its folder; the shared downloads stay."""
        self.node.stop()
        shutil.rmtree(self.home.path)
