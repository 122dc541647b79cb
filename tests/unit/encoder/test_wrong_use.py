"""Every wrong model and every wrong text is one sentence with the cure."""

import json
import os
import pickle
import re
import resource
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from encoder import (
    Encoder,
    EncoderError,
    ModelDamagedError,
    ModelNotFoundError,
    ModelRefusedError,
)
from tests.support import models
from tests.support.parity import ours


@pytest.fixture
def folder(tmp_path):
    return models.old_layout(tmp_path / "model", "bert")


def said(kind, folder, **options):
    """The one sentence that loading ends with."""
    with pytest.raises(kind) as caught:
        ours(folder, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert ": " in text
    return text


def test_a_folder_that_is_not_there(tmp_path):
    assert "check the path" in said(ModelNotFoundError, tmp_path / "none")


def test_a_folder_without_a_model(tmp_path):
    assert "modules.json nor config.json" in said(ModelNotFoundError, tmp_path)


def test_a_name_that_nobody_knows(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelNotFoundError) as caught:
        Encoder.load("nobody/knows-this")
    text = str(caught.value)
    for tried in ("folder of that name", "the hub's cache and the hub", "`model='./folder'`"):
        assert tried in text


def test_a_short_name_is_sentence_transformers_own():
    encoder = Encoder.load("all-MiniLM-L6-v2", backend="torch", precision="float32")
    assert encoder.name == "sentence-transformers/all-MiniLM-L6-v2"


def test_a_text_that_is_no_string(folder):
    with pytest.raises(EncoderError, match="text 1 is of type bytes and must be a string"):
        ours(folder).encode_passages(["a", b"b"])
    with pytest.raises(EncoderError, match="text 40 is of type NoneType"):
        ours(folder).encode_passages([*["a"] * 40, None])


def test_half_a_surrogate_pair(folder):
    with pytest.raises(EncoderError, match="text 0 has half a surrogate pair at character 1"):
        ours(folder).encode_queries(["a\ud800"])


def test_nan_in_the_models_output(folder):
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][:] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    encoder = ours(folder)
    with pytest.raises(EncoderError, match=r"NaN or infinite numbers for text 0: .*float32"):
        encoder.encode_passages(["fox"])
    # A stream hands them on: who stores vectors rejects the document and goes on.
    assert np.isnan(next(encoder.stream_passages(["fox"]))).all()


def test_a_corrupt_safetensors_file(folder):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    text = said(ModelDamagedError, folder)
    assert str(folder) in text
    assert "fetch the model again" in text


def test_weights_that_are_missing(folder):
    weights = load_file(folder / "model.safetensors")
    gone = [name for name in weights if ".layer.1." in name]
    kept = {name: each for name, each in weights.items() if name not in gone}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    assert f"lack {len(gone)} tensors of the model" in said(ModelDamagedError, folder)
    os.remove(folder / "model.safetensors")
    said(ModelDamagedError, folder)


