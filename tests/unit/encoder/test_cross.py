"""Cross-encoders score as sentence-transformers does."""

import json

import numpy as np
import pytest
from sentence_transformers import CrossEncoder as Theirs

from encoder import CrossEncoder, EncoderError, ModelRefusedError
from tests.support import models

PASSAGES = ["", *models.CORPUS, "jump " * 900, "🙂", *(f"fox {n}" * n for n in range(1, 30))]


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_scores_are_theirs(tmp_path, family):
    folder = models.cross_encoder(tmp_path, family)
    expected = Theirs(str(folder), device="cpu").predict([("quick fox", p) for p in PASSAGES])
    found = CrossEncoder.load(folder).score("quick fox", PASSAGES)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-6
    assert len(set(found.round(4))) > 10


@pytest.mark.parametrize(
    "setting",
    [
        {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
        {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}},
    ],
)
def test_the_models_own_activation(tmp_path, setting):
    folder = models.cross_encoder(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    models.write(folder / "config.json", {**config, **setting})
    expected = Theirs(str(folder), device="cpu").predict([("fox", p) for p in PASSAGES])
    found = CrossEncoder.load(folder).score("fox", PASSAGES)
    assert np.abs(found - expected).max() < 1e-5
    assert found.min() < 0 or found.max() > 1


def test_a_tokenizer_that_tells_the_texts_apart(tmp_path):
    folder = models.cross_encoder(tmp_path)
    before = CrossEncoder.load(folder).score("fox", PASSAGES)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    names = ["input_ids", "token_type_ids", "attention_mask"]
    models.write(folder / "tokenizer_config.json", {**config, "model_input_names": names})
    expected = Theirs(str(folder), device="cpu").predict([("fox", p) for p in PASSAGES])
    found = CrossEncoder.load(folder).score("fox", PASSAGES)
    assert np.abs(found - expected).max() < 1e-6
    assert np.abs(found - before).max() > 1e-3


def test_todays_layout(tmp_path):
    Theirs(str(models.cross_encoder(tmp_path / "plain")), device="cpu").save_pretrained(
        str(tmp_path / "new")
    )
    expected = CrossEncoder.load(tmp_path / "plain").score("fox", PASSAGES)
    assert np.array_equal(CrossEncoder.load(tmp_path / "new").score("fox", PASSAGES), expected)


def test_of_two_labels_the_second_means_yes(tmp_path):
    folder = models.cross_encoder(tmp_path, labels=2)
    logits = Theirs(str(folder), device="cpu").predict([("fox", p) for p in PASSAGES])
    by_hand = np.exp(logits[:, 1]) / np.exp(logits).sum(1)
    assert np.abs(CrossEncoder.load(folder).score("fox", PASSAGES) - by_hand).max() < 1e-6


def test_no_passages_give_no_scores(tmp_path):
    assert CrossEncoder.load(models.cross_encoder(tmp_path)).score("fox", []).shape == (0,)


def test_what_is_no_cross_encoder_is_refused(tmp_path):
    with pytest.raises(ModelRefusedError, match=r"is no cross-encoder .*BertModel"):
        CrossEncoder.load(models.transformer(tmp_path / "bi", "bert"))
    with pytest.raises(ModelRefusedError, match="has 3 labels"):
        CrossEncoder.load(models.cross_encoder(tmp_path / "three", labels=3))


def test_a_passage_that_is_no_string(tmp_path):
    with pytest.raises(EncoderError, match="no string"):
        CrossEncoder.load(models.cross_encoder(tmp_path)).score("fox", ["a", None])


@pytest.mark.parametrize("labels", [1, 2])
def test_log_odds_are_the_model_s_own_numbers_whatever_a_score_is(tmp_path, labels):
    model = CrossEncoder.load(models.cross_encoder(tmp_path, labels=labels))
    odds = model.log_odds([("fox", passage) for passage in PASSAGES])
    expected = 1 / (1 + np.exp(-odds.astype(np.float64)))
    assert np.abs(model.score("fox", PASSAGES) - expected).max() < 1e-6
    assert odds.max() > 1 or odds.min() < 0
