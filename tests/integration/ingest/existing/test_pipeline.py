"""The cluster's own pipeline: real ML Commons that asks a real `tandem serve`.

What others write through it, and what they search by it, beside what Tandem itself does.
"""

import json
import os
import re
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from opensearchpy import OpenSearch

from cluster import connect
from cluster.diagnosis.rights import roles
from cluster.errors import MissingRightError
from encoder import Encoder
from ingest import (
    IndexRefusedError,
    Plan,
    Shape,
    check_pipeline,
    create_index,
    ingest,
    install_pipeline,
    read_installed_pipeline,
    remove_pipeline,
)
from ingest.index.existing.pipeline.ml_commons import MlCommons
from mappings import Fusion
from query import Searcher, SearchSettings, put_search_settings
from tests.servers.served import MODEL, Served
from tests.servers.versions import PRIVATE, TRUSTED, NeuralServer, SecuredNeuralServer
from tests.support.commands import tandem
from tests.support.red import red
from tests.support.searches import corpus

pytestmark = pytest.mark.long

KEY = "key-of-readers"
PROMPTS = {"query_prompt": "query: ", "passage_prompt": "passage: "}
PASSWORD = "Few-rights-2026!"
PREDICT = ["cluster:admin/opensearch/ml/models/get", "cluster:admin/opensearch/ml/predict"]
READER = {"cluster": PREDICT, "index": ["indices:admin/mappings/get", "indices:data/read/search"]}
WRITER = {
    "cluster": [*PREDICT, "indices:data/write/bulk"],
    "index": [
        "indices:admin/mapping/put",
        "indices:admin/refresh*",
        "indices:data/write/bulk*",
        "indices:data/write/index",
    ],
}
# None is left in the folder that the tests run in.
NO_REJECTS = Plan(rejects=Path(tempfile.gettempdir()) / f"tandem-test-rejects-{os.getpid()}.jsonl")
QUESTIONS = ("What is the capital of France?", "Why do cats purr?", "bees ${parameters.model}")
# What connectors, JSON and painless could change on the way.
ODD = [
    "What ${parameters.x}, ${parameters.model} and ${parameters.input} stand for",
    'Quotes " and \\ backslashes, \\u0024, \u2028 and \a \b \t \n \x1f controls </b> 100 %',
    "Accents é, 漢字 and emoji 🐝 👩‍🔬",
]
DOCUMENTS = [
    *({k: v for k, v in row.items() if k != "subject"} for row in corpus()[:150]),
    *(
        {"_id": f"odd-{n}", "title": f" On ${{parameters.x}} {n} ", "text": t}
        for n, t in enumerate(ODD)
    ),
    {"_id": "sentences", "text": ["Bees make honey.", "", "They dance."], "title": 7},
    {"_id": "alone", "title": "A title alone", "text": "  "},
    {
        "_id": "nested",
        "text": "Sheep.",
        "of": {"c": True, "b": [1, 2.5], "d": None, "a": {"\u20ac": "\x07"}},
    },
    {"_id": "numbers", "text": "Wool.", "f": [0.1, 1e16, 1e22, 1.5e-7, -0.0, 3.0, 1 / 3, 2**40]},
]


@pytest.fixture(scope="module")
def neural():
    with closing(NeuralServer()) as server:
        server.start()
        with connect(server.url, timeout=100) as cluster:
            yield cluster


@pytest.fixture(scope="module", params=[{}, PROMPTS], ids=["without prompts", "with prompts"])
def service(request, neural):
    """A service, and the encoder that it has."""
    words = [w for n, v in request.param.items() for w in (f"--{n.replace('_', '-')}", v)]
    served = Served(neural.url, *words, TANDEM_SERVE_KEY=KEY)
    encoder = Encoder.load(MODEL, **request.param)
    yield served, encoder
    served.close()


def allow(cluster, hosts=("127.0.0.1",)):
    patterns = [rf"^http://{re.escape(host)}:[0-9]+/.*$" for host in hosts]
    cluster.client.cluster.put_settings(body={"persistent": {TRUSTED: patterns, PRIVATE: True}})


def install(cluster, service, name, *words, **environ):
    """By the command line; what it says as JSON."""
    given = ("pipeline", "install", name, "--service", service.url, "--json", *words)
    return tandem(*given, TANDEM_URL=cluster.url, TANDEM_SERVICE_KEY=KEY, **environ)


def write_plainly(client, index, documents):
    lines = []
    for each in documents:
        source = {name: value for name, value in each.items() if name != "_id"}
        lines += [{"index": {"_id": each["_id"]}}, source]
    answer = client.bulk(index=index, body=lines, refresh=True, request_timeout=100)
    assert [each for each in answer["items"] if "error" in each["index"]] == []


