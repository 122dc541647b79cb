"""Models whose queries and passages go different ways, and models that are a table."""

import numpy as np
from sentence_transformers.sentence_transformer.modules import (
    Normalize,
    StaticEmbedding,
)
from tokenizers import Tokenizer

from encoder import Encoder
from tests import models
from tests.unit.encoder.test_parity import TEXTS, check, theirs


def table(seed, dim=models.HIDDEN):
    weights = np.random.default_rng(seed).standard_normal((models.VOCABULARY, dim))
    raw = Tokenizer.from_str(models.tokenizer("bert").backend_tokenizer.to_str())
    return StaticEmbedding(raw, embedding_weights=weights.astype(np.float32))


def test_a_table_of_tokens(tmp_path):
    folder = models.new_layout(tmp_path, [table(1), Normalize()])
    encoder = Encoder.load(folder)
    check(encoder.encode_passages(TEXTS), theirs(folder).encode(TEXTS))
    assert not encoder.encode_passages([""]).any()
    assert encoder.count_tokens(["", "fox fox"]) == [0, 2]
