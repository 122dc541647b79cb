"""The node's own files, and the configuration that is written for each start."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.node import process
from cluster.node.home import NodeUser
from cluster.node.java import Java
from tandem.base.process import children

# Nothing listens but loopback; the disk watermarks would block writes on a laptop that is 95% full.
BASE_SETTINGS: dict[str, str | int | bool] = {
    "cluster.name": "tandem",
    "node.name": "tandem",
    "network.host": "127.0.0.1",
    "discovery.type": "single-node",
    "node.portsfile": True,
    "transport.port": 0,
    "cluster.routing.allocation.disk.threshold_enabled": False,
}
# Options with relative paths would write into the distribution, which the node only reads.
_DROPPED_OPTIONS = ("-Xlog:gc", "-Xloggc", "-XX:HeapDumpPath", "-XX:+HeapDump", "-XX:ErrorFile")
_VECTOR_MODULE = "--add-modules=jdk.incubator.vector"


@dataclass(frozen=True)
class Layout:
    """Paths of one node; `state` and `lock` are ours, the rest belongs to the user it runs as."""

    folder: Path

    @property
    def state(self) -> Path:
        """JSON: who was started last, and where it answers."""
        return self.folder / "state.json"

    @property
    def port(self) -> Path:
        """The port that the node had last, which it takes again where it is free."""
        return self.folder / "port"

    @property
    def lock(self) -> Path:
        """Held while the node is being started or stopped."""
        return self.folder / "lock"

    @property
    def data(self) -> Path:
        """The indexes."""
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        """The node's log, and the files with its ports."""
        return self.folder / "logs"

    @property
    def log(self) -> Path:
        """What the node prints, from its start on."""
        return self.logs / "node.log"

    @property
    def config(self) -> Path:
        """opensearch.yml, jvm.options and the keystore, written for each start."""
        return self.folder / "config"

    @property
    def temporary(self) -> Path:
        """java.io.tmpdir."""
        return self.folder / "tmp"

    @property
    def ports(self) -> Path:
        """The file into which the node writes its HTTP address once it listens."""
        return self.logs / "http.ports"


def prepare(
    layout: Layout,
    distribution: Path,
    user: NodeUser,
    java: Java,
    settings: Mapping[str, str | int | bool],
) -> None:
    """Make the folders and write the configuration; logs of the start before are kept as *.old."""
    for stale in (layout.config, layout.temporary):
        shutil.rmtree(stale, ignore_errors=True)
    for folder in (layout.data, layout.logs, layout.temporary):
        folder.mkdir(parents=True, exist_ok=True)
    layout.ports.unlink(missing_ok=True)
    if layout.log.exists():
        os.replace(layout.log, layout.log.with_suffix(".log.old"))
    shutil.copytree(distribution / "config", layout.config)
    merged = {**BASE_SETTINGS, "path.logs": str(layout.logs), **settings}
    # JSON values are YAML values.
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in merged.items()]
    (layout.config / "opensearch.yml").write_text("".join(lines), "utf-8")
    options = layout.config / "jvm.options"
    options.write_text(jvm_options(options.read_text("utf-8"), java, layout), "utf-8")
    for folder in (layout.config, layout.logs, layout.temporary):
        user.own(folder)
    for folder in (layout.data, layout.config, layout.logs, layout.temporary):
        folder.chmod(0o700)  # what is in them is their user's alone
    if layout.data.stat().st_uid != user.uid:
        user.own(layout.data)


def jvm_options(text: str, java: Java, layout: Layout) -> str:
    """The jvm.options of the distribution without what this Java lacks or what writes elsewhere."""
    dropped = _DROPPED_OPTIONS if java.usable else (*_DROPPED_OPTIONS, _VECTOR_MODULE)
    kept = [line for line in text.splitlines() if not any(word in line for word in dropped)]
    return "\n".join([*kept, f"-XX:ErrorFile={layout.logs}/hs_err_pid%p.log", ""])


def program(distribution: Path) -> Path:
    """The script that starts the node."""
    return distribution / "bin" / "opensearch"


def command(layout: Layout, identity: process.Identity, port: int) -> list[str]:
    """The words that start the node; port 0 lets the system choose."""
    data = f"-Epath.data={layout.data}"
    return [identity.program, identity.word, data, f"-Ehttp.port={port}"]


def environment(layout: Layout, java: Java, heap: str) -> dict[str, str]:
    """What the node needs of variables."""
    return children.environment(
        HOME=str(layout.folder),
        OPENSEARCH_JAVA_HOME=str(java.home),
        OPENSEARCH_PATH_CONF=str(layout.config),
        OPENSEARCH_TMPDIR=str(layout.temporary),
        # Touching the whole heap at the start is for servers; here it costs time and memory.
        OPENSEARCH_JAVA_OPTS=f"-Xms{heap} -Xmx{heap} -XX:-AlwaysPreTouch",
    )