def encoded(document):
    """As an ingestion encodes it."""
    title, text = str(document.get("title", "")).strip(), document["text"]
    text = "\n".join(filter(None, text)) if isinstance(text, list) else text.strip() and text
    return f"{title}\n{text}" if title and text else title or text


def check_vectors(client, index, encoder, documents):
    ids = [each["_id"] for each in documents]
    found = client.mget(index=index, body={"ids": ids})["docs"]
    stored = np.array([each["_source"]["vector"] for each in found], np.float32)
    wanted = encoder.encode_passages([encoded(each) for each in documents])
    cosines = (stored * wanted).sum(1) / np.linalg.norm(stored, axis=1)
    assert cosines.min() >= 0.9999
    for document, hit in zip(documents, found, strict=True):
        if isinstance(document["text"], str) and document["text"].strip():
            assert hit["_source"]["text"] == document["text"]


def neural_query(text, k):
    return {"neural": {"vector": {"query_text": text, "k": k}}}


def words_query(text):
    match = {"query": text, "fields": ["text", "title"], "operator": "or"}
    return {"multi_match": {**match, "type": "best_fields", "tie_breaker": 0.3}}


def check_searches(client, cluster, index, encoder):
    """That a client without vectors gets the first ten of Tandem, by kNN and by both."""
    with Searcher(cluster, index, encoder=encoder) as searcher:
        for text in QUESTIONS:
            hybrid = {"queries": [words_query(text), neural_query(text, 100)]}
            for mode, query in (
                ("knn", neural_query(text, 100)),
                ("hybrid", {"hybrid": {**hybrid, "pagination_depth": 100}}),
            ):
                body = {"query": query, "size": 10, "_source": False}
                hits = client.search(index=index, body=body, request_timeout=100)["hits"]["hits"]
                ours = [hit.id for hit in searcher.search(text, mode=mode, k=10)]
                assert [hit["_id"] for hit in hits] == ours, (mode, text)


def left_of(cluster, name):
    """What ML Commons has of a name: connectors, models, and the groups that it makes for these."""
    query = {"query": {"prefix": {"name.keyword": name}}, "size": 50}
    found = []
    for kind in ("connectors", "models", "model_groups"):
        _, answer = MlCommons(cluster).ask(dict, "POST", kind, "_search", body=query)
        hits = answer["hits"]["hits"]
        found += [(kind, hit["_source"]["name"]) for hit in hits]
    return found


def encoded_by(service):
    """How many texts the service has encoded."""
    lines = service.asked("GET", "/metrics", KEY).text.splitlines()
    return sum(float(x.split()[1]) for x in lines if x.startswith("tandem_batch_texts_sum"))


def test_what_is_not_allowed_is_told_with_the_request_that_allows_it(neural, service):
    served, _ = service
    neural.client.cluster.put_settings(body={"persistent": dict.fromkeys([TRUSTED, PRIVATE])})
    done = install(neural, served, "asking")
    assert done.code == 1
    assert "until an administrator allows it: PUT /_cluster/settings" in done.err
    body = json.loads(done.err[done.err.index("{") : done.err.rindex("}") + 1])
    neural.client.cluster.put_settings(body=body)
    assert install(neural, served, "asking").code == 0
    remove_pipeline(neural, "asking")
    allow(neural)


def test_a_part_that_is_missing_and_a_block_of_the_cluster_are_told_before_anything_is_made(
    neural, service
):
    served, _ = service
    allow(neural)
    with red(neural) as index:
        done = install(neural, served, "half", "--index", index)
        assert (done.code, done.out) == (1, "")
        assert f"index {index!r} is incomplete: 1 of its shards" in done.err
    block = "cluster.blocks.read_only"
    neural.client.cluster.put_settings(body={"persistent": {block: True}})
    try:
        done = install(neural, served, "half")
    finally:
        neural.client.cluster.put_settings(body={"persistent": {block: None}})
    assert (done.code, done.out) == (1, "")
    assert f'PUT /_cluster/settings {{"persistent": {{"{block}": null}}' in done.err
    assert len(done.err.splitlines()) == 1
    assert read_installed_pipeline(neural, "half").empty


