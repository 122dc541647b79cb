"""Three nodes of one cluster, each of which can be killed and comes back."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster.node.distribution import installation
from cluster.node.files import environment, program
from cluster.node.home import node_user
from cluster.node.java import Java, find_java
from tests.servers.servers import QUICK, JavaServer, Settings

COUNT = 3


class Member(JavaServer):
    """One node of OpenSearch 3.6.0."""

    def __init__(self, number: int, transports: list[int]) -> None:
        super().__init__(heap=f"384m {QUICK}")
        self.number, self.transports = number, transports

    @property
    def url(self) -> str:
        """Where it listens, or listened."""
        return f"http://127.0.0.1:{self.port}"

    def java(self) -> Java:
        return find_java(self.home, node_user())

    def distribution(self) -> Path:
        return installation(self.home, self.java())

    def own_settings(self) -> Settings:
        names = [f"c{number}" for number in range(COUNT)]
        return {
            "node.name": names[self.number],
            "discovery.type": "zen",
            "discovery.seed_hosts": ",".join(f"127.0.0.1:{port}" for port in self.transports),
            "cluster.initial_cluster_manager_nodes": ",".join(names),
            "transport.port": self.transports[self.number],
            # Else a shard of a killed node stays away for a minute.
            "cluster.fault_detection.follower_check.timeout": "10s",
        }

    def program(self, folder: Path) -> Path:
        return program(folder)

    def variables(self, java: Java) -> dict[str, str]:
        return environment(self.layout, java, self.heap)


def _free_ports() -> list[int]:
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(COUNT)]
        return [each.getsockname()[1] for each in found]


@contextlib.contextmanager
def three_nodes() -> Iterator[list[Member]]:
    """Started together, for a node listens once there is a cluster."""
    transports = _free_ports()
    nodes = [Member(number, transports) for number in range(COUNT)]
    nodes[0].distribution()  # built once
    try:
        with ThreadPoolExecutor(COUNT) as pool:
            list(pool.map(Member.start, nodes))
        yield nodes
    finally:
        for node in nodes:
            node.close()
