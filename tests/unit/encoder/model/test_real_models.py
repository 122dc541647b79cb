"""Real weights: all-MiniLM-L6-v2, and granite-30m (RoBERTa, CLS pooling)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from encoder import Encoder
from tests.support.parity import FEW, TEXTS, check, ours, theirs
from tests.unit.encoder.model.granite import granite

ROOT = Path(__file__).resolve().parents[4]
COUNT, STEP = 200, 3  # of all lengths and subjects, and no more: a real model takes its time
# First five components of "hello world", as sentence-transformers 6.2 gives them.
HELLO = [-0.0344772, 0.0310232, 0.0067350, 0.0261090, -0.0393620]


@pytest.fixture(scope="module")
def passages():
    lines = (ROOT / "examples" / "corpus.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines[:COUNT:STEP]]


@pytest.fixture(scope="module")
def encoder(minilm):
    return ours(minilm)


@pytest.fixture(scope="module")
def together(encoder, passages):
    """Ours of all passages at once."""
    return encoder.encode_passages(passages)


def test_minilm_is_sentence_transformers(minilm, encoder, passages, together):
    model = theirs(minilm)
    expected = model.encode(passages)
    assert np.abs(together - expected).max() < 1e-5
    check(together, expected)
    alone = np.concatenate([encoder.encode_passages([each]) for each in passages])
    assert np.abs(alone - expected).max() < 1e-5
    check(encoder.encode_queries(TEXTS), model.encode(TEXTS, **FEW))


def test_minilm_is_the_cards_own_recipe_before_normalising(minilm, passages, together):
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    model = AutoModel.from_pretrained(minilm).eval()
    given = {"padding": True, "truncation": True, "max_length": 256, "return_tensors": "pt"}
    encoded = tokenizer(passages, **given)
    with torch.no_grad():
        hidden = model(**encoded)[0]
    mask = encoded["attention_mask"].unsqueeze(-1).expand(hidden.size()).float()
    expected = (hidden * mask).sum(1) / torch.clamp(mask.sum(1), min=1e-9)
    norms = expected.norm(dim=1, keepdim=True).numpy()
    assert np.abs(together * norms - expected.numpy()).max() < 1e-5


def test_the_way_that_is_taken_by_default_agrees(minilm, encoder, passages, together):
    taken = Encoder.load(minilm)
    cosines = (taken.encode_passages(passages) * together).sum(1)
    assert cosines.min() > 0.9999
    assert taken.fingerprint == encoder.fingerprint


def test_golden_values(encoder):
    found = encoder.encode_queries(["hello world"])[0]
    assert found.shape == (384,)
    assert np.abs(found[:5] - HELLO).max() < 1e-5


def test_granite_is_sentence_transformers(passages, tmp_path):
    folder = granite(tmp_path / "granite")
    encoder, model = ours(folder), theirs(folder)
    check(encoder.encode_passages(passages), model.encode(passages))
    check(encoder.encode_queries(TEXTS), model.encode(TEXTS, **FEW))
    # Real weights, put where they belong: they know what a text is about.
    first, near, far = encoder.encode_passages(
        ["bees make honey", "a hive full of honeybees", "the stock market fell"]
    )
    assert first @ near > first @ far + 0.1
