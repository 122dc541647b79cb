"""Wrong use of `tandem search`: one sentence with the cure, and the right exit code."""

import subprocess
import sys

import pytest

from tests.support.commands import tandem
from tests.support.loads import ROOT
from tests.support.searches import corpus, loaded, real_encoder
from tests.unit.cluster.fakes import serving


@pytest.fixture(scope="module")
def books(opensearch):
    with loaded(opensearch, corpus()[:30], by=real_encoder()) as name:
        yield name


@pytest.fixture
def search(opensearch, books):
    """Runs `tandem search` on the books; gives exit code, standard output and error."""

    def run(*words, url=opensearch.url):
        return tandem("search", "--index", books, *words, TANDEM_URL=url)

    return run


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "either TEXT or --queries FILE"),
        (("a", "--queries", "-"), 2, "TEXT and --queries both say what to look for"),
        (("",), 2, "The query is empty"),
        ((" ",), 2, "The query is empty"),
        (("a", "--mode", "both"), 2, "'both' is not one of"),
        (("a", "-k", "0"), 2, "0 is not from 1 to 10,000"),
        (("a", "-k", "100000"), 2, "100,000 is not from 1 to 10,000"),
        (("a", "--from", "1", "--page", "2"), 2, "give one of them"),
        (("a", "--run", "x"), 2, "--run is for --queries"),
        (("--queries", "-", "--json"), 2, "add --run"),
        (("--queries", "-", "--json", "--run", "-"), 2, "add --run"),
        (("--queries", "README.md", "--run", "./README.md"), 2, "write over the queries"),
        (("a", "--weights", "much"), 2, "not two numbers"),
        (("a", "--weights", "0.5,0.6"), 2, "add up to 1.1"),
        (("a", "--weights", "0.5"), 2, "1 weights are given for 2 legs"),
        (("a", "--filter", '{"term": {"lang": }}'), 2, "line 1, column 19"),
        (("a", "--filter", "[]"), 2, "must be one JSON object"),
        (("a", "--where", "langg=en"), 2, "did you mean lang?"),
        (("a", "--where", "year>=soon"), 2, "no such number"),
        (("a", "--where", "lang==en"), 2, "has ==, which is no comparison"),
        (("a", "--where", "year=1902-1950"), 2, "--where year=1902..1950"),
        (("a", "--page", "20"), 1, "--depth 200"),
        (("a", "--field", "titel"), 1, "did you mean title?"),
        (("a", "--oversample", "2"), 1, "holds whole vectors"),
        (("a", "--model", "./no-such-model"), 1, "no-such-model"),
        (("a", "--rerank", "./no-such-model"), 1, "no-such-model"),
        (("--queries", "no-such-file"), 1, "there is no file no-such-file"),
    ],
)
def test_wrong_use_is_one_sentence_with_the_cure(search, words, code, said):
    found, out, err = search(*words)
    assert (found, out) == (code, "")
    assert said in err


def test_a_stopped_node_is_one_sentence(search):
    with serving({}) as (url, _):
        pass  # it listens no more
    code, out, err = search("a", url=url)
    assert (code, out) == (1, "")
    assert f"nothing listens at {url}" in err


def test_help_of_search_imports_no_model_library():
    program = "import sys; from tandem.commands.searches import search; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {"torch", "transformers", "openvino", "opensearchpy"}
