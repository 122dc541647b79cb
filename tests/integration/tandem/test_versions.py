"""The main commands on every version that the README names, one server at a time."""

import json
from functools import partial

import pytest

from cluster import connect
from tests.integration.ingest.existing.books import make_index, vector_spec
from tests.servers.servers import SecuredServer
from tests.servers.versions import OPENSEARCH, ElasticsearchVersion, OpenSearchVersion
from tests.support.commands import tandem
from tests.support.loads import stored, write_jsonl

MODEL = ("--model", "sentence-transformers/all-MiniLM-L6-v2")
CORPUS = [
    {"id": "paris", "text": "Paris is the capital of France.", "year": 1990, "tag": "city"},
    {"id": "seine", "text": "The Seine flows through Paris.", "year": 2005, "tag": "river"},
    {"id": "bread", "text": "Bread is baked from flour and water.", "year": 2015, "tag": "food"},
    {"id": "snow", "text": "Snow falls in winter.", "year": 2020, "tag": "weather"},
]
LATER = [*CORPUS[:3], {"id": "rain", "text": "Rain falls in autumn.", "year": 2021}]
STARTED = {
    **{f"opensearch-{each}": (OpenSearchVersion, each) for each in OPENSEARCH},
    "elasticsearch-8.19.21": (ElasticsearchVersion,),
}


@pytest.fixture(
    scope="module",
    params=[
        *STARTED,
        "opensearch-3.6.0",
        "elasticsearch-9.5.3",
        "opensearch-2.19.1",
    ],
)
def server(request):
    """A running server of the version; those of the matrix alone are stopped after their tests."""
    shared = {
        "opensearch-3.6.0": "opensearch_server",
        "elasticsearch-9.5.3": "elasticsearch_server",
        "opensearch-2.19.1": "secured_server",
    }
    if request.param in shared:
        yield request.param, request.getfixturevalue(shared[request.param])
        return
    kind, *words = STARTED[request.param]
    started = kind(*words)
    try:
        started.start()
        yield request.param, started
    finally:
        started.close()


@pytest.fixture
def api(server):
    """A Cluster there."""
    _, started = server
    of = started.connect if isinstance(started, SecuredServer) else partial(connect, started.url)
    with of(timeout=60.0) as found:
        yield found


@pytest.fixture
def run(server):
    """Runs a command there, and gives its JSON; it must end as said."""
    name, started = server
    access = {"TANDEM_URL": started.url}
    if isinstance(started, SecuredServer):
        access |= {
            "TANDEM_USER": started.user,
            "TANDEM_PASSWORD": started.password,
            "TANDEM_CA_CERTS": str(started.ca_certs),
        }

    def run(*words, code=0):
        done = tandem(*words, "--json", **access)
        assert done.code == code, f"{name}: {words}: {done.err}"
        return json.loads(done.out)

    return run


@pytest.mark.long
def test_the_main_commands(server, run, tmp_path):
    name, _ = server
    alias = f"books-{name.replace('.', '-')}"
    first = write_jsonl(tmp_path / "first.jsonl", CORPUS)
    later = write_jsonl(tmp_path / "later.jsonl", LATER)
    doctor = run("doctor")
    assert name.partition("-")[2] in json.dumps(doctor)

    loaded = run("ingest", first, "--alias", alias, *MODEL)
    assert (loaded["read"], loaded["written"], loaded["rejected"]) == (4, 4, 0)
    old = loaded["index"]
    judged = run("doctor", "--index", alias)["findings"]
    rows = {each["name"]: each["value"] for each in judged if each["section"] == f"index {old}"}
    assert rows["documents"] == "4 with a vector, 0 without"
    assert rows["model fit"].startswith("4 of 4 sampled documents have")
    assert not [each for each in rows.values() if each.startswith("not seen")]
    for mode in ("bm25", "knn", "hybrid"):
        found = run("search", "the capital of France", "--index", alias, "--mode", mode)
        assert found["hits"][0]["id"] == "paris", mode
        late = run("search", "Paris", "--index", alias, "--mode", mode, "--where", "year>=2000")
        ids = [hit["id"] for hit in late["hits"]]
        assert ids[0] == "seine", mode
        assert "paris" not in ids, mode

    # The same again is skipped; a changed source under the alias goes to a new index.
    again = run("ingest", first, "--index", alias, *MODEL)
    assert (again["written"], again["skipped"]) == (0, 4)
    new = run("ingest", later, "--alias", alias, *MODEL)["index"]
    assert new != old
    assert run("search", "rain", "--index", alias)["hits"][0]["id"] == "rain"
    pruned = run("ingest", first, "--index", new, "--prune", "--max-prune", "50%", *MODEL, "--yes")
    assert (pruned["written"], pruned["skipped"]) == (1, 3)
    assert run("index", "show", alias)["documents"] == 4
    run("index", "switch", alias, old)
    listed = {each["index"]: each for each in run("index", "list")["indexes"]}
    assert listed[old]["aliases"] == [alias]
    assert listed[new]["aliases"] == []
    run("index", "delete", new, "--yes")
    run("index", "delete", old, "--yes", "--with-alias", alias)
    assert not {old, new} & {each["index"] for each in run("index", "list")["indexes"]}


@pytest.mark.long
def test_indexes_of_others_and_figures(api, run, tmp_path):
    """Texts that are there get vectors; vectors that are there a record; and both are judged."""
    texts = [{"body": each["text"]} for each in CORPUS]
    enriched, adopted = "others-texts", "others-vectors"
    kinds = {"body": {"type": "text"}}
    spec = vector_spec(api.capabilities.distribution, 384)
    judged = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    judged[0].write_text('{"_id": "q", "text": "the capital of France"}\n')
    judged[1].write_text("query-id\tcorpus-id\tscore\nq\t0\t1\n")
    try:
        make_index(api, enriched, kinds, texts)
        found = run("enrich", enriched, "--text-field", "body", *MODEL)
        assert (found["written"], found["rejected"]) == (4, 0)
        rows = [
            {k: row[k] for k in ("body", "body_vector")} for row in stored(api, enriched).values()
        ]
        make_index(api, adopted, {**kinds, "body_vector": spec}, rows)
        found = run("index", "adopt", adopted, *MODEL)
        assert (found["fitting"], found["documents"]) == (4, 4)
        assert found["cosine"] > 0.999
        for name in (enriched, adopted):
            figures = run("evaluate", "--index", name, "--queries", judged[0], "--qrels", judged[1])
            assert {mode: of["RR@10"] for mode, of in figures["modes"].items()} == dict.fromkeys(
                ("hybrid", "knn", "bm25"), 1.0
            )
            shown = run("index", "show", name)
            assert (shown["documents"], shown["with_vector"]) == (4, 4)
    finally:
        for name in (enriched, adopted):
            api.client.indices.delete(index=name, params={"ignore_unavailable": "true"})
