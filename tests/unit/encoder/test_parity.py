"""Our vectors are sentence-transformers' vectors, for tiny random models of every kind."""

import numpy as np
import pytest
import torch
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    LayerNorm,
    Normalize,
    Pooling,
    Transformer,
)
from transformers import AutoModel, AutoTokenizer

from tests.support import models
from tests.support.parity import FEW, TEXTS, check, ours, theirs

POOLINGS = [
    ("cls_token",),
    ("mean_tokens",),
    ("max_tokens",),
    ("mean_sqrt_len_tokens",),
    ("weightedmean_tokens",),
    ("lasttoken",),
    ("mean_tokens", "cls_token", "max_tokens", "weightedmean_tokens"),
    (),
]
MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")


@pytest.mark.parametrize("family", models.FAMILIES)
@pytest.mark.parametrize("pooling", POOLINGS, ids="+".join)
def test_the_layout_of_2021(tmp_path, family, pooling):
    folder = models.old_layout(tmp_path, family, pooling=pooling, max_length=200)
    expected = theirs(folder).encode(TEXTS, **FEW)
    check(ours(folder).encode_passages(TEXTS), expected)


@pytest.mark.parametrize("family", models.FAMILIES)
@pytest.mark.parametrize("modes", [*((mode,) for mode in MODES), ("lasttoken", "mean", "cls")])
def test_todays_layout(tmp_path, family, modes):
    source = models.transformer(tmp_path / "plain", family)
    modules = [Transformer(str(source)), Pooling(models.HIDDEN, modes)]
    folder = models.new_layout(tmp_path / "model", modules)
    check(ours(folder).encode_passages(TEXTS), theirs(folder).encode(TEXTS, **FEW))


@pytest.mark.parametrize("batch", [1, 2, 3, 8, 64])
def test_any_batch_size_of_theirs_one_by_one_and_all_at_once(tmp_path, batch):
    folder = models.old_layout(tmp_path, "roberta", max_length=128)
    expected = theirs(folder).encode(TEXTS, batch_size=batch)
    encoder = ours(folder)
    check(encoder.encode_passages(TEXTS), expected)
    check(np.concatenate([encoder.encode_passages([text]) for text in TEXTS]), expected)
    check(np.stack(list(encoder.stream_passages(iter(TEXTS)))), expected)


@pytest.mark.parametrize(
    "names", [("query", "document"), ("query", "passage"), ("query", "corpus")]
)
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("pooling", [("mean_tokens",), ("cls_token",), ("weightedmean_tokens",)])
def test_prompts_under_any_of_their_names(tmp_path, names, include, pooling):
    prompts = {names[0]: "fox query: ", names[1]: "the passage: "}
    folder = models.old_layout(
        tmp_path, "bert", pooling=pooling, settings={"prompts": prompts}, include_prompt=include
    )
    encoder, reference = ours(folder), theirs(folder)
    check(encoder.encode_queries(TEXTS), reference.encode(TEXTS, **FEW, prompt_name=names[0]))
    check(encoder.encode_passages(TEXTS), reference.encode(TEXTS, **FEW, prompt_name=names[1]))


def test_a_prompt_given_by_option_replaces_the_models_own(tmp_path):
    folder = models.old_layout(tmp_path, "bert", settings={"prompts": {"query": "fox: "}})
    reference = theirs(folder)
    encoder = ours(folder, query_prompt="dog: ", passage_prompt="box: ")
    check(encoder.encode_queries(TEXTS), reference.encode(TEXTS, **FEW, prompt="dog: "))
    check(encoder.encode_passages(TEXTS), reference.encode(TEXTS, **FEW, prompt="box: "))
    assert encoder.settings == {"query_prompt": "dog: ", "passage_prompt": "box: "}
    assert encoder.fingerprint != ours(folder).fingerprint


