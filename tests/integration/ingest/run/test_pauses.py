"""A source that pauses: what it gave is written within seconds, so that a pipe is a worker."""

import threading
import time

import pytest

from encoder import Encoder
from ingest import Plan, Reading, SourceError
from tests.support.loads import documents, ingested, stored, write_jsonl
from tests.support.stubs import StubEncoder

PATIENCE = 30.0


def held(cluster, index):
    if not cluster.client.indices.exists(index=index):
        return 0
    return len(stored(cluster, index))


def wait_until(true):
    deadline = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < deadline:
        time.sleep(0.2)
    return true()


@pytest.mark.parametrize("real", [False, True], ids=["stub", "minilm"])
def test_what_a_source_gave_before_a_pause_is_written_in_the_pause(
    opensearch, index_name, minilm, real
):
    seen, reports = [], []

    def pausing(done):
        for first, last in ((0, 3), (3, 5), (5, 6)):
            yield from documents(last - first, first)
            seen.append(wait_until(lambda last=last: done() == last))

    encoder = Encoder.load(minilm, backend="torch", precision="float32") if real else StubEncoder()
    given = {"cluster": opensearch, "index": index_name, "encoder": encoder}
    report = ingested(pausing(lambda: held(opensearch, index_name)), **given)
    assert seen == [True, True, True]
    assert (report.written, report.encoded, report.held) == (6, 6, 6)
    # Into an index that is there, what is stored is looked up first.
    report = ingested(
        pausing(lambda: reports[-1].skipped if reports else 0), reports=reports, **given
    )
    assert seen == [True] * 6
    assert (report.skipped, report.written) == (6, 0)


def test_a_file_that_grows_is_followed_to_its_half_lines(opensearch, index_name, tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", documents(3))
    line = write_jsonl(tmp_path / "b.jsonl", documents(1, 3)).read_bytes()
    seen, ended = [], []

    def load():
        try:
            plan = Plan(reading=Reading(follow=True))
            given = {"cluster": opensearch, "index": index_name, "encoder": StubEncoder()}
            ingested(path, plan=plan, reports=seen, **given)
        except SourceError as error:
            ended.append(str(error))

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    assert wait_until(lambda: held(opensearch, index_name) == 3)
    with path.open("ab") as file:
        for part in (line[:20], line[20:]):
            file.write(part)
            file.flush()
            time.sleep(0.5)
        assert wait_until(lambda: held(opensearch, index_name) == 4)
    path.write_bytes(b"")
    thread.join(PATIENCE)
    assert "damaged or cut short after line 4 (it was cut while it was followed)" in ended[0]
    assert seen[-1].written == 4
    assert {each.done for each in seen} == {None}


def test_only_a_file_can_be_followed(opensearch, index_name):
    with pytest.raises(SourceError, match="`follow` reads on in a file that grows"):
        ingested(
            documents(1),
            cluster=opensearch,
            index=index_name,
            encoder=StubEncoder(),
            plan=Plan(reading=Reading(follow=True)),
        )
