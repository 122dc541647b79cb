"""Training a tiny model: what its rows are, that it learns, goes on after a kill, and says how."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from encoder import CrossEncoder, Encoder, EncoderError
from evaluation import EvaluationError, Training, train
from evaluation.train.examples import pairs, read_examples, split, triples
from tests.support import models
from tests.support.loads import ROOT
from tests.support.processes.state import state

COLOURS = ("black", "brown", "quartz", "lazy", "five", "quick", "vow", "jump", "box", "sphinx")


def line(number, judged=True):
    """A query, whose positive has its words and whose negatives have others."""
    word, other = COLOURS[number % 10], COLOURS[(number + 3) % 10]
    texts = {"pos": [f"{word} dog {number}"], "neg": [f"{other} fox {number}", f"{other} zebras"]}
    scored = {
        kind: [
            {
                "pid": f"{kind}{number}-{place}",
                "text": text,
                "score": (4.0 if kind == "pos" else -3.0 - place) if judged else None,
                "system": "knn",
            }
            for place, text in enumerate(found)
        ]
        for kind, found in texts.items()
    }
    return {
        "qid": f"q{number}",
        "query": f"{word} {number}",
        **scored,
        "dropped": {},
        "error": None,
    }


def mined(folder, count=20, judged=True):
    folder.mkdir()
    lines = [line(number, judged) for number in range(count)]
    lines.append({**line(count), "pos": [], "neg": [], "error": "it took too long"})
    (folder / "mined.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    settings = {"index": "books", "judge": "table" if judged else None, "systems": ["knn"]}
    (folder / "mining.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return models.transformer(tmp_path_factory.mktemp("start"), "bert")


def quick(**changes):
    return Training(**{"epochs": 2, "batch": 4, "learning_rate": 1e-3, "holdout": 0.2} | changes)


def test_each_epoch_takes_the_next_negative(tmp_path):
    examples = read_examples(mined(tmp_path / "mined", 2), Training())
    rows = list(triples(examples, Training(epochs=3)))
    assert [row["negative"] for row in rows if row["query"] == "black 0"] == [
        "lazy fox 0",
        "lazy zebras",
        "lazy fox 0",
    ]
    assert rows[0] == {
        "query": "black 0",
        "positive": "black dog 0",
        "negative": "lazy fox 0",
    }
    scored = list(triples(examples, Training(epochs=2, loss="margin-mse")))
    assert [row["label"] for row in scored if row["query"] == "black 0"] == [7.0, 8.0]
    assert "negative" not in next(triples(examples, Training(negatives=False)))
    labels = [row["label"] for row in pairs(examples, Training(epochs=1))]
    assert labels == [1.0, 0.0, 0.0] * 2


def test_held_out_queries_are_the_same_whatever_the_order(tmp_path):
    examples = read_examples(mined(tmp_path / "mined"), Training())
    kept, held = split(examples, 0.2)
    assert (len(kept), len(held)) == (16, 4)
    again = split(examples[::-1], 0.2)
    assert {each.qid for each in again[1]} == {each.qid for each in held}
    assert not {each.qid for each in kept} & {each.qid for each in held}


def test_a_line_that_no_mining_wrote_is_one_sentence(tmp_path):
    folder = mined(tmp_path / "mined")
    for wrong in ([], {}, {**line(1), "pos": ["text"]}, {**line(1), "query": 3}):
        (folder / "mined.jsonl").write_text(json.dumps(wrong))
        with pytest.raises(EvaluationError, match=r"mined.jsonl:1 is no query that was mined \("):
            read_examples(folder, Training())


CODE = {"idx": 0, "name": "0", "path": "", "type": "somebody.Model"}


@pytest.mark.parametrize("as_cross_encoder", [False, True])
@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("config.json", {"_attn_implementation": "somebody/kernel"}, "code of a hub and is never"),
        ("config.json", {"text_config": {"attn_implementation": "a/b@main:x"}}, "code of a hub"),
        ("config.json", {"model_type": "unheard"}, "cannot be loaded"),
        ("config.json", {"num_hidden_layers": "two"}, "is wrong at num_hidden_layers"),
        ("sentence_bert_config.json", {"model_args": {"attn_implementation": "a/b"}}, "of a hub"),
    ],
)
def test_no_file_of_a_model_chooses_what_a_training_runs(
    start, tmp_path, as_cross_encoder, name, change, said
):
    folder = tmp_path / "model"
    shutil.copytree(start, folder)
    known = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
    (folder / name).write_text(json.dumps({**known, **change}))
    with pytest.raises((EncoderError, EvaluationError), match=said) as caught:
        train(mined(tmp_path / "mined"), folder, tmp_path / "o", as_cross_encoder=as_cross_encoder)
    assert "\n" not in str(caught.value)


def test_a_model_with_modules_of_its_own_is_not_trained(start, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(start, folder)
    (folder / "modules.json").write_text(json.dumps([CODE]))
    with pytest.raises(EncoderError, match="code that comes with the model"):
        train(mined(tmp_path / "mined"), folder, tmp_path / "out")


@pytest.fixture(scope="module")
def trained(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    said = []
    found = train(
        mined(folder / "mined"),
        start,
        folder / "model",
        training=quick(epochs=12),
        device="cpu",
        on_told=said.append,
    )
    return found, folder, said


def test_it_learns_and_the_encoder_reads_its_folder(trained, start):
    found, folder, said = trained
    assert found.figures[-1][1] > found.start
    assert (found.queries, found.held_out, found.passages) == (16, 4, 60)
    assert len(found.figures) == 12
    assert found.figures[-1][0] == found.steps
    assert f"step {found.steps} of {found.steps}: nDCG@10" in said[-1]
    before, after = (Encoder.load(each, backend="torch") for each in (start, folder / "model"))
    assert np.abs(before.encode_queries(["fox"]) - after.encode_queries(["fox"])).max() > 1e-3
    assert not list(folder.glob("*.training"))


def test_its_card_has_data_settings_and_figures(trained):
    found, folder, _ = trained
    page = (folder / "model" / "README.md").read_text()
    assert "16 queries to train on and 4 held out" in page
    assert "mined from the index `books` by knn; judged by `table`" in page
    assert f"| start | {found.start:.4f} |" in page
    assert f"| step {found.steps} of {found.steps} | {found.figures[-1][1]:.4f} |" in page
    assert "- learning_rate: 0.001" in page


def test_the_same_command_again_gives_the_same_and_another_is_refused(trained, start):
    found, folder, _ = trained
    again = train(folder / "mined", start, folder / "model", training=quick(epochs=12))
    assert again.start == found.start
    assert [tuple(each) for each in again.figures] == found.figures
    with pytest.raises(EvaluationError, match="is of a training with epochs 12, and this is 2"):
        train(folder / "mined", start, folder / "model", training=quick())
    with pytest.raises(EvaluationError, match="is there already, and no training's"):
        train(folder / "mined", start, folder / "mined", training=quick())


KILLED = """
import os, signal, sys
from pathlib import Path
from evaluation import train
from tests.unit.evaluation.train.test_training import quick

