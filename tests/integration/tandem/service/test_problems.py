"""What the service answers for an error of the cluster, and what it logs of one of its own."""

import json
import logging
import sys
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cluster import connect
from tandem.service.door import problems
from tandem.service.door.direct import Direct
from tandem.service.door.observe import JsonLines, Metrics, Observed
from tests.servers.wrong import Reply, answering, cluster_like


def test_a_cluster_that_went_away_is_told_without_its_password():
    app = FastAPI()
    problems.install(app)
    answer = cluster_like(lambda request: Reply({}))
    closing = {"connection": "close"}
    with answering(lambda request: replace(answer(request), headers=closing)) as (url, _):
        cluster = connect(url, user="reader", password="open-sesame", timeout=2)

    @app.get("/search")
    def search() -> None:
        with cluster.explaining():
            cluster.client.search(index="books")

    with cluster:
        told = TestClient(app).get("/search")
    assert (told.status_code, told.json()["status"]) == (503, 503)
    assert url in told.json()["detail"]
    assert "open-sesame" not in told.text
    assert "\n" not in told.json()["detail"]


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


def test_a_defect_is_one_line_of_json_without_secrets(monkeypatch):
    def logged():
        try:
            raise KeyError("open-sesame")
        except KeyError:
            given = (
                "uvicorn.error",
                logging.ERROR,
                "here",
                1,
                "At https://a:open-sesame@b\nit was",
            )
            record = logging.LogRecord(*given, (), sys.exc_info())
        (line,) = JsonLines().format(record).splitlines()
        return json.loads(line)

    monkeypatch.delenv("TANDEM_DEBUG", raising=False)
    found = logged()
    assert found["level"] == "error"
    assert found["error"].startswith(f"KeyError {__file__}:")
    assert "open-sesame" not in str(found)
    monkeypatch.setenv("TANDEM_DEBUG", "1")
    assert "Traceback" in logged()["traceback"]


def test_a_defect_at_a_door_is_a_problem_and_is_raised_to_be_logged():
    async def defective(scope, body):
        raise KeyError("open-sesame")

    app = Observed(
        Direct(FastAPI(), {("POST", "/v1/embeddings"): defective}), Metrics(), frozenset()
    )
    answer = TestClient(app, raise_server_exceptions=False).post("/v1/embeddings", content="{}")
    assert (answer.status_code, answer.json()["status"]) == (500, 500)
    assert answer.json()["detail"] == "unexpected KeyError: this is a defect in Tandem."
    with pytest.raises(KeyError):
        TestClient(app).post("/v1/embeddings", content="{}")