def test_weights_of_another_shape_than_the_config_says(folder):
    weights = load_file(folder / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    weights[name] = weights[name][:-1].contiguous()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    found = re.escape(str(list(weights[name].shape)))
    assert re.search(
        rf"{name} in .* the shape {found} and .* says", said(ModelDamagedError, folder)
    )


def test_a_pickle_is_read_as_tensors_and_nothing_else(folder, tmp_path):
    weights = load_file(folder / "model.safetensors")
    expected = ours(folder).encode_passages(["fox"])
    os.remove(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    assert np.array_equal(ours(folder).encode_passages(["fox"]), expected)

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    with (folder / "pytorch_model.bin").open("wb") as file:
        pickle.dump({"x": Trap()}, file, protocol=2)
    said(ModelDamagedError, folder)
    torch.save({"x": Trap()}, folder / "pytorch_model.bin")
    text = said(ModelDamagedError, folder)
    assert "holds more than tensors, which is never run" in text
    assert "weights_only" not in text  # which torch tells how to leave out
    assert not (tmp_path / "sprung").exists()


def test_a_missing_tokenizer(folder):
    os.remove(folder / "tokenizer.json")
    assert "has no tokenizer" in said(ModelDamagedError, folder)


def test_a_broken_tokenizer(folder):
    (folder / "tokenizer.json").write_text('{"version": "1.0"')
    assert "tokenizer" in said(ModelDamagedError, folder)


def test_a_missing_config_of_a_module(folder):
    os.remove(folder / "1_Pooling" / "config.json")
    assert "1_Pooling has no config.json" in said(ModelDamagedError, folder)


@pytest.mark.parametrize("text", ["[", "[1]", '[{"idx": 0}]', "{}", "[]"])
def test_a_broken_list_of_modules(folder, text):
    (folder / "modules.json").write_text(text)
    assert "modules.json" in said(ModelDamagedError, folder)


def with_dense(folder, config, shape=(20, models.HIDDEN)):
    later = [("Dense", config)]
    models.old_layout(folder, "bert", later=later)
    weights = {"linear.weight": torch.zeros(shape), "linear.bias": torch.zeros(shape[0])}
    save_file(weights, folder / "2_Dense" / "model.safetensors")
    return folder


def test_a_dense_module_of_the_wrong_shape(tmp_path):
    config = {"in_features": models.HIDDEN, "out_features": 20, "bias": True}
    text = said(ModelDamagedError, with_dense(tmp_path, config, shape=(20, 7)))
    assert "[20, 7]" in text
    assert "[20, 48]" in text


def test_an_activation_that_is_the_models_own_code(tmp_path):
    config = {"in_features": models.HIDDEN, "out_features": 20, "activation_function": "evil.Act"}
    assert "evil.Act" in said(ModelRefusedError, with_dense(tmp_path, config))
    config["activation_function"] = "torch.hub.load"
    assert "torch.hub.load" in said(ModelRefusedError, with_dense(tmp_path, config))


@pytest.mark.parametrize("kind", ["LSTM", "CNN", "BoW", "CLIPModel", "WeightedLayerPooling"])
def test_modules_that_are_not_supported_are_named(folder, kind):
    modules = json.loads((folder / "modules.json").read_text())
    modules.append(
        {"idx": 2, "name": "2", "path": "2_X", "type": f"sentence_transformers.models.{kind}"}
    )
    models.write(folder / "modules.json", modules)
    assert kind in said(ModelRefusedError, folder)


def test_modules_that_are_the_models_own_code_are_never_run(folder, tmp_path):
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "custom.Pooling"
    models.write(folder / "modules.json", modules)
    (folder / "custom.py").write_text(f"import os; os.mkdir({str(tmp_path / 'sprung')!r})")
    text = said(ModelRefusedError, folder)
    assert "custom.Pooling" in text
    assert "never runs" in text
    assert not (tmp_path / "sprung").exists()


def test_a_transformer_that_is_the_models_own_code_is_never_run(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.C", "AutoModel": "mine.M"}}
    models.write(folder / "config.json", config)
    (folder / "mine.py").write_text(f"import os; os.mkdir({str(tmp_path / 'sprung')!r})")
    assert "auto_map" in said(ModelRefusedError, folder)
    assert not (tmp_path / "sprung").exists()


def test_an_unknown_architecture(folder):
    config = json.loads((folder / "config.json").read_text())
    models.write(folder / "config.json", {**config, "model_type": "unheard-of"})
    assert "'unheard-of'" in said(ModelRefusedError, folder)


def test_a_module_outside_the_models_folder(folder):
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["path"] = "../elsewhere"
    models.write(folder / "modules.json", modules)
    assert "leads out of it" in said(ModelRefusedError, folder)


def test_an_adapter(folder):
    models.write(folder / "adapter_config.json", {})
    assert "adapter" in said(ModelRefusedError, folder)


def test_more_dimensions_than_there_are(folder):
    text = said(EncoderError, folder, truncate_dim=999)
    assert "999" in text
    assert "48" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "onnx"}, "torch, openvino"),
        ({"precision": "float64"}, "float32, bfloat16"),
        ({"backend": "torch", "precision": "int8"}, "nothing here runs torch int8"),
        ({"device": "tpu"}, "tpu"),
        ({"device": "tpu"}, "use `device='cpu'`"),
    ],
)
def test_ways_that_do_not_exist(folder, options, words):
    with pytest.raises(EncoderError) as caught:
        Encoder.load(folder, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


SMALL_FILES = 20_000


@pytest.mark.long
def test_no_room_for_the_converted_model(folder, tmp_path):
    """A limit on the size of files is met as a full disk is: a write fails in the middle."""
    program = (
        "import sys; from encoder import Encoder; Encoder.load(sys.argv[1], backend='openvino')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env={**os.environ, "TANDEM_HOME": str(tmp_path / "home")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_FILES, SMALL_FILES)),
        capture_output=True,
        text=True,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "EncoderError" in last
    assert str(tmp_path / "home") in last
    assert "`backend='torch'`" in last


def test_a_home_that_is_a_file(folder, tmp_path, monkeypatch):
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    with pytest.raises(EncoderError, match="TANDEM_HOME"):
        Encoder.load(folder, backend="openvino")
    # Unasked, what needs no room is taken.
    assert Encoder.load(folder).choice.taken.backend == "torch"
