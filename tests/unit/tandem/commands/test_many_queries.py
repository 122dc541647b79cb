"""A run of many queries by the prepared server of the tests: what is lost, and what never is."""

import json

import pytest

from cluster import connect
from query import Searcher
from tandem.commands.searches.search_many import ManyQueries
from tests.support.stubs import StubEncoder
from tests.unit.cluster.fakes import serving
from tests.unit.query.search.test_flow import answer, answers


@pytest.fixture
def run(tmp_path):
    """Answers a file of queries with the hits given; gives exit code, run and what is told."""

    def run(lines, *hits, name="out.run"):
        source = tmp_path / "q.jsonl"
        source.write_text("".join(json.dumps(line) + "\n" for line in lines))
        prepared = answers(**{"/_msearch": (200, {"responses": [each[1] for each in hits]})})
        if len(hits) == 1:
            prepared = answers(**{"/books/_search": hits[0]})
        many = ManyQueries(str(source), tmp_path / name, as_json=True)
        with (
            serving(prepared) as (url, _),
            connect(url) as cluster,
            Searcher(cluster, "books", encoder=StubEncoder(dim=3)) as searcher,
        ):
            code = many.search(searcher, {"mode": "knn"})
        return code, (tmp_path / name).read_text(), many

    return run


def query(name, text="a"):
    return {"_id": name, "text": text}


def test_ids_of_queries_that_a_trec_run_cannot_hold_are_told_and_the_rest_goes_on(run):
    asked = [query("a b"), query("\ud800"), query("c")]
    code, written, many = run(asked, answer("x"))
    assert code == 3
    assert written == "c Q0 x 1 0.5 tandem-knn\n"
    assert [each["id"] for each in many.failed] == ["a b", r"\ud800"]
    assert all(".jsonl" in each["error"] for each in many.failed)
    assert many.answered == 1


def test_ids_of_documents_that_a_trec_run_cannot_hold_cost_their_query_alone(run):
    code, written, many = run([query("a"), query("b")], answer("x", "y z"), answer("w"))
    assert code == 3
    assert written == "b Q0 w 1 0.5 tandem-knn\n"
    assert [each["id"] for each in many.failed] == ["a"]
    assert "'y z' has white space" in many.failed[0]["error"]
    assert (many.answered, many.hits) == (1, 1)


def test_jsonl_holds_any_id(run):
    asked = [query("a b"), query("\ud800")]
    code, written, _ = run(asked, answer("x y"), answer("w"), name="out.jsonl")
    found = [json.loads(line) for line in written.splitlines()]
    assert code == 0
    assert [each["id"] for each in found] == ["a b", r"\ud800"]
    assert [each["hits"][0]["id"] for each in found] == ["x y", "w"]


def test_hits_that_are_written_are_counted(run):
    code, written, many = run([query("a")], answer("x", "x", "y"))
    assert (code, many.hits, len(written.splitlines())) == (0, 2, 2)