def test_others_write_and_search_as_tandem_does(neural, service):
    served, encoder = service
    allow(neural)
    index = "books"
    create_index(neural, index, encoder, shape=Shape(shards=2, replicas=0))
    done = install(neural, served, "shop", "--index", index)
    assert done.code == 0, done.err
    assert KEY not in done.out + done.err
    installed = json.loads(done.out)
    assert installed["whole"]
    assert installed["indexes"] == installed["searched"] == [index]
    assert json.loads(install(neural, served, "shop", "--index", index).out) == installed
    with OpenSearch(neural.url) as plain:
        write_plainly(plain, index, DOCUMENTS)
        check_vectors(plain, index, encoder, DOCUMENTS)
        check_searches(plain, neural, index, encoder)
        # Other weights, once the pipeline is installed again.
        put_search_settings(neural, index, SearchSettings(Fusion(weights=(0.8, 0.2))))
        assert install(neural, served, "shop", "--index", index).code == 0
        check_searches(plain, neural, index, encoder)
        skips_and_bypasses(neural, served, encoder, index)
        auto = plain.index(index=index, body={"text": "Whoever has no id gets one."})["_id"]
        assert plain.get(index=index, id=auto)["_source"]["document_id"] == auto
        variables = {"TANDEM_URL": neural.url, "TANDEM_SERVICE_KEY": KEY}
        tested = tandem("pipeline", "test", "shop", **variables)
        assert (tested.code, f"the service at {served.url} wants a key" in tested.err) == (1, True)
        tested = tandem("pipeline", "test", "shop", "--service", served.url, **variables)
        assert tested.code == 0, tested.out
        gone = tandem("pipeline", "remove", "shop", TANDEM_URL=neural.url)
        assert gone.code == 0, gone.err
        assert left_of(neural, "tandem-shop") == []
        plain.index(index=index, id="later", body={"text": "No pipeline any more."})
        assert "vector" not in plain.get(index=index, id="later")["_source"]
    settings = neural.client.indices.get_settings(index=index)[index]["settings"]["index"]
    assert "default_pipeline" not in {*settings, *settings.get("search", {})}
    neural.client.indices.delete(index=index)


def skips_and_bypasses(cluster, service, encoder, index):
    """Tandem skips what the cluster wrote, and encodes itself what it writes."""
    before = encoded_by(service)
    report = ingest(DOCUMENTS, index=index, cluster=cluster, encoder=encoder, plan=NO_REJECTS)
    assert (report.skipped, report.written) == (len(DOCUMENTS), 0)
    long = {"_id": "long", "text": "Bees dance in the hive. " * 200, "title": "Long"}
    report = ingest([long], index=index, cluster=cluster, encoder=encoder, plan=NO_REJECTS)
    assert report.passages_written > 1
    assert encoded_by(service) == before
    # A passage that goes through it, as where others installed it by hand, stays what it is.
    found = cluster.client.get(index=index, id="long##1")["_source"]
    cluster.client.index(index=index, id="long##1", body=found, refresh=True)
    assert encoded_by(service) > before
    report = ingest([long], index=index, cluster=cluster, encoder=encoder, plan=NO_REJECTS)
    assert report.written == 0


def test_what_others_made_is_left_alone(neural):
    """And no service is asked."""
    put = neural.client.transport.perform_request
    theirs = {"description": "theirs", "processors": []}
    put("PUT", "/_ingest/pipeline/theirs", body=theirs)
    for change in (
        lambda: install_pipeline(neural, "theirs", "http://127.0.0.1:9"),
        lambda: remove_pipeline(neural, "theirs"),
    ):
        with pytest.raises(IndexRefusedError, match="Tandem did not write it"):
            change()
    assert put("GET", "/_ingest/pipeline/theirs") == {"theirs": theirs}
    with pytest.raises(IndexRefusedError, match="no pipeline 'nosuch' of Tandem's"):
        remove_pipeline(neural, "nosuch")


@pytest.fixture(scope="module")
def secured_neural():
    with closing(SecuredNeuralServer()) as server:
        server.start()
        yield server


def grant(cluster, name, role):
    """Let a user, and a role of his name, do just this."""
    put, api = cluster.client.transport.perform_request, "/_plugins/_security/api"
    put("PUT", f"{api}/roles/{name}", body=role)
    put("PUT", f"{api}/internalusers/{name}", body={"password": PASSWORD})
    put("PUT", f"{api}/rolesmapping/{name}", body={"users": [name]})


def user_with(cluster, server, name, index, permissions):
    """Make a user who may do no more, and connect as him."""
    role = {
        "cluster_permissions": permissions["cluster"],
        "index_permissions": [{"index_patterns": [index], "allowed_actions": permissions["index"]}],
    }
    grant(cluster, name, role)
    return server.connect(user=name, password=PASSWORD, timeout=100)


@pytest.fixture(scope="module")
def secured_service(secured_neural):
    """A service beside it, and what a command needs to reach the cluster as its admin."""
    server, environ = secured_neural, {"TANDEM_USER": "admin", "TANDEM_PASSWORD": "admin"}
    environ["TANDEM_CA_CERTS"] = str(server.ca_certs)
    words = [w for n, v in PROMPTS.items() for w in (f"--{n.replace('_', '-')}", v)]
    served = Served(server.url, *words, TANDEM_SERVE_KEY=KEY, **environ)
    yield served, environ
    served.close()


