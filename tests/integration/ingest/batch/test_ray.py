"""A load on Ray, its parts killed, leaves what a local load of the same files leaves."""

import pytest

from tests.integration.ingest.batch.ray_proof import prove
from tests.servers.servers import OpenSearchServer

pytestmark = pytest.mark.long


def test_a_load_on_ray_survives_kills_and_equals_a_local_one(tmp_path):
    server = OpenSearchServer()  # its own, for it is killed
    try:
        server.start()
        prove(server, tmp_path, count=1800, files=12, seconds=0.008)
    finally:
        server.close()
