"""While an index is enriched another process writes into it, and the enrichment is killed."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ingest import Writing, enrich
from tests.support.commands.forking import run_module
from tests.support.loads import ROOT, stored
from tests.support.stubs import StubEncoder

SCRIPTS = "tests.support.processes"
WAYS = [("opensearch", ""), ("elasticsearch", ""), ("opensearch", "copied")]
WORDS = {"properties": {"body": {"type": "text"}, "lang": {"type": "keyword"}}}
PATIENCE = 600


@pytest.fixture(params=WAYS, ids=["opensearch in place", "elasticsearch in place", "by copy"])
def way(request, index_name):
    """(cluster, the alias that the owner writes to, the name of the copy or "")."""
    distribution, copied = request.param
    cluster = request.getfixturevalue(distribution)
    yield cluster, f"{index_name}-alias", copied and f"{index_name}-2"
    for made in cluster.client.indices.get(index=f"{index_name}*"):
        cluster.client.indices.delete(index=made)


def filled(cluster, alias, copied, count):
    """An index of so many documents behind an alias."""
    knn = cluster.capabilities.distribution == "opensearch" and not copied
    index = {"number_of_shards": 2, "number_of_replicas": 0, **({"knn": True} if knn else {})}
    aliases = {alias: {"is_write_index": True}}
    name = alias.removesuffix("-alias") + "-1"
    body = {"settings": {"index": index}, "mappings": WORDS, "aliases": aliases}
    cluster.client.indices.create(index=name, body=body)
    for first in range(0, count, 2000):
        lines = []
        for number in range(first, min(count, first + 2000)):
            lines += [{"index": {"_id": str(number)}}, {"body": f"text {number}", "lang": "en"}]
        answer = cluster.client.bulk(index=name, body=lines, refresh=True)
        assert not answer["errors"]


class Owner:
    """The other process, from its first writes on."""

    def __init__(self, cluster, alias, folder, count):
        self.folder = folder
        words = (f"{SCRIPTS}.owner_script", cluster.url, alias, folder, count)
        self.process = subprocess.Popen(
            [sys.executable, "-m", *map(str, words)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + PATIENCE
        while not (folder / "begun").exists():
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self):
        """What should be in the index now."""
        (self.folder / "stop").touch()
        _, said = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, said
        return json.loads((self.folder / "truth").read_text())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE)


def enriched(cluster, alias, copied, death=""):
    """Enrich in a process of its own; its report, or None where it died as it was told to."""
    words = (cluster.url, alias, copied, death)
    done = run_module(f"{SCRIPTS}.enrich_script", words, timeout=PATIENCE)
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(cluster, alias, truth):
    """Each document is as its owner last wrote it, and has the vector of that text."""
    stub = StubEncoder()
    last = enrich(cluster, alias, stub, writing=Writing(max_outage=60.0))
    assert last.changed == last.rejected == 0
    held = {name: each["body"] for name, each in stored(cluster, alias).items()}
    assert held == truth
    vectors = vectors_in(cluster, alias)
    assert vectors.keys() == truth.keys()
    wrong = [n for n, v in vectors.items() if not np.allclose(v, stub.vector(truth[n]), atol=1e-5)]
    assert not wrong
    assert enrich(cluster, alias, stub).written == 0


def vectors_in(cluster, alias):
    if cluster.capabilities.distribution == "opensearch":
        found = stored(cluster, alias)
        return {name: each["body_vector"] for name, each in found.items()}
    body = {"size": 1000, "_source": False, "fields": ["body_vector"], "sort": ["_doc"]}
    answer = cluster.client.search(index=alias, body=body, scroll="1m")
    vectors = {}
    while hits := answer["hits"]["hits"]:
        vectors |= {hit["_id"]: hit["fields"]["body_vector"] for hit in hits}
        answer = cluster.client.scroll(body={"scroll_id": answer["_scroll_id"], "scroll": "1m"})
    return vectors


def under_fire(way, folder, count, deaths, died=None):
    """Enrich to the end beside the owner; died: gets the deaths that were met on the way."""
    cluster, alias, copied = way
    filled(cluster, alias, copied, count)
    owner = Owner(cluster, alias, folder, count)
    try:
        for death in deaths:
            # One that is not reached any more was enriched to the end.
            if enriched(cluster, alias, copied, death) is not None:
                break
            if died is not None:
                died.append(death)
        report = enriched(cluster, alias, "" if moved(cluster, alias, copied) else copied)
        truth = owner.stop()
    finally:
        owner.close()
    check(cluster, alias, truth)
    return report


def moved(cluster, alias, copied):
    """Whether the copy is whole already."""
    return copied and copied in cluster.client.indices.get(index=alias)


def test_no_write_is_lost_and_each_vector_is_of_its_text(way, tmp_path):
    report = under_fire(way, tmp_path, 600, [])
    parts = ("written", "current", "blank", "rejected", "changed", "gone")
    assert report["read"] == sum(report[name] for name in parts)
    assert report["read"] >= 600


def test_killed_at_its_end_it_gives_writes_free_again(way, tmp_path):
    under_fire(way, tmp_path, 300, ["_block", "_aliases"] if way[2] else ["_bulk"])


@pytest.mark.long
def test_twenty_thousand_documents_and_ten_deaths(way, tmp_path):
    moments = [10, 12, 14, 17, 20, 24, 28, 32]
    last = ["_block", "_aliases"] if way[2] else [36, "_bulk"]
    died = []
    under_fire(way, tmp_path, 20_000, list(map(str, [*moments, *last])), died)
    assert len(died) == 10