def told(said):
    if said.startswith(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

mined, start, folder = map(Path, sys.argv[1:4])
train(mined, start, folder, training=quick(epochs=3), device="cpu", on_told=told)
"""


@pytest.mark.long
def test_a_training_that_was_killed_goes_on_to_the_same_weights(tmp_path, start):
    folder = mined(tmp_path / "mined")
    whole = train(folder, start, tmp_path / "whole", training=quick(epochs=3), device="cpu")
    words = [folder, start, tmp_path / "killed", "step 8"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, words)], cwd=ROOT, timeout=900, capture_output=True
    )
    assert done.returncode == -9, done.stderr
    checkpoints = tmp_path / "killed.training" / "checkpoints"
    (checkpoints / "checkpoint-99").mkdir()  # broken off: it has no state
    assert (checkpoints / "checkpoint-4").exists()
    found = train(folder, start, tmp_path / "killed", training=quick(epochs=3), device="cpu")
    assert found.figures == whole.figures
    one, other = (
        Encoder.load(tmp_path / name, backend="torch").encode_queries(["quick fox", "vow"])
        for name in ("whole", "killed")
    )
    assert np.abs(one - other).max() < 1e-6


@pytest.mark.parametrize("changes", [{"negatives": False}, {"loss": "margin-mse"}])
def test_other_ways_to_train(tmp_path, start, changes):
    folder = mined(tmp_path / "mined")
    found = train(
        folder, start, tmp_path / "model", training=quick(epochs=1, **changes), device="cpu"
    )
    assert found.steps == 4


def test_a_program_finds_everything_global_as_it_left_it(trained, tmp_path, start):
    """Also where it fails: a library that sets the level of its log is imported by now."""
    _, folder, _ = trained
    before = state()
    train(folder / "mined", start, tmp_path / "again", training=quick(epochs=1), device="cpu")
    after = state()
    assert {name: after[name] for name in after if after[name] != before[name]} == {}

    def failing(said):
        raise KeyError("a caller's own")

    with pytest.raises(KeyError):
        train(
            folder / "mined",
            start,
            tmp_path / "failed",
            training=quick(epochs=1),
            device="cpu",
            on_told=failing,
        )
    after = state()
    assert {name: after[name] for name in after if after[name] != before[name]} == {}


def test_a_judge_from_the_same_data(tmp_path, start):
    folder = mined(tmp_path / "mined", judged=False)
    found = train(
        folder,
        start,
        tmp_path / "judge",
        training=quick(epochs=10),
        as_cross_encoder=True,
        device="cpu",
    )
    assert found.figures[-1][1] >= found.start
    judge = CrossEncoder.load(tmp_path / "judge", device="cpu")
    right, wrong = judge.log_odds([("quick 5", "quick dog 5"), ("quick 5", "sphinx fox 5")])
    assert right > wrong


def test_what_cannot_be_trained_on_is_refused(tmp_path, start):
    unjudged = mined(tmp_path / "unjudged", judged=False)
    with pytest.raises(EvaluationError, match="were not judged"):
        train(unjudged, start, tmp_path / "model", training=quick(loss="margin-mse"))
    with pytest.raises(EvaluationError, match="has 1 queries with negatives"):
        train(mined(tmp_path / "one", 1), start, tmp_path / "model", training=quick())
    with pytest.raises(EvaluationError, match=r"mined\.jsonl cannot be read .*: name a folder"):
        train(tmp_path, start, tmp_path / "model", training=quick())
    with pytest.raises(EvaluationError, match="learns from negatives too"):
        train(
            unjudged,
            start,
            tmp_path / "model",
            training=quick(negatives=False),
            as_cross_encoder=True,
        )


@pytest.mark.parametrize("name", ["notes.txt", "settings.json"])
def test_a_folder_of_others_is_neither_filled_nor_deleted(tmp_path, start, name):
    """What is beside the model's folder while it is trained goes when it is done."""
    beside = tmp_path / "model.training"
    beside.mkdir()
    (beside / name).write_text("[1]")
    with pytest.raises(EvaluationError, match=r"model\.training is there already, and no train"):
        train(mined(tmp_path / "mined"), start, tmp_path / "model", training=quick())
    assert (beside / name).read_text() == "[1]"
    assert {each.name for each in beside.iterdir()} <= {name, ".lock"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rate": 0},
        {"warmup": 1},
        {"holdout": 0},
        {"loss": "x"},
        {"loss": "margin-mse", "negatives": False},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(EvaluationError):
        Training(**wrong)
