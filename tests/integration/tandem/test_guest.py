"""A guest in somebody's process: what is global there is the same after us, and meanwhile."""

import asyncio
import contextlib
import csv
import io
import logging
import sys
import threading

import transformers

import tandem
from tests.support.processes.state import state
from tests.support.stubs import WordScorer

TEXTS = [f"the bee number {number} makes honey" for number in range(30)]


def everything(cluster, index, model, table):
    """Load a model, ingest, search, search asynchronously and rerank."""
    for backend in ("torch", "openvino"):
        encoder = tandem.Encoder.load(model, backend=backend)
        encoder.encode_passages(TEXTS)
    report = tandem.ingest(table, cluster=cluster, encoder=encoder, index=index)
    assert report.written == len(TEXTS)
    with tandem.Searcher(cluster, index, encoder=encoder) as searcher:
        for mode in ("knn", "bm25", "hybrid"):
            assert len(searcher.search("honey", mode=mode)) == 10
        assert searcher.search("honey", rerank=tandem.Rerank(WordScorer()))[0].before

    async def search():
        async with tandem.AsyncSearcher(cluster, index, encoder=encoder) as searcher:
            return await asyncio.gather(*(searcher.search(text) for text in ("bee", "honey")))

    assert all(map(len, asyncio.run(search())))


def test_nothing_global_is_other_than_before(opensearch, index_name, minilm, tmp_path):
    # What libraries set when they are imported is theirs.
    tandem.Encoder.load(minilm, backend="torch")
    import torch._inductor.runtime.cache_dir_utils  # noqa: F401

    table = tmp_path / "bees.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(TEXTS)])
    before = state()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        everything(opensearch, index_name, minilm, str(table))
    after = state()
    assert {name: after[name] for name in after if after[name] != before[name]} == {}
    assert printed.getvalue() == ""


def test_another_thread_prints_and_logs_as_ever_while_a_model_is_loaded(minilm, capsys):
    theirs = transformers.utils.logging.get_logger("transformers.theirs")
    found, done = io.StringIO(), threading.Event()
    handler = logging.StreamHandler(found)
    logging.getLogger("transformers").addHandler(handler)

    def work():
        while not done.wait(0.001):
            theirs.warning("a warning of theirs")
            sys.stdout.write("a line of theirs\n")
            bars.append(transformers.utils.logging.tqdm([1], file=found).disable)

    bars, thread = [], threading.Thread(target=work)
    thread.start()
    try:
        tandem.Encoder.load(minilm, backend="torch")
    finally:
        done.set()
        thread.join(60)
        logging.getLogger("transformers").removeHandler(handler)
    assert len(bars) > 3
    assert not any(bars)
    assert found.getvalue().count("a warning of theirs") == len(bars)
    assert capsys.readouterr().out.count("a line of theirs") == len(bars)


def test_two_that_load_at_once_leave_it_as_it_was(minilm):
    tandem.Encoder.load(minilm, backend="torch")
    before = state()
    loading = [
        threading.Thread(target=tandem.Encoder.load, args=(minilm,), kwargs={"backend": "torch"})
        for _ in range(3)
    ]
    for each in loading:
        each.start()
    for each in loading:
        each.join(300)
    assert state() == before
