"""`tandem serve` as a process of its own: what other programs, browsers and strangers get."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openai
import pytest
from jsonschema import Draft202012Validator
from langchain_openai import OpenAIEmbeddings

from encoder import CrossEncoder, Encoder
from tests.servers.served import MODEL, Served, problem
from tests.support import models
from tests.support.commands import tandem
from tests.support.loads import write_jsonl

CORPUS = [
    {"id": "paris", "text": "Paris is the capital of France.", "year": 1990},
    {"id": "seine", "text": "The Seine flows through Paris.", "year": 2005},
    {"id": "bread", "text": "Bread is baked from flour and water.", "year": 2015},
]
LONG = b"9" * 5000 + b"}"
READ, WRITE = "key-of-readers", "key-of-writers"
INDEX = "test-served"


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory):
    return models.cross_encoder(tmp_path_factory.mktemp("cross"))


@pytest.fixture(scope="module")
def service(opensearch, tmp_path_factory, cross_encoder):
    source = write_jsonl(tmp_path_factory.mktemp("served") / "corpus.jsonl", CORPUS)
    done = tandem("ingest", source, "--index", INDEX, "--model", MODEL, TANDEM_URL=opensearch.url)
    assert done.code == 0, done.err
    served = Served(
        opensearch.url,
        *("--index", INDEX, "--max-body-mb", "1", "--rerank", str(cross_encoder)),
        TANDEM_SERVE_KEY=READ,
        TANDEM_SERVE_WRITE_KEY=WRITE,
    )
    yield served
    code = served.close()
    opensearch.client.indices.delete(index=f"{INDEX}*")
    assert code == 0, "".join(served.said)
    assert "Traceback" not in "".join(served.said)


@pytest.mark.parametrize("mode", ["bm25", "knn", "hybrid"])
def test_a_search_is_that_of_the_command_line(service, opensearch, mode):
    words = ("search", "the capital of France", "--index", INDEX, "--mode", mode, "--json")
    expected = json.loads(tandem(*words, TANDEM_URL=opensearch.url).out)
    asked = {"query": "the capital of France", "mode": mode}
    posted = service.asked("POST", "/search", READ, json=asked).json()
    got = service.asked("GET", "/search", READ, params={"q": asked["query"], "mode": mode}).json()
    assert {**posted, "took_ms": 0} == {**got, "took_ms": 0} == {**expected, "took_ms": 0}
    late = service.asked(
        "GET", "/search", READ, params={"q": "Paris", "mode": mode, "where": ["year>=2000"], "k": 1}
    ).json()
    assert [hit["id"] for hit in late["hits"]] == ["seine"]


def test_a_search_is_reranked(service, cross_encoder):
    asked = {"query": "Paris", "rerank": True, "rerank_depth": 20}
    found = service.asked("POST", "/search", READ, json=asked).json()["hits"]
    scores = CrossEncoder.load(cross_encoder).score("Paris", [hit["text"] for hit in found])
    assert [hit["score"] for hit in found] == pytest.approx(scores, abs=1e-5)
    assert list(scores) == sorted(scores, reverse=True)
    assert sorted(hit["before"]["rank"] for hit in found) == [1, 2, 3]


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
def test_passages_in_the_order_of_the_cross_encoder(service, cross_encoder, path):
    """As Cohere's clients ask, and as Jina's do: documents are texts, or objects with one."""
    texts = [each["text"] for each in CORPUS]
    scores = CrossEncoder.load(cross_encoder).score("flour", texts)
    best = [int(n) for n in (-scores).argsort()]
    asked = {"model": "any", "query": "flour", "documents": texts}
    found = service.asked("POST", path, READ, json=asked).json()["results"]
    assert [each["index"] for each in found] == best
    told = [each["relevance_score"] for each in found]
    assert told == pytest.approx(scores[best], abs=1e-5)
    more = {"documents": [{"text": texts[0]}, *texts[1:]], "top_n": 1, "return_documents": True}
    (first,) = service.asked("POST", path, READ, json={**asked, **more}).json()["results"]
    assert (first["index"], first["document"]) == (best[0], {"text": texts[best[0]]})


def test_counts_order_and_fields_are_those_of_the_command_line(service, opensearch):
    flags = ["--facet=year", "--total", "--fields=year", "--fields=document_id", "--collapse"]
    asked = {"facets": ["year"], "total": True, "source": ["year", "document_id"], "collapse": True}
    for more, named in (
        ("--sort=year:desc", {"sort": ["year:desc"]}),
        ("--boost=year:9^2", {"boost": ["year:9^2"]}),
    ):
        words = ("search", "Paris", "--index", INDEX, "-k", 3, "--json", *flags, more)
        expected = json.loads(tandem(*words, TANDEM_URL=opensearch.url).out)
        body = {"query": "Paris", "k": 3, **asked, **named}
        posted = service.asked("POST", "/search", READ, json=body).json()
        params = {**body, "q": body["query"]}
        del params["query"]
        got = service.asked("GET", "/search", READ, params=params).json()
        assert {**posted, "took_ms": 0} == {**got, "took_ms": 0} == {**expected, "took_ms": 0}
        assert posted["total"] == {"value": 3, "exact": True}
        assert {"value": "1990", "count": 1} in posted["facets"]["year"]["values"]
        assert [hit["source"]["year"] for hit in posted["hits"]][:1] == [
            2015 if "sort" in named else 2005
        ]
        assert all(hit["source"].keys() == {"year", "document_id"} for hit in posted["hits"])


def test_what_is_stored_is_shown_whatever_it_is(service, opensearch):
    """Whole numbers beyond 64 bits, and half characters, which only others write."""
    name, raw = f"{INDEX}-odd", json.dumps({"text": "bees", "odd": {"n": 10**30, "half": "\ud83d"}})
    odd = {"odd": {"type": "object", "enabled": False}, "text": {"type": "text"}}
    opensearch.client.indices.create(index=name, body={"mappings": {"properties": odd}})
    opensearch.client.index(index=name, body=raw, refresh=True)
    answer = service.asked("GET", f"/search?q=bees&mode=bm25&index={name}", READ)
    assert answer.json()["hits"][0]["source"] == json.loads(raw)


def test_the_official_client_gets_the_encoders_vectors(service):
    texts = ["Paris is the capital of France.", "snow", 'Ünïcode ${parameters.x} \u2028 "quoted"']
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key=READ) as client:
        answer = client.embeddings.create(model="all-MiniLM-L6-v2", input=texts)
        with_floats = client.embeddings.create(
            model=MODEL, input=texts[:1], encoding_format="float", dimensions=100
        )
        with pytest.raises(openai.NotFoundError) as other:
            client.embeddings.create(model="other", input="a")
        with pytest.raises(openai.BadRequestError) as tokens:
            client.embeddings.create(model=MODEL, input=[1, 2])
    assert "no model 'other'" in other.value.response.json()["detail"]
    assert "holds tokens" in tokens.value.response.json()["detail"]
    expected = Encoder.load(MODEL).encode_passages(texts)
    found = np.array([each.embedding for each in answer.data])
    assert (found * expected).sum(axis=1).min() > 0.9999
    cut = expected[0, :100] / np.linalg.norm(expected[0, :100])
    assert with_floats.data[0].embedding == pytest.approx(cut, abs=1e-3)
    assert answer.usage.prompt_tokens == sum(Encoder.load(MODEL).count_tokens(texts))


def test_langchains_client_gets_them_too(service):
    client = OpenAIEmbeddings(
        base_url=f"{service.url}/v1",
        api_key=READ,
        model=MODEL,
        check_embedding_ctx_length=False,
        model_kwargs={"extra_body": {"input_type": "query"}},
    )
    encoder, texts = Encoder.load(MODEL), ["Paris is a city.", "snow"]
    found = np.array([*client.embed_documents(texts), client.embed_query("snow")])
    expected = np.vstack([encoder.encode_passages(texts), encoder.encode_queries(["snow"])])
    assert (found * expected).sum(axis=1).min() > 0.9999


def test_many_small_callers_share_batches(service):
    def ask(number):
        body = {"input": f"text number {number}", "encoding_format": "base64"}
        answer = service.asked("POST", "/v1/embeddings", READ, json=body)
        data = answer.json()["data"][0]["embedding"]
        return np.frombuffer(base64.b64decode(data), dtype="<f4")

    with ThreadPoolExecutor(32) as pool:
        found = np.array(list(pool.map(ask, range(128))))
    expected = Encoder.load(MODEL).encode_passages([f"text number {n}" for n in range(128)])
    assert (found * expected).sum(axis=1).min() > 0.9999
    metrics = service.asked("GET", "/metrics", READ).text
    texts, batches = (
        next(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith(name))
        for name in ("tandem_batch_texts_sum", "tandem_batch_texts_count")
    )
    assert texts / batches > 1.5
    assert 'tandem_requests_total{method="POST",route="/v1/embeddings",status="200"}' in metrics


def test_documents_come_and_go(service):
    rain = {"id": "rain", "text": "Rain falls in autumn.", "year": 2021}
    snow = {"id": "snow", "text": "Snow falls in winter.", "year": 2020}
    lines = [rain, {"id": "bad"}, snow, {"id": "large", "text": "A number.", "n": 2**70}]
    body = "\n".join(map(json.dumps, lines))
    report = service.asked("POST", "/documents", WRITE, content=body).json()
    assert (report["read"], report["written"], report["rejected"]) == (4, 2, 2)
    assert [each["id"] for each in report["refused"]] == ["bad", "large"]
    assert f"'n' is {2**70}, which has more than 64 bits" in report["refused"][1]["reason"]
    found = service.asked("GET", "/search", WRITE, params={"q": "autumn rain"}).json()
    assert found["hits"][0]["id"] == "rain"
    gone = service.asked("DELETE", "/documents/rain", WRITE).json()
    assert (gone["documents"], gone["removed"]) == (1, True)
    assert "no document 'rain'" in problem(service.asked("DELETE", "/documents/rain", WRITE), 404)
    assert "line 2 is no JSON" in problem(
        service.asked("POST", "/documents", WRITE, content='{"id": "a", "text": "b"}\n{'), 400
    )


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "said"),
    [
        ("GET", "/search?q=a", None, 401, "key to read is missing or wrong"),
        ("GET", "/search?q=a", "wrong", 401, "key to read"),
        ("POST", "/documents", READ, 401, "key to write"),
        ("DELETE", "/documents/x", READ, 401, "key to write"),
        ("GET", "/metrics", None, 401, "key to read"),
        ("GET", "/nowhere", READ, 404, "nothing at this address"),
        ("PUT", "/search", READ, 405, "does not take this method"),
        ("GET", "/search?q=a&filter={%22nosuch%22:1}", READ, 400, "[nosuch] query malformed"),
        ("GET", "/search?q=a&index=test-nosuch", READ, 404, "there is no index test-nosuch"),
        ("GET", "/search?q=a&index=Bad%20Name", READ, 400, "Bad Name"),
        ("GET", "/search?q=a&k=0", READ, 422, "k: "),
        ("GET", "/search?q=%20", READ, 400, "the query is empty"),
        ("GET", "/search?q=a&where=nosuch%3D1", READ, 400, "has no field 'nosuch'"),
        ("GET", "/search?q=a&rerank=1&k=30&rerank_depth=20", READ, 400, "`rerank_depth`"),
    ],
)
def test_what_is_wrong_has_its_status_and_one_sentence(service, method, path, key, status, said):
    detail = problem(service.asked(method, path, key), status)
    assert said in detail
    for secret in (READ, WRITE):
        assert secret not in detail


def test_what_a_request_said_is_told_but_not_at_any_length(service):
    asked = {"query": "Paris", "where": ["year>=" + "9" * 100_000]}
    told = problem(service.asked("POST", "/search", READ, json=asked), 400)
    assert told.startswith("field 'year' is of type")
    assert told.endswith("999' is no such number.")
    assert len(told) < 2_000


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/", 200),
        ("/page/app.js", 200),
        ("/metrics", 200),
        ("/search?q=Paris", 200),
        ("/openapi.json", 200),
        ("/v1/embeddings", 405),
        ("/nowhere", 404),
    ],
)
def test_head_is_answered_as_get_without_a_body(service, path, status):
    head = service.asked("HEAD", path, READ)
    got = service.asked("GET", path, READ)
    assert (head.status_code, got.status_code, head.content) == (status, status, b"")
    for name in ("content-type", "allow", "content-security-policy"):
        assert head.headers.get(name) == got.headers.get(name)
    assert int(head.headers["content-length"]) > 0


def test_another_method_is_told_which_are_taken(service):
    answer = service.asked("PUT", "/search", READ)
    assert "does not take this method" in problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_bodies_beyond_the_bound_are_refused_however_they_come(service):
    large = b"x" * 1_200_000
    assert "1,000,000 bytes" in problem(service.asked("POST", "/search", READ, content=large), 413)
    chunks = (large[:100_000] for _ in range(12))
    assert "1,000,000 bytes" in problem(service.asked("POST", "/search", READ, content=chunks), 413)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/search", b"{", 422, "the body is no JSON (Expecting property name"),
        ("/v1/embeddings", b"{", 422, "the body is no JSON (EOF while parsing"),
        ("/rerank", b"\xff\xfe", 422, "the body is no JSON (Expecting value"),
        ("/search", b'{"query":' + b"[" * 100_000, 400, "nested too deeply"),
        ("/v1/embeddings", b'{"input":' + b"[" * 100_000, 422, "recursion limit"),
        ("/documents", b'{"text":' + b"[" * 100_000, 400, "line 1 is nested too deeply"),
        ("/search", b'{"query":' + LONG, 400, "or has a number of thousands of digits"),
        ("/rerank", b'{"top_n":' + LONG, 400, "or has a number of thousands of digits"),
        ("/v1/embeddings", b'{"input":' + LONG, 422, "the body is no JSON (number out of range"),
        ("/documents", b'{"n":' + LONG, 400, "line 1 has a number of thousands of digits: make it"),
        ("/documents", b'{"n": -Infinity}', 400, "line 1 is no JSON (JSON has no number -Inf"),
        ("/documents", b'{"text":"\xff"}', 400, "line 1 is not UTF-8."),
        ("/rerank", b'{"query":" ","documents":["a"]}', 400, "the query is empty: say what"),
    ],
)
def test_a_malformed_body_is_told_as_one(service, path, body, status, said):
    headers = {"content-type": "application/json"}
    assert said in problem(
        service.asked("POST", path, WRITE, content=body, headers=headers), status
    )


def logged(service, request):
    """Its lines of one request; they are read as they come."""
    lines = [json.loads(each) for each in list(service.said) if each.startswith("{")]
    return [each for each in lines if each.get("request") == request]


def test_operators_see_ids_lines_and_readiness(service):
    answer = service.asked("GET", "/readyz", headers={"X-Request-Id": "mine-1"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "mine-1")
    strange = service.asked("GET", "/readyz", headers={"X-Request-Id": "a b\t<"})
    assert len(strange.headers["x-request-id"]) == 32
    service.asked("GET", "/search?q=a%20private%20question", READ)
    deadline = time.monotonic() + 900
    while not (lines := logged(service, "mine-1")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert {"request": "mine-1", "path": "/readyz", "status": 200}.items() <= lines[0].items()
    assert "private" not in "".join(service.said)


@pytest.mark.parametrize(
    ("method", "path", "status", "options"),
    [
        ("GET", "/search", 200, {"params": {"q": "Paris", "explain": True, "facets": "*"}}),
        ("POST", "/search", 200, {"json": {"query": "Paris", "collapse": True, "total": True}}),
        ("POST", "/search", 200, {"json": {"query": "Paris", "mode": "bm25", "boost": ["year"]}}),
        ("POST", "/search", 200, {"json": {"query": "Paris", "mode": "knn", "explain": True}}),
        ("POST", "/search", 422, {"json": {"query": "Paris", "k": "many"}}),
        ("GET", "/search", 404, {"params": {"q": "Paris", "index": "test-nosuch"}}),
        ("POST", "/v1/embeddings", 200, {"json": {"input": ["a", "b"]}}),
        ("POST", "/v1/embeddings", 200, {"json": {"input": "a", "encoding_format": "base64"}}),
        ("POST", "/v1/embeddings", 400, {"json": {"input": ""}}),
        ("GET", "/v1/models", 200, {}),
        ("POST", "/rerank", 422, {"json": {"query": "a", "documents": []}}),
        ("POST", "/rerank", 200, {"json": {"query": "a", "documents": ["b"]}}),
        ("POST", "/documents", 200, {"content": '{"id": "seine"}\n'}),
        ("DELETE", "/documents/{document_id}", 404, {}),
        ("GET", "/readyz", 200, {}),
        ("GET", "/healthz", 200, {}),
    ],
)
def test_answers_are_as_the_schema_says(service, method, path, status, options):
    schema = service.asked("GET", "/openapi.json", READ).json()
    answer = service.asked(method, path, WRITE, **options)
    assert answer.status_code == status
    described = schema["paths"][path][method.lower()]["responses"]
    content = described.get(str(status), described["default"])["content"]
    (wanted,) = [
        content[kind]["schema"] for kind in content if kind in answer.headers["content-type"]
    ]
    assert wanted
    Draft202012Validator({**wanted, "components": schema["components"]}).validate(answer.json())
