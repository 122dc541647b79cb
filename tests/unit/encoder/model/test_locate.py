"""From a name to a folder: folders, the package that carries a model, the hub's cache."""

import json
import os
import subprocess
import sys

import pytest

from encoder import ModelNotFoundError
from encoder.diagnosis import diagnose
from encoder.model.locate import canonical, locate
from tandem.base.process import pace
from tests.servers.wrong import Reply, answering, drops
from tests.support import models

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROGRAM = """
import json, sys
from encoder import Encoder, EncoderError
found = {}
for name in sys.argv[1:]:
    try:
        encoder = Encoder.load(name, backend="torch", precision="float32")
        found[name] = [encoder.name, encoder.fingerprint]
    except EncoderError as error:
        found[name] = [type(error).__name__, str(error)]
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    "name", ["https://u:hush@hub/a/b?hush", "u:hush@hub/b", "./u:a/hush@hub", "https://h/b#hush"]
)
def test_a_url_that_is_given_for_a_name_is_told_without_its_secrets(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelNotFoundError) as told:
        locate(name)
    rows = dict(row[:2] for row in diagnose(name, lambda step: None) if row[0] == "model")
    assert "hush" not in f"{told.value} {rows['model']}"


def test_a_user_without_a_home_is_told_where_the_hubs_cache_can_be(tmp_path):
    variables = {**os.environ, "HF_HOME": "~nobody-of-this-name/hub", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "tiny/model"], env=variables, capture_output=True, text=True
    )
    said = "no home folder, and so no place for the hub's cache; set HF_HOME or HOME to a folder"
    assert said in done.stdout.splitlines()[-1]


def cached(hub, name):
    """The folder of a model in a hub's cache, as huggingface_hub lays it out."""
    repository = hub / "hub" / f"models--{name.replace('/', '--')}"
    folder = models.old_layout(repository / "snapshots" / COMMIT, "bert")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return folder


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each name is in a process that has a cache and cannot reach the hub."""
    import torch
    from safetensors.torch import load_file

    hub = tmp_path_factory.mktemp("cache")
    cached(hub, "tiny/model")
    folder = cached(hub, "tiny/pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    names = ["tiny/model", "tiny/pickled", "tiny/other"]
    variables = {**os.environ, "HF_HOME": str(hub), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names], env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("asked", ["tiny/model", "tiny/pickled"])
def test_a_model_in_the_hubs_cache_needs_no_network(found, asked):
    name, fingerprint = found[asked]
    assert name == asked
    assert len(fingerprint) == 32


def test_another_name_is_told_with_what_was_tried(found):
    kind, said = found["tiny/other"]
    assert kind == "ModelNotFoundError"
    assert "the model tiny/other is not on this machine" in said
    assert "the hub's cache and the hub" in said


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


COMMIT_OF_IT = {
    "id": "tiny/model",
    "sha": COMMIT,
    "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}],
}
HEAD = (
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b'content-length: 60000\r\netag: "e"\r\nx-repo-commit: ' + COMMIT.encode() + b"\r\n\r\n"
)


def hub_that_drips_files(asked):
    if "/resolve/" not in asked.path:
        files = [
            {"type": "file", "path": each["rfilename"], "size": 60000, "oid": "e"}
            for each in COMMIT_OF_IT["siblings"]
        ]
        return Reply(files if "/tree/" in asked.path else COMMIT_OF_IT)
    return Reply(iter([HEAD]) if asked.method == "HEAD" else drops(HEAD), raw=True)


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (lambda asked: Reply(drops(b"HTTP/1.1 200 OK\r\nx: "), raw=True), 1.5),
        pytest.param(lambda asked: Reply(drops(HEAD), raw=True), 5, marks=pytest.mark.long),
        pytest.param(hub_that_drips_files, 8, marks=pytest.mark.long),
    ],
    ids=["head", "what a model has", "files"],
)
def test_a_hub_that_drips_is_given_up(tmp_path, monkeypatch, reply, seconds):
    monkeypatch.setattr(pace, "PACE_SECONDS", seconds)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("encoder.model.hub._TRIES", 1 if seconds < 2 else 2)
    with answering(reply) as (url, seen):
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(ModelNotFoundError, match=r"are no download") as caught:
            locate("tiny/model")
    assert "\n" not in str(caught.value)
    if seconds > 6:
        assert sum(each.method == "GET" and "/resolve/" in each.path for each in seen) >= 2
        assert not list(tmp_path.rglob("*.incomplete"))


def test_what_a_hub_says_reaches_no_terminal_raw(tmp_path):
    evil = b"\x1b]0;owned\x07"
    reply = Reply([], status=404, headers={"X-HF-Warning": f"topic; {evil.decode()}"})
    code = "import sys; from encoder.model.locate import locate; locate(sys.argv[1])"
    with answering(lambda asked: reply) as (url, _):
        variables = {**os.environ, "HF_HOME": str(tmp_path), "HF_ENDPOINT": url}
        done = subprocess.run(
            [sys.executable, "-c", code, "tiny/model"], env=variables, capture_output=True
        )
    assert evil not in done.stderr
    assert b"\\u001b]0;owned" in done.stderr
