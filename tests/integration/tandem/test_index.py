"""`tandem index` as people type it, on a real cluster."""

import json
import re

import pytest

from ingest.index.open import create_index
from mappings import Shape
from tests.support.commands import tandem
from tests.support.stubs import StubEncoder
from tests.unit.cluster.fakes import serving
from tests.unit.tandem.commands.test_missing import WELL


@pytest.fixture
def run(opensearch):
    """Runs `tandem index` on the tests' node."""
    return lambda *words, **options: tandem("index", *words, TANDEM_URL=opensearch.url, **options)


def test_a_switch_to_an_index_that_is_not_there(run, index_name):
    done = run("switch", f"{index_name}-alias", index_name)
    assert done.code == 1
    assert f"there is no index {index_name}" in done.err
    assert "--alias" not in done.err


def test_a_switch_of_an_index_that_is_no_alias(run, opensearch, index_name):
    create_index(opensearch, index_name, StubEncoder(), shape=Shape())
    done = run("switch", index_name, index_name)
    assert done.code == 1
    assert "no alias can have its name" in done.err
    assert "--alias" not in done.err


@pytest.fixture
def stub(opensearch, index_name):
    """An index of three documents, as if a stub encoder had made it."""
    create_index(opensearch, index_name, StubEncoder(), shape=Shape(analyzer="english", m=24))
    for number in range(3):
        opensearch.client.index(index=index_name, body={"text": f"Document {number}."})
    opensearch.client.indices.refresh(index=index_name)
    return index_name


def test_list_has_what_tandem_made_and_nothing_else(run, opensearch, stub):
    other = f"{stub}.other-2026.01"
    opensearch.client.indices.create(index=other)
    opensearch.client.indices.put_alias(index=stub, name=f"{stub}-alias")
    rows = {row["index"]: row for row in json.loads(run("list", "--json").out)["indexes"]}
    assert other not in rows
    size = rows[stub].pop("bytes")
    assert rows[stub] == {
        "index": stub,
        "aliases": [f"{stub}-alias"],
        "documents": 3,
        "model": StubEncoder().name,
        "dimension": StubEncoder().dim,
        "missing_shards": 0,
        "damaged": None,
    }
    assert size > 1000
    out = run("list").out
    assert max(map(len, out.splitlines())) <= 100
    for word in ("Index", "Aliases", "Documents", stub, f"{stub}-alias", "kB"):
        assert word in out
    # One that others wrote over is shown as such, and costs no other.
    damaged = {"_meta": {"tandem": {"format": 1, "encoder": {"model": 7}}}}
    opensearch.client.indices.put_mapping(index=other, body=damaged)
    rows = {row["index"]: row for row in json.loads(run("list", "--json").out)["indexes"]}
    assert (rows[other]["model"], rows[stub]["damaged"]) == (None, None)
    assert "damaged Tandem record" in rows[other]["damaged"]
    done = run("list")
    assert (done.code, "(damaged)" in done.out) == (0, True)
    assert f"Warning: index {other!r} has a damaged Tandem record" in done.err
    assert max(map(len, done.out.splitlines())) <= 100


def test_list_folds_and_cuts_nothing(run, stub):
    out = run("list", columns=50).out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 50


def test_list_of_nothing():
    with serving(WELL | {"*": (200, {})}) as (url, _):
        done = tandem("index", "list", "--url", url)
        assert tandem("index", "list", "--url", url, "--json").out == '{"indexes":[]}\n'
    assert (done.code, done.out) == (0, f"No index of {url} was made by Tandem.\n")


def test_show_says_how_it_is_laid_out_in_plain_words(run, stub):
    done = run("show", stub)
    lines = dict(re.findall(r"^ *(\S[^│]*?) {2,}(\S.*?) *$", done.out, re.M))
    assert lines["analyzer"] == "english"
    assert lines["k-NN engine"] == "lucene"
    assert lines["HNSW m"] == "24"
    assert lines["HNSW ef_construction"] == "100"
    assert lines["field vector"] == "knn_vector"
    assert lines["aliases"] == "none"
    assert lines["size"].endswith("kB")
    assert "{" not in done.out
    assert "[" not in done.out
    found = json.loads(run("show", stub, "--json").out)
    assert (found["analyzer"], found["engine"], found["m"]) == ("english", "lucene", 24)
    assert found["bytes"] > 1000


def test_show_says_prompts_and_other_settings(run, opensearch, index_name):
    encoder = StubEncoder()
    encoder.settings = {"truncate_dim": 8, "query_prompt": "query: "}
    create_index(opensearch, index_name, encoder, shape=Shape())
    out = run("show", index_name).out
    assert re.search(r'query prompt +"query: "', out)
    assert re.search(r"truncate dim +8", out)


def test_list_and_show_on_elasticsearch(elasticsearch, index_name):
    create_index(elasticsearch, index_name, StubEncoder(), shape=Shape(m=24, replicas=0))
    rows = json.loads(tandem("index", "list", "--json", TANDEM_URL=elasticsearch.url).out)
    assert index_name in [row["index"] for row in rows["indexes"]]
    out = tandem("index", "show", index_name, TANDEM_URL=elasticsearch.url).out
    assert "engine" not in out
    assert re.search(r"HNSW m +24", out)


def test_an_alias_is_not_deleted_and_its_index_is_named(run, opensearch, stub):
    opensearch.client.indices.put_alias(index=stub, name=f"{stub}-alias")
    done = run("delete", f"{stub}-alias", "--yes")
    assert done.code == 1
    assert f"is an alias of {stub}, so nothing was deleted" in done.err
    assert opensearch.client.indices.exists(index=stub)
    done = run("delete", stub, "--yes")
    assert (done.code, f"--with-alias {stub}-alias" in done.err) == (1, True)
    assert opensearch.client.indices.exists(index=stub)
    done = run("delete", stub, "--yes", "--json", "--with-alias", f"{stub}-alias")
    assert json.loads(done.out) == {"index": stub, "deleted": True, "documents": 3}


def test_an_index_of_others_is_not_deleted(run, opensearch, index_name):
    opensearch.client.indices.create(index=index_name)
    done = run("delete", index_name, "--yes")
    assert done.code == 1
    assert "was not made by Tandem (its mapping has no record of an encoder)" in done.err
    assert f"DELETE /{index_name} does it" in done.err
    assert opensearch.client.indices.exists(index=index_name)


def test_an_index_that_is_there_is_not_made_again(run, stub):
    done = run("create", stub, "--model", "sentence-transformers/all-MiniLM-L6-v2")
    assert done.code == 1
    assert f"there is an index {stub} on" in done.err
    assert "HTTP" not in done.err


@pytest.mark.parametrize(
    ("words", "notes"), [((), 0), (("--replicas", "0"), 0), (("--replicas", "2"), 1)]
)
def test_replicas_that_the_embedded_node_cannot_have_are_said_once(
    opensearch_server, index_name, words, notes
):
    environ = {k: v for k, v in opensearch_server.environment.items() if k.startswith("TANDEM_")}
    done = tandem("index", "create", index_name, "--model", "./none", *words, **environ)
    assert done.code == 1
    assert done.err.count("the embedded node is one node") == notes
