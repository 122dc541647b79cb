"""A service before a cluster that does not answer: who waits, who may not, and how it ends."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.servers.served import Served, problem
from tests.servers.wrong import Reply, answering, cluster_like

SEARCH = "/search?q=a&index=books&mode=bm25"


class Stuck:
    """A cluster that answers once it may; counts who waits."""

    def __init__(self):
        self.may, self.waiting = threading.Event(), threading.Semaphore(0)

    def __call__(self, asked):
        self.waiting.release()
        assert self.may.wait(120)
        return Reply({"error": {"type": "index_not_found_exception", "reason": "no"}}, status=404)


@pytest.fixture
def stuck():
    return Stuck()


@pytest.fixture
def service(stuck):
    with answering(cluster_like(stuck)) as (url, _):
        served = Served(url, "--max-requests", "1", "--max-seconds", "5")
        try:
            yield served
        finally:
            stuck.may.set()
            assert served.close() == 0
            first = next(n for n, line in enumerate(served.said) if "listens at" in line)
            lines = [json.loads(line) for line in served.said[first + 1 :]]
            assert {"Invalid HTTP request received."} == {x.get("message") for x in lines} - {None}


def test_who_asks_too_much_is_told_and_who_is_under_way_is_answered(stuck, service):
    refused = service.asked("POST", "/documents?index=books", content="{}")
    assert "--write-key-file" in problem(refused, 403)
    assert "say which index" in problem(service.asked("GET", "/search?q=a"), 400)
    at = urlsplit(service.url)
    with socket.create_connection((at.hostname, at.port), timeout=60) as stranger:
        stranger.sendall(b"no such thing\r\n\r\n")
        assert stranger.recv(100).startswith(b"HTTP/1.1 400")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(service.asked, "GET", SEARCH)
        assert stuck.waiting.acquire(timeout=60)
        refused = service.asked("GET", "/metrics")
        assert "1 requests are under way" in problem(refused, 429)
        assert refused.headers["retry-after"] == "1"
        assert service.asked("GET", "/healthz").status_code == 200
        assert "no answer within 5 seconds" in problem(late.result(60), 504)
        last = pool.submit(service.asked, "GET", SEARCH)
        assert stuck.waiting.acquire(timeout=60)
        service.process.terminate()
        threading.Timer(1, stuck.may.set).start()
        assert "no index" in problem(last.result(60), 404)
        assert service.process.wait(60) == 0
