"""A cross-encoder in a file of ONNX: a network small enough to be computed by hand."""

import math

import numpy as np
import pytest
from tokenizers import Tokenizer

from encoder import CrossEncoder, EncoderError, ModelNotFoundError, ModelRefusedError
from tests.support import models

INT64, FLOAT = 7, 1


def field(number, value):
    """One field of a protobuf message: a number, a text or a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value):
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def tensor(name, kind, *sizes):
    dims = b"".join(field(1, field(1, s) if isinstance(s, int) else field(2, s)) for s in sizes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def node(kind, source, target, *attributes):
    return field(1, source) + field(2, target) + field(4, kind) + b"".join(attributes)


def attribute(name, kind, *fields):
    return field(5, field(1, name) + b"".join(fields) + field(20, kind))


def written(folder, counted="token_type_ids", labels=1):
    """A model whose logits are how many of `counted` there are, in every label."""
    folder.mkdir(exist_ok=True)
    inputs = [tensor(n, INT64, "n", "t") for n in {"input_ids", "attention_mask", counted}]
    cast = node("Cast", counted, "numbers", attribute("to", 2, field(3, FLOAT)))
    axes = attribute("axes", 7, field(8, 1))
    summed = node("ReduceSum", "numbers", "sum", axes)
    joined = field(1, "sum") * labels + field(2, "logits") + field(4, "Concat")
    nodes = (cast, summed, joined + attribute("axis", 2, field(3, 1)))
    graph = b"".join(field(1, each) for each in nodes) + field(2, "by hand")
    graph += b"".join(field(11, each) for each in inputs)
    graph += field(12, tensor("logits", FLOAT, "n", labels))
    (folder / "model.onnx").write_bytes(
        field(1, 7) + field(7, graph) + field(8, field(1, "") + field(2, 11))
    )
    models.tokenizer("bert").save_pretrained(folder)
    return folder / "model.onnx"


def tokenizer(file):
    return Tokenizer.from_file(str(file.with_name("tokenizer.json")))


def test_logits_of_a_pair_are_those_computed_by_hand(tmp_path):
    """Tokens of type 1 are those of the passage and its [SEP]."""
    file = written(tmp_path)
    model = CrossEncoder.load(file)
    words = tokenizer(file)
    passages = ["fox", "the quick brown fox", "", "jump " * 900]
    counted = [len(words.encode(each, add_special_tokens=False)) + 1 for each in passages]
    found = model.log_odds([("quick", each) for each in passages])
    assert found[:3].tolist() == counted[:3]
    assert found[3] < 512 < counted[3], "it reads no more than the model can"
    assert model.name == str(file)
    expected = [1 / (1 + math.exp(-each)) for each in counted[:3]]
    assert np.abs(model.score("quick", passages[:3]) - expected).max() < 1e-6


def test_a_template_makes_one_text_of_a_pair(tmp_path):
    file = written(tmp_path, counted="attention_mask")
    pairs = [("fox {x}", "dog"), ("{passage}", "the lazy dog")]
    model = CrossEncoder.load(file, template="Query: {query}\nSentence: {passage}")
    expected = [
        len(tokenizer(file).encode(f"Query: {query}\nSentence: {passage}"))
        for query, passage in pairs
    ]
    assert model.log_odds(pairs).tolist() == expected


@pytest.mark.parametrize("template", ["Query: {query}", "{query} {passage} {other}", "{", "{0}"])
def test_a_template_without_places_for_both_is_refused(tmp_path, template):
    with pytest.raises(EncoderError, match="where the query and the passage go"):
        CrossEncoder.load(written(tmp_path), template=template)


def test_what_is_no_cross_encoder_is_refused(tmp_path):
    with pytest.raises(ModelNotFoundError, match="there is no file"):
        CrossEncoder.load(tmp_path / "none.onnx")
    with pytest.raises(ModelRefusedError, match=r"asks for .*position_ids"):
        CrossEncoder.load(written(tmp_path / "inputs", counted="position_ids"))
    with pytest.raises(ModelRefusedError, match=r"an output of the shape \[\?,3\]"):
        CrossEncoder.load(written(tmp_path / "three", labels=3))
    (tmp_path / "bad.onnx").write_text("no model")
    with pytest.raises(EncoderError, match="cannot be run"):
        CrossEncoder.load(tmp_path / "bad.onnx")
