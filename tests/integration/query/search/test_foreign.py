"""Indexes that others made: what is searched, shown and reranked, and what is said of it."""

import json

import pytest

from query import Knn, Rerank, Roles, Searcher, TargetError, Tuning
from tests.support.commands import tandem
from tests.support.stubs import StubEncoder, WordScorer

BODY = "How sheep are shorn in spring, and what becomes of the wool."
DOCUMENTS = [
    {"title": "Wool", "body": BODY, "isbn": "0-306-40615-2", "author": "A. Shepherd"},
    {"title": "The Beekeeper", "body": "A detective retires and keeps bees in a quiet village."},
]


@pytest.fixture(params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def theirs(cluster, index_name):
    """An index as people make them, without Tandem and without vectors."""
    properties = {name: {"type": "text"} for name in ("title", "body", "author")}
    properties["isbn"] = {"type": "keyword"}
    cluster.client.indices.create(index=index_name, body={"mappings": {"properties": properties}})
    for number, document in enumerate(DOCUMENTS):
        cluster.client.index(index=index_name, id=str(number), body=document, refresh=True)
    return index_name


def test_title_and_body_are_searched_shown_and_reranked(cluster, theirs):
    model = WordScorer()
    with Searcher(cluster, theirs) as searcher:
        for words in ("sheep", "beekeeper", "shepherd"):
            assert len(searcher.search(words, mode="bm25")) == 1
        (hit,) = found = searcher.search("shorn", mode="bm25", rerank=Rerank(model))
    assert model.read == [f"Wool\n{BODY}"]
    assert (hit.text, hit.title) == (BODY, "Wool")
    assert "text is taken from 'body'" in found.notes[0]


def test_the_user_says_what_is_what(cluster, theirs):
    with Searcher(cluster, theirs, roles=Roles(text="author", title="isbn")) as searcher:
        (hit,) = found = searcher.search("sheep", mode="bm25")
    assert (hit.text, hit.title, found.notes) == ("A. Shepherd", "0-306-40615-2", ())
    with (
        Searcher(cluster, theirs, roles=Roles(text="bodi")) as searcher,
        pytest.raises(TargetError, match="did you mean body"),
    ):
        searcher.search("sheep", mode="bm25")


def test_by_the_command_line(cluster, theirs):
    words = ("search", "sheep", "--index", theirs, "--mode", "bm25", "--json")
    done = tandem(*words, TANDEM_URL=cluster.url)
    assert done.code == 0, done.err
    assert json.loads(done.out)["hits"][0]["text"] == BODY
    done = tandem(*words, "--text-field", "author", TANDEM_URL=cluster.url)
    assert json.loads(done.out)["hits"][0]["text"] == "A. Shepherd"


def test_a_source_without_the_text_is_told(cluster, index_name):
    properties = {"title": {"type": "text"}, "body": {"type": "text"}}
    mapping = {"_source": {"enabled": False}, "properties": properties}
    cluster.client.indices.create(index=index_name, body={"mappings": mapping})
    cluster.client.index(index=index_name, id="0", body=DOCUMENTS[0], refresh=True)
    words = ("search", "shorn", "--index", index_name, "--mode", "bm25", "--json")
    done = tandem(*words, TANDEM_URL=cluster.url)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [(hit["id"], hit["text"]) for hit in found["hits"]] == [("0", "")]
    said = f"_source of index '{index_name}' has no 'body', so its hits show no text"
    assert any(said in note for note in found["notes"])


def test_another_name_of_a_field_is_shown_by_the_text_that_it_has(cluster, index_name):
    view = {"type": "keyword", "fields": {"words": {"type": "text"}}}
    properties = {"body": view, "about": {"type": "alias", "path": "title"}}
    opensearch = cluster.capabilities.distribution == "opensearch"
    # Elasticsearch's minimal distribution has no other type of words.
    properties["title"] = {"type": "match_only_text" if opensearch else "text"}
    cluster.client.indices.create(index=index_name, body={"mappings": {"properties": properties}})
    cluster.client.index(index=index_name, id="0", body=DOCUMENTS[0], refresh=True)
    roles = Roles(text="body.words", title="about")
    with Searcher(cluster, index_name, roles=roles) as searcher:
        for words in ("shorn", "wool"):
            (hit,) = searcher.search(words, mode="bm25")
            assert (hit.text, hit.title) == (BODY, "Wool")


def vector_spec(cluster, element="float"):
    if cluster.capabilities.distribution == "opensearch":
        method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
        return {"type": "knn_vector", "dimension": 3, "method": method, "data_type": element}
    return {"type": "dense_vector", "dims": 3, "similarity": "cosine", "element_type": element}


@pytest.fixture
def shelves(cluster, index_name):
    """Books with a vector of bytes, and one for each of their chapters in nested objects."""
    chapters = {"type": "nested", "properties": {"vector": vector_spec(cluster)}}
    properties = {
        "body": {"type": "text"},
        "year": {"type": "integer"},
        "whole": vector_spec(cluster, "byte"),
        "chapters": chapters,
    }
    opensearch = cluster.capabilities.distribution == "opensearch"
    settings = {"index": {"knn": True}} if opensearch else {}
    body = {"settings": settings, "mappings": {"properties": properties}}
    cluster.client.indices.create(index=index_name, body=body)
    for number in range(6):
        book = {
            "body": f"book {number}",
            "year": number,
            "whole": [100, 10 * number, -128],
            "chapters": [{"vector": [1.0, number, 0.0]}, {"vector": [0.0, 1.0, number]}],
        }
        cluster.client.index(index=index_name, id=str(number), body=book, refresh=True)
    return index_name


@pytest.mark.parametrize("mode", ["knn", "hybrid"])
def test_the_nearest_of_nested_vectors_counts(cluster, shelves, mode):
    options = {"mode": mode, "tuning": Tuning(knn=Knn(field="chapters.vector"))}
    with Searcher(cluster, shelves) as searcher:
        found = searcher.search("book 3", vector=[1, 3, 0], k=3, **options)
        later = searcher.search("book", vector=[1, 0, 0], k=2, where=["year>=2"], **options)
    assert found.hits[0].id == "3"
    assert {hit.id for hit in later.hits} == {"2", "3"}
    assert found.hits[0].source["year"] == 3
    assert "chapters" not in found.hits[0].source
    if mode == "knn":
        cosines = [(1 + 3 * n) / (10 * (1 + n * n)) ** 0.5 for n in (3, 4, 5)]
        assert [hit.score for hit in found.hits] == pytest.approx(sorted(cosines)[::-1], abs=1e-3)


def test_a_search_of_bytes_is_in_bytes(cluster, shelves):
    options = {"mode": "knn", "tuning": Tuning(knn=Knn(field="whole", min_cosine=0.9))}
    with Searcher(cluster, shelves) as searcher:
        asked = [[100, 40, -127], [0.5, 0.2, -0.64]]
        for found in (searcher.search("x", vector=vector, k=2, **options) for vector in asked):
            assert (found.hits[0].id, found.hits[0].score) == ("4", pytest.approx(1, abs=1e-3))


@pytest.mark.parametrize("nested", [False, True])
def test_a_model_that_did_not_make_the_vectors_is_told(cluster, index_name, nested):
    right, wrong = StubEncoder(dim=16), StubEncoder(dim=16, fingerprint="0ddb")
    wrong.vector = lambda text: right.vector(f"another model's {text}")
    spec = vector_spec(cluster)
    vector = {**spec, "dimension" if "dimension" in spec else "dims": 16}
    passages = {"type": "nested", "properties": {"v": vector}}
    properties = {"body": {"type": "text"}, **({"p": passages} if nested else {"v": vector})}
    opensearch = cluster.capabilities.distribution == "opensearch"
    settings = {"index": {"knn": True}} if opensearch else {}
    body = {"settings": settings, "mappings": {"properties": properties}}
    cluster.client.indices.create(index=index_name, body=body)
    for number in range(5):
        text = f"book {number}"
        made = [right.vector(each).tolist() for each in (f"no {text}", text)]
        held = {"p": [{"v": each} for each in made]} if nested else {"v": made[-1]}
        document = {"body": text, **held}
        cluster.client.index(index=index_name, id=str(number), body=document, refresh=True)
    for encoder in (right, wrong):
        asked = []
        for _ in range(2):
            with Searcher(cluster, index_name, encoder=encoder) as searcher:
                found = searcher.search("book 3", mode="knn", k=1)
                many = list(searcher.search_many([("q", "book 3")], mode="knn", k=1))
            told = [note for note in found.notes if "do not seem to be of stub" in note]
            assert bool(told) == (encoder is wrong)
            assert (told[0] in many[0].result.notes) if told else True
            asked.append(len(encoder.asked))
        assert asked[1] <= asked[0] + 2  # the sample was encoded once
