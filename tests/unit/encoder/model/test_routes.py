"""Models whose queries and passages go different ways, and models that are a table."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Normalize,
    Pooling,
    StaticEmbedding,
    Transformer,
)
from tokenizers import Tokenizer

from encoder import Encoder, ModelRefusedError
from tests.support import models
from tests.support.parity import FEW, TEXTS, check, ours, theirs


def table(seed, dim=models.HIDDEN):
    weights = np.random.default_rng(seed).standard_normal((models.VOCABULARY, dim))
    raw = Tokenizer.from_str(models.tokenizer("bert").backend_tokenizer.to_str())
    return StaticEmbedding(raw, embedding_weights=weights.astype(np.float32))


def test_a_table_of_tokens(tmp_path):
    folder = models.new_layout(tmp_path, [table(1), Normalize()])
    encoder = Encoder.load(folder)
    check(encoder.encode_passages(TEXTS), theirs(folder).encode(TEXTS, **FEW))
    assert not encoder.encode_passages([""]).any()
    assert encoder.count_tokens(["", "fox fox"]) == [0, 2]


def test_a_table_as_model2vec_writes_it(tmp_path):
    folder = models.new_layout(tmp_path, [table(1)])
    rows = torch.randn(7, 12, generator=torch.Generator().manual_seed(1))
    mapping = torch.arange(models.VOCABULARY) % 7
    weights = torch.linspace(0.5, 2.0, models.VOCABULARY)
    parts = {"embeddings": rows, "mapping": mapping, "weights": weights}
    save_file(parts, folder / "model.safetensors")
    found = Encoder.load(folder).encode_passages(TEXTS)
    check(found, theirs(folder).encode(TEXTS, **FEW))
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(
        "fox", add_special_tokens=False
    )
    by_hand = (rows[mapping[ids.ids]] * weights[ids.ids, None]).mean(0).numpy()
    check(Encoder.load(folder).encode_passages(["fox"]), by_hand[None])


@pytest.fixture
def routed(tmp_path):
    """A table for queries, a transformer for passages, and a module that both share."""
    source = models.transformer(tmp_path / "plain", "bert")
    router = Router.for_query_document(
        query_modules=[table(2)],
        document_modules=[Transformer(str(source)), Pooling(models.HIDDEN, "mean")],
    )
    torch.manual_seed(5)
    return models.new_layout(tmp_path / "model", [router, Dense(models.HIDDEN, 16)])


def test_a_router_sends_queries_and_passages_their_own_ways(routed):
    encoder, reference = ours(routed), theirs(routed)
    check(encoder.encode_queries(TEXTS), reference.encode_query(TEXTS, **FEW))
    check(encoder.encode_passages(TEXTS), reference.encode_document(TEXTS, **FEW))
    assert encoder.dim == 16
    assert encoder.max_length == 512


def test_the_old_name_and_settings_of_a_router(routed):
    modules = json.loads((routed / "modules.json").read_text())
    folder = routed / modules[0]["path"]
    modules[0]["type"] = "sentence_transformers.models.Asym"
    models.write(routed / "modules.json", modules)
    (folder / "router_config.json").rename(folder / "config.json")
    check(ours(routed).encode_queries(TEXTS), theirs(routed).encode_query(TEXTS, **FEW))


def test_routes_by_mapping(routed):
    path = next(routed.rglob("router_config.json"))
    config = json.loads(path.read_text())
    config["structure"] = {
        "table": config["structure"]["query"],
        "network": config["structure"]["document"],
    }
    config["parameters"]["default_route"] = "network"
    config["parameters"]["route_mappings"] = {"('query', 'text')": "table"}
    models.write(path, config)
    encoder = ours(routed)
    check(encoder.encode_queries(TEXTS), theirs(routed).encode(TEXTS, **FEW, task="query"))
    check(encoder.encode_passages(TEXTS), theirs(routed).encode(TEXTS, **FEW))


def test_a_router_without_a_way_for_queries_is_refused(routed):
    path = next(routed.rglob("router_config.json"))
    config = json.loads(path.read_text())
    config["structure"] = {"image": config["structure"]["document"]}
    config["parameters"] = {"default_route": None, "allow_empty_key": False}
    models.write(path, config)
    with pytest.raises(ModelRefusedError, match=r"no route for a query \(it has image\)"):
        ours(routed)


@pytest.mark.parametrize(
    ("similarity", "notes"), [(None, 0), ("cosine", 0), ("dot", 1), ("euclidean", 1)]
)
def test_a_model_that_was_not_trained_for_cosine_says_so(tmp_path, similarity, notes):
    folder = models.old_layout(tmp_path, "bert", settings={"similarity_fn_name": similarity})
    found = ours(folder).notes
    assert len(found) == notes
    assert all(f"trained for {similarity}" in note for note in found)
