"""From a name to a folder: folders, the package that carries a model, the hub's cache."""

import json
import os
import subprocess
import sys

import pytest

from encoder import ModelNotFoundError
from encoder.model.locate import canonical, locate
from tests.support import models

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROGRAM = """
import json, sys
from encoder import Encoder
encoder = Encoder.load(sys.argv[1], backend="torch", precision="float32")
print(json.dumps([encoder.name, encoder.fingerprint]))
"""


def in_process(name, hub):
    """Load a model where the hub cannot be reached and its cache lies in `hub`."""
    variables = {**os.environ, "HF_HOME": str(hub), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, name], env=variables, capture_output=True, text=True
    )


@pytest.fixture(params=["safetensors", "pickle"])
def cached(request, tmp_path):
    """A hub's cache that holds tiny/model, as huggingface_hub lays it out."""
    import torch
    from safetensors.torch import load_file

    repository = tmp_path / "hub" / "models--tiny--model"
    folder = models.old_layout(repository / "snapshots" / COMMIT, "bert")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    if request.param == "pickle":
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    return tmp_path


def test_a_model_in_the_hubs_cache_needs_no_network(cached):
    done = in_process("tiny/model", cached)
    assert done.returncode == 0, done.stderr
    name, fingerprint = json.loads(done.stdout.splitlines()[-1])
    assert name == "tiny/model"
    assert len(fingerprint) == 32


def test_another_name_is_told_with_what_was_tried(cached):
    done = in_process("tiny/other", cached)
    last = done.stderr.strip().splitlines()[-1]
    assert "ModelNotFoundError: the model tiny/other is not on this machine" in last
    assert "the hub's cache and the hub" in last


def test_the_package_that_carries_a_model_comes_before_the_hub(minilm):
    assert str(locate("sentence-transformers/all-MiniLM-L6-v2")) == minilm
    assert str(locate("all-MiniLM-L6-v2")) == minilm


def test_a_folder_is_recorded_by_its_whole_path(tmp_path, monkeypatch):
    models.transformer(tmp_path / "mine", "bert")
    monkeypatch.chdir(tmp_path)
    assert canonical("mine") == canonical("./mine") == str((tmp_path / "mine").resolve())
    assert locate("./mine") == (tmp_path / "mine").resolve()
    with pytest.raises(ModelNotFoundError, match="check the path"):
        locate("./other")
    with pytest.raises(ModelNotFoundError, match="check the path"):
        locate("a/b/c")
