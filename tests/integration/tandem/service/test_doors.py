"""Who may come in and what is asked before anything runs: the app in this process, no server."""

import threading
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient

from cluster import connect
from cluster.access.credentials import Secret
from tandem.service.app import Doors, make_app
from tandem.service.door.access import Access
from tandem.service.door.limits import Bounds
from tandem.service.parts import Parts
from tests.servers.served import problem
from tests.servers.wrong import Reply, answering, cluster_like
from tests.support.stubs import StubEncoder

WELL = cluster_like(lambda asked: Reply({}))


@contextmanager
def served(answers=WELL, bounds=Bounds(), keys=(None, None), **more):  # noqa: B008 - it is frozen
    """A client of a service, and the requests that its cluster got; keys: to read and to write."""
    doors = Doors(Access(*keys), bounds)
    with (
        answering(answers) as (url, asked),
        connect(url, timeout=5) as cluster,
        TestClient(
            make_app(Parts(cluster, StubEncoder(), **more), doors, "0"),
            base_url="http://localhost",
        ) as client,
    ):
        yield client, asked


@pytest.mark.parametrize("read", [None, Secret("key-of-readers")])
def test_the_schema_says_what_needs_a_key_and_each_way_to_send_it(read):
    write, wanted = "key-of-writers", {}
    with served(keys=(read, Secret(write))) as (client, _):
        key = {"Authorization": f"Bearer {write}"}
        schema = client.get("/openapi.json", headers=key).json()
        ways = {
            "Bearer": key,
            "X-API-Key": {schema["components"]["securitySchemes"]["X-API-Key"]["name"]: write},
        }
        assert schema["components"]["securitySchemes"].keys() == ways.keys()
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                told = {name for each in operation["security"] for name in each}
                wanted[path] = bool(told)
                assert (client.request(method, path).status_code == 401) == bool(told)
                for name in told:
                    assert client.request(method, path, headers=ways[name]).status_code != 401
    assert wanted["/documents"]
    assert wanted["/search"] == (read is not None)
    assert not wanted["/readyz"]


@pytest.mark.parametrize(
    ("path", "site", "mode", "status"),
    [
        ("/metrics", "cross-site", "no-cors", 403),
        ("/metrics", "same-site", "no-cors", 403),
        ("/metrics", "cross-site", "navigate", 403),
        ("/page/app.js", "cross-site", "no-cors", 403),
        ("/", "cross-site", "no-cors", 403),
        ("/", "cross-site", "navigate", 200),
        ("/metrics", "same-origin", "cors", 200),
        ("/metrics", "none", "navigate", 200),
    ],
)
def test_what_a_page_elsewhere_shows_or_embeds_is_refused(path, site, mode, status):
    with served() as (client, _):
        answer = client.get(path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode})
    assert answer.status_code == status
    assert ("pages of other sites" in answer.text) == (status == 403)
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_cluster_that_hangs_is_not_ready_and_takes_no_thread_of_the_searches():
    hangs, over = threading.Event(), threading.Event()

    def answers(asked):
        if hangs.is_set():
            over.wait(60)
        return WELL(asked)

    with served(answers, Bounds(ready=0.2)) as (client, _):
        assert client.get("/readyz").status_code == 200
        hangs.set()
        try:
            said = [client.get("/readyz") for _ in range(3)]
        finally:
            over.set()
    assert [each.status_code for each in said] == [503] * 3
    assert "the cluster did not answer within 0.2 seconds" in said[0].text


def test_documents_do_not_wait_long_for_a_cluster_that_takes_none():
    away = cluster_like(lambda asked: Reply({"error": "away"}, status=503))
    with served(away, keys=(None, Secret("key")), outage=0.1) as (client, _):
        sent = {"headers": {"X-API-Key": "key"}, "content": '{"id": "a", "text": "b"}'}
        told = problem(client.post("/documents?index=books", **sent), 503)
    assert "the cluster accepted nothing for" in told
    assert "so send the same request again once the cluster is well" in told


def test_a_page_elsewhere_does_not_reach_it():
    with served() as (client, _):

        def asked(**headers):
            return client.get("/healthz", headers=headers)

        assert asked().status_code == 200
        assert "pages of other sites" in problem(asked(Origin="https://evil.example"), 403)
        assert "is not called 'evil.example'" in problem(asked(Host="evil.example:80"), 403)
        assert asked(Origin="http://localhost").status_code == 200
        for malformed in ("[::1", "[x]"):
            assert f"is not called '{malformed}'" in problem(asked(Host=malformed), 403)
            assert "other sites" in problem(asked(Origin=f"http://{malformed}"), 403)


def test_without_a_cross_encoder_nothing_is_reranked():
    with served(index="books") as (client, _):
        asked = {"query": "a", "documents": ["b"]}
        told = problem(client.post("/rerank", json=asked), 404)
        assert "no cross-encoder" in told
        assert "no cross-encoder" in problem(client.get("/search?q=a&rerank=true"), 400)
