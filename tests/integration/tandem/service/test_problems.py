"""What the service answers for an error of the cluster."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cluster import connect
from tandem.service.door import problems
from tests.servers.wrong import Reply, answering, cluster_like


@pytest.mark.parametrize("asked", ["7", None])
def test_when_the_cluster_wants_to_be_asked_again_is_passed_on(asked):
    headers = {"retry-after": asked} if asked else {}
    busy = Reply({"error": "busy"}, status=503, headers=headers)
    app = FastAPI()
    problems.install(app)
    with answering(cluster_like(lambda request: busy)) as (url, _), connect(url) as cluster:

        @app.get("/search")
        def search() -> None:
            with cluster.explaining():
                cluster.client.search(index="books")

        answer = TestClient(app).get("/search")
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, asked)
    assert answer.json()["detail"].startswith(f"{url} is not able to answer now")
