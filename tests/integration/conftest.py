"""What the tests on real servers have in common."""

import pytest


@pytest.fixture(params=["opensearch", "elasticsearch"])
def either(request, index_name):
    """Both distributions; indexes are deleted afterwards."""
    cluster = request.getfixturevalue(request.param)
    yield cluster
    for made in cluster.client.indices.get(index=f"{index_name}*"):
        cluster.client.indices.delete(index=made)
