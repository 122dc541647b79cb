"""Which backend and precision is taken, what is remembered, and that OpenVINO agrees with torch."""

import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from encoder import Encoder, EncoderError
from encoder.batching.batches import Item, make_batch
from encoder.engines.openvino_engine import MOST_BYTES, OpenVinoEngine
from encoder.model.folder import read_model_spec
from encoder.selection.candidates import Candidate, EngineOptions, Measured, choose
from encoder.selection.convert import convert
from tests.support import models
from tests.support.parity import FEW, TEXTS, theirs

OV32, OV16 = Candidate("openvino", "float32"), Candidate("openvino", "bfloat16")
T32, INT8 = Candidate("torch", "float32"), Candidate("openvino", "int8")
MEASURED = [
    Measured(OV32, 0.9999999, 200.0),
    Measured(OV16, 0.99995, 400.0),
    Measured(T32, 1.0, 100.0),
    Measured(INT8, 0.98, 800.0),
]


OPENVINO = {"backend": "openvino", "precision": "float32"}
# A conversion takes a third of a minute; BERT's and RoBERTa's are made for every commit.
LEFT = [
    pytest.param(each, marks=pytest.mark.long) for each in ("distilbert", "mpnet", "xlm-roberta")
]
# A prompt that queries have and pooling leaves out.
PROMPTED = {"settings": {"prompts": {"query": "fox: "}}, "include_prompt": False}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class First(NamedTuple):
    """The first load of a model: its folder, what it kept, what it told and how long it took."""

    folder: Path
    home: Path
    encoder: Encoder
    told: list[str]
    seconds: float


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Made once: a conversion takes longer than all that is tested on it."""
    folder, home = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("home")
    models.old_layout(folder, "bert", max_length=200, **PROMPTED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TANDEM_HOME", str(home))
        began = time.perf_counter()
        with pytest.warns(UserWarning, match="once") as told:
            encoder = Encoder.load(folder)
        seconds = time.perf_counter() - began
    return First(folder, home, encoder, [str(each.message) for each in told], seconds)


@pytest.fixture
def folder(first, home):
    """That model, on a machine that has kept what its first load made."""
    shutil.copytree(first.home, home)
    return first.folder


@pytest.mark.parametrize(
    ("options", "taken", "changes"),
    [
        (EngineOptions(), OV16, False),
        (EngineOptions(backend="torch"), T32, False),
        (EngineOptions(precision="float32"), OV32, False),
        (EngineOptions(precision="int8"), INT8, True),
        (EngineOptions("torch", "float32", "cpu"), T32, False),
    ],
)
def test_the_fastest_that_agrees_is_taken(options, taken, changes):
    choice = choose(options, MEASURED)
    assert (choice.taken, choice.changes) == (taken, changes)


def test_what_disagrees_or_fails_is_not_taken_unasked():
    vague = [Measured(OV16, 0.9998, 400.0), Measured(T32, 1.0, 100.0)]
    assert choose(EngineOptions(), vague).taken == T32
    assert choose(EngineOptions(precision="bfloat16"), vague).changes
    broken = [Measured(OV16, fault="it broke: mend it."), Measured(T32, 1.0, 100.0)]
    assert choose(EngineOptions(), broken).taken == T32
    with pytest.raises(EncoderError, match="it broke: mend it"):
        choose(EngineOptions(precision="bfloat16"), broken)


def check_openvino(folder):
    """Other kernels, other rounding: five times what torch is allowed."""
    said = []
    encoder = Encoder.load(folder, **OPENVINO, on_progress=said.append)
    assert not encoder.choice.changes
    model = theirs(folder)
    expected = model.encode(TEXTS, **FEW, normalize_embeddings=True)
    assert np.abs(encoder.encode_passages(TEXTS) - expected).max() < 5e-6
    expected = model.encode(TEXTS, **FEW, prompt_name="query", normalize_embeddings=True)
    assert np.abs(encoder.encode_queries(TEXTS) - expected).max() < 5e-6
    alone = np.concatenate([encoder.encode_queries([text]) for text in TEXTS])
    assert np.abs(alone - expected).max() < 5e-6
    return [each.split()[0] for each in said]


@pytest.mark.parametrize("family", ["roberta", *LEFT])
def test_openvino_in_float32_is_torch(home, tmp_path, family):
    folder = models.old_layout(tmp_path / "model", family, max_length=200, **PROMPTED)
    assert check_openvino(folder) == ["measuring", "converting"]


def test_openvino_in_float32_is_torch_for_bert(folder):
    assert check_openvino(folder) == []


def test_a_conversion_that_hangs_is_stopped(home, tmp_path):
    route = read_model_spec(models.old_layout(tmp_path / "model", "bert")).passages
    with pytest.raises(EncoderError, match=r"stopped after 0\.1 seconds: use `backend='torch'`"):
        convert(route, tmp_path, most=0.1)
    assert not list(tmp_path.glob("*.xml"))


def test_what_was_converted_and_measured_is_kept(first, folder):
    said = []
    assert len(first.encoder.choice.measured) == 4
    again = Encoder.load(folder, on_progress=said.append)
    assert said == []
    assert again.choice == first.encoder.choice
    assert again.fingerprint == first.encoder.fingerprint


def test_what_is_done_once_is_told_and_timed_in_python_too(first, folder):
    assert [each.split()[0] for each in first.told] == ["measuring", "converting"]
    assert set(first.encoder.preparation) == {"measure", "convert"}
    # What is done within a step counts once.
    assert 0.1 < sum(first.encoder.preparation.values()) < first.seconds
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Encoder.load(folder).preparation == {}


def test_notes_of_another_machine_are_not_believed(first, folder, home):
    notes = home / "encoders" / first.encoder.fingerprint / "measured.json"
    found = json.loads(notes.read_text())
    notes.write_text(json.dumps({**found, "machine": "a toaster"}))
    said = []
    Encoder.load(folder, on_progress=said.append)
    assert said[0].startswith("measuring")
    notes.write_text("{")
    Encoder.load(folder)


def test_a_converted_model_is_opened_without_torch(folder):
    expected = Encoder.load(folder, **OPENVINO).encode_queries(["fox"])
    program = (
        "import sys\nfrom encoder import Encoder\n"
        f"e = Encoder.load(sys.argv[1], **{OPENVINO})\n"
        "print(repr(e.encode_queries(['fox']).tolist()))\n"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True
    )
    vector, loaded = done.stdout.splitlines()
    assert loaded == "set()"
    assert np.allclose(json.loads(vector), expected, atol=1e-6)


def test_int8_has_a_fingerprint_of_its_own(folder):
    exact = Encoder.load(folder, precision="float32")
    small = Encoder.load(folder, precision="int8")
    assert small.choice.changes
    assert small.settings == {"precision": "int8"}
    assert small.fingerprint != exact.fingerprint
    assert Encoder.load(folder, **small.settings).fingerprint == small.fingerprint
    cosines = (small.encode_passages(TEXTS) * exact.encode_passages(TEXTS)).sum(1)
    assert cosines.min() > 0.9


def test_a_fingerprint_is_of_what_decides_vectors_alone(tmp_path):
    def of(folder, **options):
        return Encoder.load(folder, backend="torch", precision="float32", **options).fingerprint

    folder = models.old_layout(tmp_path / "one", "bert", max_length=100)
    same = Path(shutil.copytree(folder, tmp_path / "two"))
    assert of(folder) == of(same)
    config = json.loads((same / "config.json").read_text())
    models.write(same / "config.json", {**config, "_name_or_path": "elsewhere"})
    (same / "README.md").write_text("Read me.")
    assert of(folder) == of(same)
    seen = {
        of(folder),
        of(folder, truncate_dim=8),
        of(folder, query_prompt="q: "),
    }
    edits = {
        "config.json": {"layer_norm_eps": 1e-6},
        "sentence_bert_config.json": {"max_seq_length": 101},
        "1_Pooling/config.json": {"pooling_mode_cls_token": True},
        "tokenizer_config.json": {"model_max_length": 77},
    }
    for name, change in edits.items():
        path = same / name
        models.write(path, {**json.loads(path.read_text()), **change})
        seen.add(of(same))
    weights = load_file(same / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][7, 7] += 1
    save_file(weights, same / "model.safetensors", {"format": "pt"})
    assert len(seen | {of(same)}) == 8


def test_one_text_takes_no_more_threads_than_help_on_openvino(folder, home):
    (converted,) = home.rglob("model.xml")
    asked = []

    class Noting(OpenVinoEngine):
        def _compile(self, length, streams, threads):
            asked.append((length, streams, threads))  # OpenVINO cuts this to the machine's cores
            return super()._compile(length, streams, threads)

    def compiled():
        asked.clear()
        engine = Noting(converted.parent, "float32", concurrency=16, longest=64)
        for count in (3, 16, 17, 32, 33, 60):
            engine.one(make_batch([Item(0, [1] * count)]))
        return asked

    assert compiled() == [(16, 1, 4), (32, 1, 4), (None, 1, 4)]
    os.truncate(converted.with_suffix(".bin"), MOST_BYTES + 1)  # as of a large network
    assert compiled() == [(None, 1, 4)]


def test_a_kept_form_without_its_weights_is_one_sentence(folder, home):
    next(home.rglob("model.bin")).unlink()
    with pytest.raises(EncoderError, match="delete that folder to convert the model again"):
        Encoder.load(folder, **OPENVINO)


@pytest.mark.long
def test_a_model_of_few_positions_is_padded_to_no_more(home, tmp_path):
    folder = models.transformer(tmp_path / "model", "bert", max_position_embeddings=20)
    encoder = Encoder.load(folder, **OPENVINO)
    texts = ["fox", "the quick brown fox jumps over", "jump " * 40]
    torch = Encoder.load(folder, backend="torch", precision="float32").encode_queries(texts)
    for text, expected in zip(texts, torch, strict=True):
        assert np.abs(encoder.encode_queries([text])[0] - expected).max() < 5e-6


def test_batches_together_are_as_one_by_one_from_any_thread(folder):
    encoder = Encoder.load(str(folder), **OPENVINO, device="cpu")
    texts = [" ".join(["fox"] * (1 + n * 7 % 60)) for n in range(200)]
    alone = np.concatenate([encoder.encode_passages([text]) for text in texts])
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(encoder.encode_passages, [texts] * 8):
            assert (found * alone).sum(axis=1).min() > 0.99999


def test_weights_are_in_memory_once_for_one_text_and_for_many(folder, home):
    encoder = Encoder.load(str(folder), **OPENVINO, device="cpu")
    (weights,) = home.rglob("model.bin")

    def read() -> int:
        """How often the file's beginning is mapped."""
        lines = Path("/proc/self/maps").read_text("utf-8").splitlines()
        return sum(line.split()[2] == "00000000" for line in lines if line.endswith(str(weights)))

    encoder.encode_passages(["fox"])
    assert read() == 1
    encoder.encode_passages(["fox"] * 2000)
    assert read() == 1


def test_what_cannot_be_kept_is_told_and_encodes_by_torch(home, tmp_path):
    folder = models.old_layout(tmp_path, "bert", max_length=128)
    home.mkdir()
    (home / "encoders").write_text("no folder")
    with pytest.warns(UserWarning, match=r"cannot be kept in .*encoders.*\): set TANDEM_HOME"):
        encoder = Encoder.load(str(folder), device="cpu")
    assert encoder.encode_queries(["fox"]).shape == (1, models.HIDDEN)
    with pytest.raises(EncoderError, match="cannot be kept in "):
        Encoder.load(str(folder), backend="openvino", device="cpu")
