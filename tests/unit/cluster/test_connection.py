"""What `connect` refuses before anything is reached, and takes."""

import pytest

from cluster import ClusterError, EmbeddedNode, connect, connect_embedded
from tests.unit.cluster.fakes import serving
from tests.unit.cluster.test_explain import WELL


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf"), 0, -1, 1e13])
def test_a_timeout_that_is_none_is_one_sentence(seconds):
    for reach in (
        lambda: connect("http://127.0.0.1:1", timeout=seconds),
        lambda: connect(timeout=seconds),
        lambda: connect_embedded(EmbeddedNode(), timeout=seconds),
    ):
        with pytest.raises(ClusterError, match=r"the timeout is .* and must be a number of sec"):
            reach()


def test_the_longest_timeout_is_one_that_a_socket_takes():
    with serving(WELL) as (url, _), connect(url, timeout=86_400) as cluster:
        assert cluster.capabilities.version_text == "3.6.0"
