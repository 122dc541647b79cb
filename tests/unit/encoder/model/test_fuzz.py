"""Whatever the JSON files of a model say, it works or is refused in one sentence."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoder import EncoderError, ModelDamagedError, ModelRefusedError
from tests.support import models
from tests.support.parity import ours

# Files that a model may have beside those that Tandem reads itself.
OTHERS = ("special_tokens_map.json", "added_tokens.json", "generation_config.json")
NAMES = ("../../etc/passwd", "somebody/code", "http://127.0.0.1:1/x", "flash_attention_2", "x.Y")
NUMBERS = (0, -1, 1, 1.5, 1e308, float("nan"), 10**9, 2**63, -(10**30))
DEEP = json.loads("[" * 900 + "]" * 900)
VALUES = st.sampled_from([None, True, False, "", "\ud800", "a" * 9999, *NAMES, *NUMBERS, DEEP]) | (
    st.recursive(
        st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=4,
    )
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = models.old_layout(tmp_path_factory.mktemp("whole") / "model", "bert")
    for name in OTHERS:
        models.write(folder / name, {})
    return folder


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in list(inside)[:40]:
            yield from places(inner, (*path, key))


def changed(value, path, new, how):
    """A value that has another one at a path, or lacks what is there, or has one more beside it."""
    if not path:
        return new
    inner = value.copy()
    if len(path) > 1:
        inner[path[0]] = changed(value[path[0]], path[1:], new, how)
    elif how == "lacks":
        del inner[path[0]]
    elif how == "has more" and isinstance(inner, dict):
        inner["more"] = new
    else:
        inner[path[0]] = new
    return inner


@settings(max_examples=80)
@given(data=st.data())
def test_any_change_of_any_file(whole, tmp_path_factory, data):
    folder = shutil.copytree(whole, tmp_path_factory.mktemp("changed") / "model")
    names = sorted(str(each.relative_to(whole)) for each in whole.rglob("*.json"))
    path = folder / data.draw(st.sampled_from(names))
    how = data.draw(st.sampled_from(["has", "lacks", "has more", "is cut off"]))
    if how == "is cut off":
        path.write_bytes(path.read_bytes()[: data.draw(st.integers(0, path.stat().st_size - 1))])
    else:
        before = json.loads(path.read_text("utf-8"))
        place = data.draw(st.sampled_from(list(places(before))))
        path.write_text(json.dumps(changed(before, place, data.draw(VALUES), how)))
    said = "one sentence"
    try:
        found = ours(folder).encode_queries(["quick fox"])
        assert found.shape[0] == 1
        assert np.isfinite(found).all()
    except EncoderError as error:
        said = str(error)
    assert "\n" not in said
    shutil.rmtree(folder.parent)


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "model")


def test_a_token_beyond_all_use_is_not_counted_up_to(folder):
    path = folder / "tokenizer.json"
    found = json.loads(path.read_text("utf-8"))
    found["model"]["vocab"]["o"] = 4 * 10**9
    models.write(path, found)
    with pytest.raises(ModelDamagedError, match="a token has the number 4,000,000,000"):
        ours(folder)


def test_tokens_that_the_model_has_no_row_for(folder):
    path = folder / "tokenizer.json"
    found = json.loads(path.read_text("utf-8"))
    vocabulary = found["model"]["vocab"]
    own = {name: number for name, number in vocabulary.items() if name.startswith("[")}
    found["model"]["vocab"] = {name: n + 1000 for name, n in vocabulary.items()} | own
    models.write(path, found)
    with pytest.raises(ModelDamagedError, match=r"number 1,\d{3}, for which the model has no row"):
        ours(folder)


@pytest.mark.parametrize("count", [0, 2])
def test_one_pooling_makes_one_vector_a_text(folder, count):
    path = folder / "modules.json"
    transformer, pooling = json.loads(path.read_text("utf-8"))
    models.write(path, [transformer, *[{**pooling, "idx": n + 1} for n in range(count)]])
    with pytest.raises(ModelRefusedError, match=f"has {count} poolings, and one vector a text"):
        ours(folder)


def test_modules_in_a_wrong_order(tmp_path):
    models.old_layout(tmp_path, "bert", later=[("LayerNorm", {"dimension": 7})])
    import torch
    from safetensors.torch import save_file

    weights = {"norm.weight": torch.ones(7), "norm.bias": torch.zeros(7)}
    save_file(weights, tmp_path / "2_LayerNorm" / "model.safetensors")
    with pytest.raises(ModelDamagedError, match="do not fit together"):
        ours(tmp_path)