def heads(hidden=models.HIDDEN):
    torch.manual_seed(3)
    return {
        "tanh": [Dense(hidden, 20)],
        "identity without bias": [Dense(hidden, 20, bias=False, activation_function=None)],
        "gelu": [Dense(hidden, 20, activation_function=torch.nn.GELU())],
        "residual": [Dense(hidden, hidden, use_residual=True)],
        "residual to another size": [Dense(hidden, 20, use_residual=True)],
        "layer norm": [LayerNorm(hidden)],
        "normalize": [Normalize()],
        "all": [Dense(hidden, 32), LayerNorm(32), Dense(32, 16), Normalize()],
    }


@pytest.mark.parametrize("name", heads())
def test_modules_after_pooling(tmp_path, name):
    source = models.transformer(tmp_path / "plain", "distilbert")
    later = heads()[name]
    modules = [Transformer(str(source)), Pooling(models.HIDDEN, "mean"), *later]
    folder = models.new_layout(tmp_path / "model", modules)
    check(ours(folder).encode_passages(TEXTS), theirs(folder).encode(TEXTS, **FEW))


def test_a_dense_module_on_tokens(tmp_path):
    source = models.transformer(tmp_path / "plain", "bert")
    tokens = Dense(models.HIDDEN, 20, module_input_name="token_embeddings")
    modules = [Transformer(str(source)), tokens, Pooling(20, "mean")]
    folder = models.new_layout(tmp_path / "model", modules)
    check(ours(folder).encode_passages(TEXTS), theirs(folder).encode(TEXTS, **FEW))


def test_the_first_components_alone(tmp_path):
    folder = models.old_layout(tmp_path, "mpnet", settings={"truncate_dim": 16})
    expected = theirs(folder).encode(TEXTS, **FEW, normalize_embeddings=True)
    assert expected.shape[1] == 16
    check(ours(folder).encode_passages(TEXTS), expected)
    encoder = ours(folder, truncate_dim=8)
    check(encoder.encode_passages(TEXTS), theirs(folder).encode(TEXTS, **FEW, truncate_dim=8))
    assert (encoder.dim, encoder.settings) == (8, {"truncate_dim": 8})


def test_a_checkpoint_of_float16_is_encoded_in_float32(tmp_path):
    folder = models.old_layout(tmp_path, "roberta")
    half = AutoModel.from_pretrained(folder, dtype=torch.float16)
    half.save_pretrained(folder)
    check(ours(folder).encode_passages(TEXTS), theirs(folder).encode(TEXTS, **FEW))


def test_the_folder_of_the_first_versions(tmp_path):
    folder = models.old_layout(tmp_path, "bert", transformer_folder="0_Transformer")
    check(ours(folder).encode_passages(TEXTS), theirs(folder).encode(TEXTS, **FEW))


def test_lower_case_where_the_settings_ask_for_it(tmp_path):
    folder = models.old_layout(tmp_path, "roberta")
    settings = {"max_seq_length": 100, "do_lower_case": True}
    models.write(folder / "sentence_bert_config.json", settings)
    texts = ["The QUICK brown Fox", "ÄRGER"]
    check(ours(folder).encode_passages(texts), theirs(folder).encode(texts))
    lowered = ours(folder).encode_passages([text.lower() for text in texts])
    assert np.array_equal(ours(folder).encode_passages(texts), lowered)


def recipe(folder, texts, length):
    """The reference card's own mean pooling, not normalised."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    encoded = tokenizer(
        texts, padding=True, truncation=True, max_length=length, return_tensors="pt"
    )
    with torch.no_grad():
        hidden = model(**encoded)[0]
    mask = encoded["attention_mask"].unsqueeze(-1).expand(hidden.size()).float()
    total = torch.sum(hidden * mask, 1)
    return (total / torch.clamp(mask.sum(1), min=1e-9)).numpy()


@pytest.mark.parametrize("family", models.FAMILIES)
def test_a_plain_model_is_the_cards_recipe(tmp_path, family):
    folder = models.transformer(tmp_path, family)
    assert ours(folder).max_length == 512
    check(ours(folder).encode_passages(TEXTS), recipe(folder, TEXTS, 512))
