"""`tandem evaluate` on a real node with a real model: figures that ir-measures gives too."""

import json

import ir_measures
import pytest

from tests.support.commands import tandem
from tests.support.loads import ROOT
from tests.support.searches import corpus, loaded, real_encoder
from tests.unit.encoder.engines.test_cross_onnx import written

EXAMPLES = ROOT / "examples"
QRELS = EXAMPLES / "qrels" / "test.tsv"


@pytest.fixture(scope="module")
def books(opensearch):
    with loaded(opensearch, corpus(), by=real_encoder()) as name:
        yield name


@pytest.fixture(scope="module")
def evaluated(opensearch, books, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    words = (
        "--queries",
        EXAMPLES,
        "--timeout",
        600,
        "--runs",
        folder,
        "--plot",
        folder / "figures.svg",
        "--json",
    )
    done = tandem("evaluate", "--index", books, *words, TANDEM_URL=opensearch.url)
    assert done.code == 0, done.err
    return json.loads(done.out), folder


def by_ir_measures(run):
    """What ir-measures makes of a run file, with the judgements read by it alone."""
    rows = [line.split("\t") for line in QRELS.read_text().splitlines()[1:]]
    qrels = [ir_measures.Qrel(query, document, int(grade)) for query, document, grade in rows]
    measures = {name: ir_measures.parse_measure(name) for name in ("nDCG@10", "RR@10", "R@100")}
    found = ir_measures.calc_aggregate(
        list(measures.values()), qrels, list(ir_measures.read_trec_run(str(run)))
    )
    return {name: found[measure] for name, measure in measures.items()}


@pytest.mark.parametrize("mode", ["bm25", "knn", "hybrid"])
def test_its_figures_are_those_of_ir_measures_on_its_own_runs(evaluated, mode):
    figures, folder = evaluated
    expected = by_ir_measures(folder / f"{mode}.trec")
    assert {name: figures["modes"][mode][name] for name in expected} == pytest.approx(
        expected, abs=1e-12
    )


def test_hybrid_is_above_both_and_says_how_surely(evaluated):
    figures, folder = evaluated
    ndcg = {mode: found["nDCG@10"] for mode, found in figures["modes"].items()}
    assert ndcg["hybrid"] > max(ndcg["knn"], ndcg["bm25"])
    sure = {each["run"]: each["p"] < 0.05 for each in figures["comparisons"]}
    assert sure == {"knn": True, "bm25": True}
    assert "hybrid fused 100 candidates of each leg." in figures["notes"]
    assert (folder / "figures.svg").read_text().startswith("<?xml")


def test_a_run_made_elsewhere_and_a_baseline(evaluated):
    figures, folder = evaluated
    files = ("--run", folder / "hybrid.trec", "--baseline", folder / "bm25.trec")
    done = tandem("evaluate", *files, "--queries", EXAMPLES, "--qrels", QRELS, columns=200)
    assert done.code == 0, done.err
    assert f"{figures['modes']['hybrid']['nDCG@10']:.4f}" in done.out
    assert "hybrid.trec - bm25.trec" in done.out
    assert "more than chance" in done.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--queries", EXAMPLES], 2, "either --index, to search, or --run"),
        (["--run", QRELS, "--queries", EXAMPLES / "queries.jsonl"], 2, "--qrels FILE"),
        (["--run", QRELS, "--queries", EXAMPLES], 1, "test.tsv:1: 3 columns, and a run has six"),
    ],
)
def test_wrong_use_is_one_sentence(words, code, said):
    done = tandem("evaluate", *words)
    assert (done.code, said in done.err) == (code, True), done.err


def test_mining_by_the_command_line(opensearch, books, tmp_path):
    """The judge counts a passage's tokens, so that what is short enough is kept."""
    words = ["--queries", EXAMPLES, "--split", "test", "--out", tmp_path / "mined", "--keep", 1]
    words += ["--judge", written(tmp_path / "judge"), "--max-score", 1, "--margin", "-1000"]
    words += ["-k", 50]
    words += ["--timeout", 600, "--json"]
    done = tandem("mine", "--index", books, *words, TANDEM_URL=opensearch.url)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    judged = {line.split("\t")[0] for line in QRELS.read_text().splitlines()[1:]}
    assert found["queries"] == len(judged)
    # Not every query has words in common with more than its positives.
    assert found["by_system"]["knn"] == len(judged) >= found["by_system"]["bm25"] > 100
    assert found["dropped"]["judged positive"] > 100
    assert json.loads((tmp_path / "mined" / "mining.json").read_text())["depth"] == 50
    again = tandem("mine", "--index", books, *words[:-1], TANDEM_URL=opensearch.url)
    assert f"{found['negatives']} negatives" in again.out
    words[words.index("--keep") + 1] = 2
    other = tandem("mine", "--index", books, *words, TANDEM_URL=opensearch.url)
    assert (other.code, "begun with keep 1 and this is 2" in other.err) == (1, True)


def test_mining_needs_to_know_who_judges(tmp_path):
    words = ["--index", "books", "--queries", EXAMPLES, "--out", tmp_path]
    done = tandem("mine", *words)
    assert (done.code, "--judge MODEL, or --no-judge" in done.err) == (2, True)
    done = tandem("mine", *words, "--judge", tmp_path / "x.onnx")
    assert (done.code, "there is no file" in done.err) == (1, True)


@pytest.fixture
def own_books(opensearch):
    with loaded(opensearch, corpus(), by=real_encoder()) as name:
        yield name


def test_an_index_is_tuned_and_its_searches_take_it_up(opensearch, own_books, tmp_path):
    """Judgements that only BM25 agrees with: the usual weights lose, more for words gains."""
    queries = tmp_path / "queries.tsv"
    rows = corpus()[:60]
    queries.write_text("".join(f"q{n}\t{row['text'][:60]}\n" for n, row in enumerate(rows)))
    url = {"TANDEM_URL": opensearch.url}
    words = ("--mode", "bm25", "-k", 3, "--run", tmp_path / "bm25.trec", "--timeout", 600)
    assert tandem("search", "--index", own_books, "--queries", queries, *words, **url).code == 0
    hits = [line.split() for line in (tmp_path / "bm25.trec").read_text().splitlines()]
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text(
        "".join(f"{query}\t0\t{pid}\t{4 - int(rank)}\n" for query, _, pid, rank, *_ in hits)
    )

    words = ("--index", own_books, "--queries", queries, "--qrels", qrels, "--step", 0.25)
    words = ("tune", *words, "--fusion", "min_max", "--depth", 100, "--fields", "text,title")
    done = tandem(*words, "--write", "--plot", tmp_path / "curve.svg", "--json", **url)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["gains"]
    assert found["setting"]["fusion"]["weights"] == [0.75, 0.25]
    assert found["held_out"]["tuned"] > found["held_out"]["usual"]
    assert found["written"] == [own_books]
    assert (tmp_path / "curve.svg").exists()

    def fusion(*more):
        done = tandem("search", "bees", "--index", own_books, "--json", *more, **url)
        return json.loads(done.out)["fusion"]["weights"]

    assert fusion() == {"bm25": 0.75, "knn": 0.25}
    assert fusion("--weights", "0.5,0.5") == {"bm25": 0.5, "knn": 0.5}
    shown = tandem("index", "show", own_books, columns=200, **url).out
    assert "search fusion" in shown
    again = tandem(*words, **url)
    assert (again.code, f"`tandem index untune {own_books}`" in again.err) == (1, True), again.err
    assert tandem("index", "untune", own_books, **url).code == 0
    assert fusion() == {"bm25": 0.3, "knn": 0.7}
