"""A cluster that takes nothing: asked again when it says, within a bound, and told meanwhile."""

import threading
import time
import warnings
from itertools import chain, repeat

import pytest

from cluster import connect
from ingest import OutageError
from ingest.write import outage, refresh
from ingest.write.client import IndexClient
from tests.servers.wrong import Reply, answering, cluster_like
from tests.unit.ingest.write.test_wrong_answers import Load

FOUND = Reply({"hits": {"hits": []}})
DESCRIBED = Reply({"books": {"aliases": {}, "mappings": {}, "settings": {}}})


def busy(seconds, status=429):
    return Reply({"error": "busy"}, status=status, headers={"retry-after": str(seconds)})


def asked(client):
    return client.ask("POST", "/books/_search", {})


def persisted(client):
    def search():
        with client._cluster.explaining():
            return client._cluster.client.search(index="books")

    return client.persist(search)


@pytest.mark.parametrize("work", [asked, persisted])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("told", "max_outage", "least", "most"), [(40, 60, 40, 40), (900, 30, 29, 30), (0, 30, 0, 1)]
)
def test_a_retry_waits_as_long_as_the_cluster_asks(work, status, told, max_outage, least, most):
    replies = chain([busy(told, status)], repeat(FOUND))
    slept = []
    with (
        answering(cluster_like(lambda asked: next(replies))) as (url, _),
        connect(url) as cluster,
    ):
        client = IndexClient(cluster, "books", slept.append, max_outage)
        assert work(client) == FOUND.body
    (seconds,) = slept
    assert least <= seconds <= most


def test_a_bulk_request_waits_as_long_as_the_cluster_asks(tmp_path):
    replies, slept = chain([busy(50)], repeat(None)), []

    def answer(asked):
        items = [{"create": {"_index": "books", "_id": "d0", "status": 201, "result": "created"}}]
        return next(replies) or Reply({"errors": False, "items": items})

    with answering(cluster_like(answer)) as (url, _), connect(url) as cluster:
        load = Load(cluster, tmp_path)
        load.client.pause = slept.append
        assert load.deliver(1, 1).written == 1
    assert slept == [50]


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (busy(0), "the cluster at {} accepts nothing since"),
        (Reply(b"<html>", kind="text/html"), "no cluster answers at {} since"),
    ],
)
def test_since_when_nothing_is_accepted_is_told_until_something_is(monkeypatch, reply, what):
    monkeypatch.setattr(outage, "_FAILING", 0.05)
    said = []
    with (
        answering(cluster_like(lambda asked: FOUND if any(said) else reply)) as (url, _),
        connect(url) as cluster,
    ):
        client = IndexClient(cluster, "books", None, 600.0)
        client.pause = outage.telling(time.sleep, lambda: said.append(client.outage.told()))
        asked(client)
        told = next(filter(None, said))
        assert told.startswith(what.format(url))
        assert told.endswith(" s, waiting up to 600 s")
        assert client.outage.told() is None


def test_a_request_without_an_answer_is_told_before_it_is_given_up(monkeypatch):
    monkeypatch.setattr(outage, "_SILENT", 0.2)
    answers = threading.Event()

    def answer(asked):
        answers.wait(20)
        return FOUND

    with answering(cluster_like(answer)) as (url, _), connect(url) as cluster:
        client = IndexClient(cluster, "books", None, 60.0)
        thread = threading.Thread(target=asked, args=(client,))
        thread.start()
        deadline = time.monotonic() + 20
        while not client.outage.told() and time.monotonic() < deadline:
            time.sleep(0.05)
        said = client.outage.told()
        answers.set()
        thread.join(20)
        assert said.startswith(f"no cluster answers at {url} since")
        assert client.outage.told() is None


def test_who_shows_no_progress_is_warned_once(monkeypatch):
    monkeypatch.setattr(outage, "_FAILING", 0.05)
    with (
        warnings.catch_warnings(record=True) as found,
        answering(cluster_like(lambda asked: FOUND if found else busy(0))) as (url, _),
        connect(url) as cluster,
    ):
        warnings.simplefilter("always")
        asked(IndexClient(cluster, "books", None, 60.0))
    assert [str(each.message).split(" since")[0] for each in found] == [
        f"the cluster at {url} accepts nothing"
    ]


def test_a_long_refresh_is_no_outage_and_an_outage_no_long_refresh(monkeypatch):
    monkeypatch.setattr(refresh, "FIRST_LOOK", 0.2)
    ends = threading.Event()

    def answer(asked):
        if "_refresh" in asked.path:
            ends.wait(20)
            return Reply({"_shards": {}})
        return DESCRIBED if alive else busy(0, 503)

    alive, slept = True, []

    def pause(seconds):
        slept.append(seconds)
        time.sleep(0.01)
        if len(slept) == 3:
            ends.set()

    with answering(cluster_like(answer)) as (url, seen), connect(url) as cluster:
        refresh.refresh(IndexClient(cluster, "books", pause, 0.5))
        assert len([each for each in seen if "_refresh" in each.path]) == 4
        ends.clear()
        alive = False
        with pytest.raises(OutageError, match="accepted nothing"):
            refresh.refresh(IndexClient(cluster, "books", lambda s: time.sleep(0.05), 0.5))
        ends.set()