def test_a_reader_of_few_rights_on_an_older_cluster_with_prompts(secured_neural, secured_service):
    """Two models, for a model of 2.19 encodes all its texts in one way."""
    server, index, (served, environ) = secured_neural, "books", secured_service
    with server.connect(timeout=100) as admin:
        allow(admin)
        encoder = Encoder.load(MODEL, **PROMPTS)
        create_index(admin, index, encoder, shape=Shape(shards=1, replicas=0))
        done = install(admin, served, "shop", "--index", index, **environ)
        assert done.code == 0, done.err
        assert KEY not in done.out + done.err
        assert len(json.loads(done.out)["models"]) == 2
        assert install(admin, served, "shop", "--index", index, **environ).out == done.out
        with user_with(admin, server, "writer", index, WRITER) as writer:
            write_plainly(writer.client, index, DOCUMENTS)
        check_vectors(admin.client, index, encoder, DOCUMENTS)
        report = ingest(DOCUMENTS, index=index, cluster=admin, encoder=encoder, plan=NO_REJECTS)
        assert (report.skipped, report.written) == (len(DOCUMENTS), 0)
        with user_with(admin, server, "reader", index, READER) as reader:
            check_searches(reader.client, reader, index, encoder)


def parts(cluster, name):
    """What there is, but for when a model was last looked at."""
    told = read_installed_pipeline(cluster, name).to_json()
    return {**told, "models": {called: each["id"] for called, each in told["models"].items()}}


def parts_of(cluster, name, service):
    """The same, once a search of the cluster tells of this service: some time after it was told."""
    ending = time.monotonic() + 900
    while (found := parts(cluster, name))["services"] != [f"{service}/v1/embeddings"]:
        assert time.monotonic() < ending, found
        time.sleep(0.2)
    return found


PIPELINES = [name for name in roles() if name.startswith("pipeline-")]


def test_each_command_has_its_role_and_is_refused_for_one_right_less_before_any_work(
    secured_neural, secured_service
):
    server, name, (served, _) = secured_neural, "plumber", secured_service
    elsewhere = served.url.replace("127.0.0.1", "localhost")

    def installed(cluster, *urls):
        for url in urls:
            install_pipeline(cluster, name, url, service_key=KEY, index=name)

    work = {
        "pipeline-install": lambda c: installed(c, served.url),
        "pipeline-show": lambda c: read_installed_pipeline(c, name),
        "pipeline-test": lambda c: check_pipeline(c, name, service=served.url, service_key=KEY),
        "pipeline-remove": lambda c: remove_pipeline(c, name),
    }
    assert set(work) == set(PIPELINES)
    with server.connect(timeout=100) as admin:
        allow(admin, hosts=())
        create_index(admin, name, Encoder.load(MODEL, **PROMPTS))
        grant(admin, name, roles()["pipeline-install"].body(name))
        put = admin.client.transport.perform_request
        # Its role of that name lets every user do all on an index of his own name.
        nobody = [{"op": "add", "path": "/own_index", "value": {"users": ["nobody"]}}]
        put("PATCH", "/_plugins/_security/api/rolesmapping", body=nobody)
        with server.connect(user=name, password=PASSWORD, timeout=100) as user:
            with pytest.raises(IndexRefusedError, match="allows it: PUT /_cluster/settings"):
                installed(user, served.url)
            allow(admin, hosts=("127.0.0.1", "localhost"))
            installed(admin, elsewhere)  # to be brought up to date, for which more is needed
            for command, done in work.items():
                role = roles()[command]
                now = elsewhere if command == "pipeline-install" else served.url
                before = parts_of(admin, name, now)
                for permission in role.permissions:
                    fewer = role.body(name, without=permission)
                    put("PUT", f"/_plugins/_security/api/roles/{name}", body=fewer)
                    with pytest.raises(MissingRightError) as caught:
                        done(user)
                    assert permission in caught.value.permissions, (command, permission)
                    assert parts(admin, name) == before, (command, permission)
                put("PUT", f"/_plugins/_security/api/roles/{name}", body=role.body(name))
                done(user)
                if command == "pipeline-install":
                    remove_pipeline(admin, name)
                    installed(user, elsewhere, served.url)
        assert read_installed_pipeline(admin, name).empty
        assert left_of(admin, f"tandem-{name}") == []
        assert left_of(admin, "tandem-rehearsal-of-rights") == []  # which made nothing
