"""What the real stores of LangChain, LlamaIndex and Haystack wrote is adopted, and stays theirs."""

import json
import os
import subprocess
import sys

import pytest

from encoder import Encoder
from ingest import adopt_index, ingest
from query import Searcher
from tests.integration.ingest.existing.books import BOOKS
from tests.servers.servers import shared_home
from tests.support.loads import ROOT

SCRIPT = ROOT / "tests" / "support" / "processes" / "framework_script.py"
# Beside what this environment has: their pins and ours conflict, so each has a folder of its own.
PACKAGES = {
    "langchain": [
        *("--no-deps", "langchain-community==0.4.2", "langchain-classic==1.0.8", "aiohttp==3.14.5"),
        *("langchain-text-splitters==1.1.3", "dataclasses-json==0.6.7", "typing-inspect==0.9.0"),
        *("marshmallow==4.4.0", "httpx-sse==0.4.3", "pydantic-settings==2.16.3"),
    ],
    "llamaindex": ["llama-index-vector-stores-opensearch==1.3.0"],
    "haystack": ["--no-deps", "opensearch-haystack==9.0.0"],
}
TEXTS = [book["body"] for book in BOOKS]
TOPICS = [f"t{number}" for number in range(len(TEXTS))]
NEW = "How glass is blown, and by whom."


@pytest.fixture(params=PACKAGES)
def framework(request):
    """(its name, the folder of its packages): fetched once for all runs of the tests."""
    folder = shared_home().path / "frameworks" / request.param
    if not (folder / "whole").exists():
        words = ("-m", "pip", "install", "--quiet", "--upgrade", "--target", str(folder))
        subprocess.run([sys.executable, *words, *PACKAGES[request.param]], check=True, timeout=900)
        (folder / "whole").touch()
    return request.param, folder


def asked(framework, cluster, index, folder, **given):
    """What its own search finds."""
    name, packages = framework
    file = folder / "given.json"
    file.write_text(json.dumps(given))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), name, cluster.url, index, str(file)],
        env={**os.environ, "PYTHONPATH": str(packages)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
def test_adopt_search_and_ingest_beside_its_own_search(
    framework, opensearch, index_name, minilm, tmp_path
):
    encoder = Encoder.load(minilm)
    # LlamaIndex encodes the metadata before the text.
    told = [f"topic: {topic}\n\n{text}" for topic, text in zip(TOPICS, TEXTS, strict=True)]
    every = [*TEXTS, *told]
    vectors = dict(zip(every, encoder.encode_passages(every).tolist(), strict=True))
    known = {"vectors": vectors, "query": TEXTS[3]}
    first = asked(framework, opensearch, index_name, tmp_path, **known, store=TEXTS, topics=TOPICS)
    assert first[0] == TEXTS[3]
    found = adopt_index(opensearch, index_name, encoder)
    assert found.fit.fitting == found.fit.sampled == len(TEXTS)
    with Searcher(opensearch, index_name, encoder=encoder) as searcher:
        for mode in ("knn", "bm25", "hybrid"):
            assert searcher.search("bread", mode=mode, k=1).hits[0].text == TEXTS[4]
    new = [{"id": "new", "text": NEW, "topic": "t99"}]
    report = ingest(new, cluster=opensearch, encoder=encoder, index=index_name)
    assert (report.written, report.rejected) == (1, 0)
    opensearch.client.indices.refresh(index=index_name)
    with Searcher(opensearch, index_name, encoder=encoder) as searcher:
        assert searcher.search("glass blowing", mode="knn", k=1).hits[0].text == NEW
    again = asked(framework, opensearch, index_name, tmp_path, **known, store=[], topics=[])
    assert again == first
