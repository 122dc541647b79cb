"""The end of a load is whole, whoever is killed, asleep or beside it, and harms no owner."""

import _thread
import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from itertools import count as count_from

import pytest
from opensearchpy.exceptions import TransportError

from cluster import connect
from ingest import LostPlaceError, Plan, ingest
from ingest.index.note import Note
from mappings import LOADING
from tests.servers.flaky import FlakyProxy
from tests.support.loads import (
    ROOT,
    documents,
    first_line,
    ingested,
    meta_of,
    settings_of,
    silence,
    stored,
    write_jsonl,
)
from tests.support.stubs import StubEncoder

PATIENCE = 120.0


def started(**asked):
    """A loader in a process of its own, which has begun."""
    script = "tests.support.processes.campaign_script"
    process = subprocess.Popen(
        [sys.executable, "-m", script, json.dumps(asked)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert first_line(process) == "began\n"
    return process


def count(cluster, name):
    try:
        cluster.client.indices.refresh(index=name)
        return cluster.client.count(index=name)["count"]
    except TransportError as error:
        if error.status_code != 503:
            raise
        return 0  # an index that is being made: its shards are not there yet


def wait_until(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def live(cluster, alias):
    (index,) = cluster.client.indices.get_alias(name=alias)
    return index


def check_clean(cluster, index, **owners):
    """No note, no lease, and the owner's settings alone."""
    found = settings_of(cluster, index)
    assert LOADING not in meta_of(cluster, index)
    for name in ("refresh_interval", "auto_expand_replicas"):
        assert found.get(name) == owners.get(name)
    # The embedded node's own default differs from that of a cluster that was named.
    assert found["number_of_replicas"] == owners.get(
        "number_of_replicas", found["number_of_replicas"]
    )
    aliases = cluster.client.indices.get_alias(index=index)[index]["aliases"]
    assert not [each for each in aliases if "-loading-" in each]


# The last of its requests that the cluster carries out.
MOMENTS = {
    "settings restored": lambda path, body: path.endswith("_settings") and b"null" in body,
    "noted as whole": lambda path, body: path.endswith("_mapping") and b'"whole":true' in body,
    "switched": lambda path, body: b'"add"' in body and b"rehearsal" not in body,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_load_killed_in_its_end_is_ended_by_the_same_command(
    opensearch, index_name, tmp_path, moment
):
    source = write_jsonl(tmp_path / "a.jsonl", documents(50))
    fill = {"cluster": opensearch, "alias": index_name, "encoder": StubEncoder()}
    first = ingested(documents(20), **fill).index
    killed = []

    def passed(path, body):
        # The lease is taken by the same kind of request as the switch is made.
        taken = b"-loading-" in body and b'"remove"' not in body
        if not killed and not taken and MOMENTS[moment](path, body):
            killed.append(path)
            process.kill()

    with FlakyProxy(opensearch.url, lambda number: None, passed=passed) as proxy:
        process = started(url=proxy.url, alias=index_name, source=str(source))
        process.communicate(timeout=PATIENCE)
    assert killed
    (second,) = set(opensearch.client.indices.get(index=f"{index_name}-*")) - {first}
    assert live(opensearch, index_name) == (second if moment == "switched" else first)
    assert LOADING in meta_of(opensearch, second)
    report = ingested(source, **fill, plan=Plan(keep=1))
    # What went live is no load to go on with, and none that was given up.
    assert (report.index == second) == (moment != "switched")
    assert report.deleted == ((first,) if moment == "switched" else ())
    assert live(opensearch, index_name) == report.index
    assert set(stored(opensearch, index_name)) == {each["id"] for each in documents(50)}
    for index in {second, report.index}:
        check_clean(opensearch, index)


@pytest.mark.long
def test_a_loader_that_was_stopped_finds_its_place_taken_and_writes_no_more(
    opensearch, index_name, tmp_path
):
    late = [{"id": f"late{n}", "text": "of the one that slept"} for n in range(4000)]
    source = write_jsonl(tmp_path / "late.jsonl", late)
    sleeper = started(url=opensearch.url, alias=index_name, source=str(source))
    try:
        wait_until(lambda: count(opensearch, f"{index_name}-*"))
        sleeper.send_signal(signal.SIGSTOP)
        (index,) = opensearch.client.indices.get(index=f"{index_name}-*")
        silence(opensearch, index)
        fill = {"cluster": opensearch, "alias": index_name, "encoder": StubEncoder()}
        assert ingested(documents(30), **fill).index == index
        sleeper.send_signal(signal.SIGCONT)
        _, said = sleeper.communicate(timeout=PATIENCE)
    finally:
        sleeper.kill()
    assert sleeper.returncode == 1
    assert "LostPlaceError" in said
    assert set(stored(opensearch, index_name)) == {each["id"] for each in documents(30)}
    check_clean(opensearch, index)


def test_a_loader_that_slept_before_it_relaxed_settings_puts_them_back(opensearch, index_name):
    fill = {"alias": index_name, "encoder": StubEncoder()}

    def broken_off():
        yield from documents(5, first=5 * len(begun))
        begun.append(True)
        wait_until(lambda: count(opensearch, f"{index_name}-*") == 5 * len(begun))
        raise RuntimeError("broken off")

    def break_off():
        with pytest.raises(RuntimeError):
            ingest(broken_off(), cluster=opensearch, **fill)

    begun: list[bool] = []
    break_off()
    (index,) = opensearch.client.indices.get(index=f"{index_name}-*")
    restored = []

    def passed(path, body):
        """While the loader has its lease and sleeps, another one comes and goes."""
        if not restored and path == "/_aliases" and b"-loading-" in body:
            silence(opensearch, index)
            break_off()
            restored.append(settings_of(opensearch, index).get("refresh_interval"))

    with (
        FlakyProxy(opensearch.url, lambda number: None, passed=passed) as proxy,
        connect(proxy.url, timeout=PATIENCE) as slow,
        pytest.raises(LostPlaceError),
    ):
        ingest(documents(3), cluster=slow, **fill)
    assert restored == [None]
    assert "refresh_interval" not in settings_of(opensearch, index)
    assert ingested(documents(3), cluster=opensearch, **fill).index == index
    check_clean(opensearch, index)


OWNERS = {"refresh_interval": "9s", "number_of_replicas": "1"}


def owned(cluster, index, settings):
    """An index of an owner with settings of its own."""
    ingested(documents(2), cluster=cluster, index=index, encoder=StubEncoder())
    cluster.client.indices.put_settings(index=index, body={"index": settings})


def test_two_loaders_of_one_index_leave_it_as_its_owner_had_it(opensearch, index_name):
    owned(opensearch, index_name, OWNERS)
    begun, ended, seen = threading.Event(), threading.Event(), []
    load = {"cluster": opensearch, "index": index_name, "plan": Plan(relax=True)}

    def slow():
        yield from documents(5)
        begun.set()
        assert ended.wait(PATIENCE)
        seen.append(settings_of(opensearch, index_name)["refresh_interval"])
        yield from documents(5, first=5)

    reports = []
    thread = threading.Thread(
        target=lambda: reports.append(ingested(slow(), encoder=StubEncoder(), **load)), daemon=True
    )
    thread.start()
    assert begun.wait(PATIENCE)
    report = ingested(documents(10, first=20), encoder=StubEncoder(), **load)
    assert (report.read, report.written) == (10, 10)
    ended.set()
    thread.join(PATIENCE)
    assert (reports[0].read, reports[0].written + reports[0].skipped) == (10, 10)
    assert seen == ["-1"]  # the one that still loads has it relaxed
    expected = {f"d{n}" for n in (*range(10), *range(20, 30))}
    assert set(stored(opensearch, index_name)) == expected
    check_clean(opensearch, index_name, **OWNERS)


@pytest.mark.parametrize(
    "owners",
    [
        {"number_of_replicas": "2"},
        {"refresh_interval": "-1", "number_of_replicas": "0"},
        {"refresh_interval": "9s", "auto_expand_replicas": "0-1"},
        {"refresh_interval": "30s", "auto_expand_replicas": "false", "number_of_replicas": "1"},
    ],
)
def test_an_owners_settings_come_back_exactly_after_a_kill_too(
    opensearch, index_name, tmp_path, owners
):
    owned(opensearch, index_name, owners)
    before = settings_of(opensearch, index_name)
    source = write_jsonl(tmp_path / "a.jsonl", documents(4000))
    process = started(url=opensearch.url, index=index_name, source=str(source))
    wait_until(lambda: count(opensearch, index_name) > 2)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert settings_of(opensearch, index_name)["refresh_interval"] == "-1"
    load = {"cluster": opensearch, "index": index_name, "encoder": StubEncoder()}
    ingested(documents(10), **load)
    assert settings_of(opensearch, index_name) == before
    assert LOADING not in meta_of(opensearch, index_name)


def test_settings_that_are_relaxed_after_an_interrupt_come_back(opensearch, index_name):
    """A busy cluster carries out what it was asked for when nobody waits for it any more."""
    owned(opensearch, index_name, OWNERS)
    late = []

    def passed(path, body):
        if not late and path.endswith("_settings") and b'"refresh_interval":"-1"' in body:
            late.append(json.loads(body))
            # As if it were not carried out yet.
            opensearch.client.indices.put_settings(index=index_name, body={"index": OWNERS})
            # As Python meets a signal. A real one, sent to the process of all tests, ended it with
            # SIGSEGV after other modules had run there.
            _thread.interrupt_main()

    load = {"index": index_name, "encoder": StubEncoder(), "plan": Plan(relax=True)}
    with (
        FlakyProxy(opensearch.url, lambda number: None, passed=passed) as proxy,
        connect(proxy.url, timeout=PATIENCE) as busy,
        pytest.raises(KeyboardInterrupt),
    ):
        ingest(documents(3), cluster=busy, **load)
    assert settings_of(opensearch, index_name)["refresh_interval"] == OWNERS["refresh_interval"]
    opensearch.client.indices.put_settings(index=index_name, body=late[0])
    ingested(documents(3), cluster=opensearch, **load)
    check_clean(opensearch, index_name, **OWNERS)


def test_a_stale_note_relaxes_no_live_index(opensearch, index_name):
    fill = {"cluster": opensearch, "alias": index_name, "encoder": StubEncoder()}
    first, seen = ingested(documents(3), **fill).index, []
    stale = Note(index_name, settings={"refresh_interval": None, "number_of_replicas": "0"})
    meta = {**meta_of(opensearch, first), LOADING: asdict(stale)}
    opensearch.client.indices.put_mapping(index=first, body={"_meta": meta})
    opensearch.client.indices.put_settings(index=first, body={"index": OWNERS})

    def watched():
        for document in documents(5):
            seen.append(settings_of(opensearch, first))
            yield document

    report = ingested(watched(), **fill)
    assert report.index == live(opensearch, index_name) != first
    assert LOADING not in meta_of(opensearch, first)
    for found in (*seen, settings_of(opensearch, first)):
        assert {name: found.get(name) for name in OWNERS} == OWNERS


LAST = b'"document_id":"d69"'  # of the source that follows


def killed_at(cluster, number, **asked):
    """Kill a load as the cluster has carried out the request of its end of this number, from 0.

    The end begins where the last document is written. Returns the paths of its requests so far,
    None where it had no such request and ended by itself.
    """
    requests = []

    def passed(path, body):
        begins = path.endswith("_bulk") and LAST in body
        if not begins and not requests:
            return
        requests.append(path)
        if len(requests) == number + 1:
            process.kill()
            process.wait(PATIENCE)

    with FlakyProxy(cluster.url, lambda number: None, passed=passed) as proxy:
        process = started(url=proxy.url, **asked)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, -signal.SIGKILL), said
    return requests if process.returncode else None


@pytest.mark.long
def test_an_alias_load_killed_at_any_request_of_its_end_is_ended_by_the_next(
    opensearch, index_name, tmp_path
):
    source = write_jsonl(tmp_path / "a.jsonl", documents(70))
    traits = {"filter": {"range": {"year": {"gte": 1903}}}, "is_write_index": True}
    foreign = f"{index_name}-20200101000000"
    opensearch.client.indices.create(index=foreign, body={"settings": {"refresh_interval": "7s"}})
    strange = opensearch.client.indices.get(index=foreign)
    fill = {
        "cluster": opensearch,
        "alias": index_name,
        "encoder": StubEncoder(),
        "plan": Plan(keep=1),
    }
    before = [ingested(documents(20), **fill).index for _ in range(2)]
    action = {"add": {"index": before[1], "alias": index_name, **traits}}
    opensearch.client.indices.update_aliases(body={"actions": [action]})
    expected = None
    for number in count_from(0):
        ended = killed_at(opensearch, number, alias=index_name, source=str(source))
        switched = live(opensearch, index_name) not in before
        report = ingested(source, **fill) if ended else None
        index = live(opensearch, index_name)
        expected = expected or stored(opensearch, index)
        assert stored(opensearch, index) == expected
        assert set(expected) == {each["id"] for each in documents(70)}
        assert opensearch.client.indices.get_alias(index=index)[index]["aliases"] == {
            index_name: traits
        }
        there = set(opensearch.client.indices.get(index=f"{index_name}-*")) - {foreign}
        assert len(there) == 2, (ended, there)
        assert there - set(before) == {index} or switched, (ended, there)
        assert before[1] in there or switched, (ended, there)
        for each in there:
            check_clean(opensearch, each)
        assert opensearch.client.indices.get(index=foreign) == strange
        if ended is None:
            break
        assert report.index == index
        before = [*(there - {index}), index]
    assert number > 10
