"""Mining by hand: each rule, what is written, and a run that is killed and goes on."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from evaluation import EvaluationError, Mining, mine
from evaluation.mine.copies import near_copy, words_of
from tests.support.loads import ROOT
from tests.unit.evaluation.mine.fakes import JUDGED, QUERIES, TEXTS, FixedSearcher, TableJudge

FILES = ("mined.jsonl", "hard-negatives.jsonl", "triples.tsv", "scores.tsv")


def mined(folder, judge=None, searcher=None, batch=32, **options):
    return mine(
        searcher or FixedSearcher(),
        QUERIES,
        JUDGED,
        folder,
        index="books",
        judge=judge,
        mining=Mining(**options),
        batch=batch,
    )


def lines(folder):
    return [json.loads(line) for line in (folder / "mined.jsonl").read_text().splitlines()]


def negatives(folder, query=0):
    return [each["pid"] for each in lines(folder)[query]["neg"]]


def test_a_negative_is_high_for_the_search_and_low_for_the_judge(tmp_path):
    """The bar is 2.0 - 3.0 = -1.0; half, at -2.0, has a probability of 0.12."""
    judge = TableJudge()
    found = mined(tmp_path, judge)
    assert negatives(tmp_path) == ["france", "lyon", "cat", "marseille"]
    assert lines(tmp_path)[0]["dropped"] == {
        "judged positive": 1,
        "near copy": 2,
        "found before": 1,
        "score too high": 2,
    }
    assert not {"right", "same", "near"} & {*negatives(tmp_path), *judge.read[2:]}
    assert found.by_system == {"bm25": 1, "knn": 5}


def test_the_margin_is_below_the_lowest_positive_and_its_bound_is_kept(tmp_path):
    mined(tmp_path / "4", TableJudge(), max_score=1, margin=4)
    assert negatives(tmp_path / "4") == ["half", "france", "lyon", "cat", "marseille"]
    mined(tmp_path / "4.5", TableJudge(), max_score=1, margin=4.5)
    assert "half" not in negatives(tmp_path / "4.5")
    assert lines(tmp_path / "4.5")[0]["dropped"]["within the margin"] == 2
    # q2's only positive is judged -1.0: lyon, at -5.0, is 4 below it.
    assert negatives(tmp_path / "4", 1) == ["cat", "lyon"]
    assert negatives(tmp_path / "4.5", 1) == ["cat"]


def test_no_more_is_judged_than_it_takes_to_keep_so_many_of_each_system(tmp_path):
    judge = TableJudge()
    mined(tmp_path, judge, keep=1)
    assert negatives(tmp_path) == ["france", "lyon"]
    assert "marseille" not in judge.read


def test_without_a_judge_all_that_the_rules_leave_is_kept(tmp_path):
    found = mined(tmp_path, keep=9)
    assert negatives(tmp_path) == ["answers", "half", "france", "lyon", "cat", "marseille"]
    assert lines(tmp_path)[0]["neg"][0]["score"] is None
    assert not (tmp_path / "scores.tsv").exists()
    assert found.dropped == {"judged positive": 1, "near copy": 2, "found before": 1}


def test_a_positive_that_no_search_found_is_looked_for_by_its_id(tmp_path):
    searcher = FixedSearcher()
    mined(tmp_path, TableJudge(), searcher)
    assert searcher.looked_for == ["far", "gone"]
    assert lines(tmp_path)[1]["pos"] == [
        {"pid": "far", "text": TEXTS["far"], "score": -1.0, "system": None}
    ]


def test_a_query_that_cannot_be_mined_costs_itself_alone(tmp_path):
    found = mined(tmp_path, TableJudge())
    assert list(found.failures) == [
        ("q3", "it took too long"),
        ("q4", "none of its 1 positives is in the index"),
    ]
    assert (found.queries, found.without) == (4, 0)


def test_a_positive_that_is_looked_for_in_a_part_of_the_index_is_not_called_missing(tmp_path):
    class Partial(FixedSearcher):
        def search(self, *asked, **options):
            return replace(
                super().search(*asked, **options), partial="1 of 3 shards did not answer"
            )

    found = mined(tmp_path, TableJudge(), Partial())
    assert dict(found.failures)["q4"] == "1 of 3 shards did not answer"


def test_what_training_scripts_read(tmp_path):
    mined(tmp_path, TableJudge())
    rows = [json.loads(x) for x in (tmp_path / "hard-negatives.jsonl").read_text().splitlines()]
    assert rows == [
        {
            "qid": "q1",
            "pos": ["right"],
            "neg": {"knn": ["france", "lyon", "cat"], "bm25": ["marseille"]},
        },
        {"qid": "q2", "pos": ["far"], "neg": {"knn": ["cat", "lyon"]}},
    ]
    triples = [line.split("\t") for line in (tmp_path / "triples.tsv").read_text().splitlines()]
    assert triples[0] == ["capital of France", TEXTS["right"], TEXTS["france"]]
    assert len(triples) == 6
    scores = [line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines()]
    assert scores[0] == ["2.000000", "-3.000000", "q1", "right", "france"]
    assert [row[2:] for row in scores][-1] == ["q2", "far", "lyon"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ｆｉｖｅ boxes", "five  BOXES.", True),
        ("a b c d e f g h i j k l", "a b c d e f g h i j k l m", True),  # 10 of 11 runs
        ("a b c d e f", "a b c d e f g h", False),  # 4 of 6
        ("a b", "b a", False),
        ("...", "!", True),
        ("", "word", False),
    ],
)
def test_near_copies(one, other, same):
    assert near_copy(words_of(one), words_of(other)) is same


KILLED = """
import sys
from pathlib import Path
from tests.unit.evaluation.mine.fakes import TableJudge
from tests.unit.evaluation.mine.test_mining import mined
mined(Path(sys.argv[1]), TableJudge(fatal=int(sys.argv[2])), batch=1)
"""


@pytest.mark.parametrize("fatal", [1, 3, 5])
def test_a_run_that_was_killed_goes_on_with_the_same_result(tmp_path, fatal):
    mined(tmp_path / "whole", TableJudge(), batch=1)
    killed = tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(killed), str(fatal)], cwd=ROOT, timeout=300
    )
    assert done.returncode == -9
    with (killed / "mined.jsonl").open("a") as torn:
        torn.write('{"qid": "q')
    judge = TableJudge()
    mined(killed, judge, batch=1)
    assert [(killed / name).read_bytes() for name in FILES] == [
        (tmp_path / "whole" / name).read_bytes() for name in FILES
    ]
    assert ("right" in judge.read) == (fatal < 5)


def test_a_batch_is_done_again_whole(tmp_path):
    mined(tmp_path, TableJudge(), batch=3)
    whole = (tmp_path / "mined.jsonl").read_bytes()
    (tmp_path / "mined.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    judge = TableJudge()
    mined(tmp_path, judge, batch=3)
    assert "right" in judge.read
    assert (tmp_path / "mined.jsonl").read_bytes() == whole


def test_a_folder_of_another_mining_is_refused(tmp_path):
    mined(tmp_path)
    with pytest.raises(EvaluationError, match=r"begun with judge None and this is 'table'"):
        mined(tmp_path, TableJudge())
    with pytest.raises(EvaluationError, match="begun with keep 5 and this is 6"):
        mined(tmp_path, keep=6)


@pytest.mark.parametrize("name", FILES)
def test_files_of_others_stay_as_they_are(tmp_path, name):
    (tmp_path / name).write_text("theirs\n")
    with pytest.raises(EvaluationError, match=f"a file {name} that no mining made"):
        mined(tmp_path)
    assert [each.name for each in tmp_path.iterdir() if each.name != ".lock"] == [name]
    assert (tmp_path / name).read_text() == "theirs\n"


@pytest.mark.parametrize(
    "wrong", [{"keep": 0}, {"systems": ["no"]}, {"systems": []}, {"depth": 0}, {"max_score": 0}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(EvaluationError):
        Mining(**wrong)


def test_queries_without_a_positive_are_refused(tmp_path):
    with pytest.raises(EvaluationError, match="none of the 4 queries has a positive"):
        mined(tmp_path, relevant=3)
