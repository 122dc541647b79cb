"""Judgements and runs as they are published, and what is wrong with those that are not."""

import gzip

import pytest

from evaluation import EvaluationError, read_judgements, read_run, write_run
from query.files import falling

BEIR = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td9\t1\n"
TREC = "q1 0 d1 2\nq1 0 d2 0\nq2 0 d9 1\n"
MSMARCO = "q1\t0\td1\t2\nq1\t0\td2\t0\nq2\t0\td9\t1\n"
JUDGED = {"q1": {"d1": 2, "d2": 0}, "q2": {"d9": 1}}


@pytest.mark.parametrize("text", [BEIR, TREC, MSMARCO, BEIR.partition("\n")[2], "\ufeff" + BEIR])
def test_each_published_form_of_judgements(tmp_path, text):
    file = tmp_path / "qrels.txt"
    file.write_text(text, encoding="utf-8")
    assert read_judgements(file) == JUDGED


def test_packed_judgements(tmp_path):
    with gzip.open(tmp_path / "qrels.gz", "wt") as file:
        file.write(TREC)
    assert read_judgements(tmp_path / "qrels.gz") == JUDGED


def test_judgements_of_a_beir_folder(tmp_path):
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "dev.tsv").write_text(BEIR)
    assert read_judgements(tmp_path, "dev") == JUDGED
    with pytest.raises(EvaluationError, match=r"test\.tsv cannot be read"):
        read_judgements(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q1 d1\n", ":1: 2 columns"),
        ("q1 0 d1 1\nq1 0 d2 high\n", ":2: the grade is 'high'"),
        ("q1 0 d1 1\nq1 0 d1 0\n", ":2: document 'd1' has grade 0 .* grade 1 above"),
        ("query-id\tcorpus-id\tscore\n", "judges nothing"),
    ],
)
def test_wrong_judgements_are_told_with_their_line(tmp_path, text, said):
    file = tmp_path / "qrels.txt"
    file.write_text(text)
    with pytest.raises(EvaluationError, match=said):
        read_judgements(file)


def test_a_run_is_ordered_as_trec_eval_orders_it(tmp_path):
    file = tmp_path / "run.trec"
    file.write_text("q1 Q0 a 1 0.5 x\nq1 Q0 b 2 0.5 x\nq1 Q0 c 3 0.9 x\n")
    assert read_run(file) == {"q1": [("c", 0.9), ("b", 0.5), ("a", 0.5)]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q1 Q0 a 1 0.5\n", ":1: 5 columns"),
        ("q1 Q0 a 1 best x\n", ":1: the score is 'best'"),
        ("q1 Q0 a 1 0.5 x\nq1 Q0 a 2 0.4 x\n", ":2: document 'a' is met twice"),
    ],
)
def test_wrong_runs_are_told_with_their_line(tmp_path, text, said):
    file = tmp_path / "run.trec"
    file.write_text(text)
    with pytest.raises(EvaluationError, match=said):
        read_run(file)


def test_a_run_that_is_written_is_read_again(tmp_path):
    run = {"q1": [("b", 0.7), ("a", 0.6999999)], "q2": []}
    write_run(run, tmp_path / "run.trec", "x")
    assert read_run(tmp_path / "run.trec") == {"q1": run["q1"]}
    with pytest.raises(EvaluationError, match="white space"):
        write_run({"q": [("a b", 1.0)]}, tmp_path / "other.trec", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["run.trec"]


def test_scores_fall_strictly_in_32_bits():
    import numpy as np

    made = falling([0.7, 0.7, 0.7, 0.9, 0.5, -1e9, -1e9])
    kept = np.array(made, dtype=np.float32)
    assert (np.diff(kept) < 0).all()
    assert np.allclose(made, [0.7, 0.7, 0.7, 0.7, 0.5, -1e9, -1e9], rtol=1e-6)
    assert falling([]) == []
