"""The node changes and deletes only below a folder that Tandem marked as its own."""

import tempfile
from pathlib import Path

import pytest

from cluster import EmbeddedNode, Home, NodeError
from cluster.node.home import MARK, claim
from tests.support.commands import tandem


def files_below(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def foreign():
    """A project of somebody's that has a folder `node` as Tandem's home has; all may enter it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield filled(Path(name))


def filled(tmp_path):
    for name in ("node/data/precious", "node/config/app.yml", "node/tmp/x", "node/state.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return tmp_path


@pytest.mark.parametrize("words", [("reset", "--yes"), ("start",), ("stop",)])
def test_a_folder_of_others_is_refused_and_stays_as_it_is(foreign, words):
    before = files_below(foreign)
    done = tandem("node", *words, TANDEM_HOME=str(foreign))
    assert done.code == 1
    assert "holds files that Tandem did not put there (config)" in done.err
    assert "TANDEM_HOME" in done.err
    assert files_below(foreign) == before


def test_a_new_or_empty_folder_is_marked(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new" / "node", tmp_path / "empty"):
        claim(folder)
        (folder / "data").mkdir()
        claim(folder)
        assert (folder / MARK).is_file()


def test_a_folder_of_an_earlier_version_is_known_by_its_configuration(tmp_path):
    folder = tmp_path / "node"
    (folder / "config").mkdir(parents=True)
    (folder / "data").mkdir()
    config = folder / "config" / "opensearch.yml"
    config.write_text('cluster.name: "production"\n')
    with pytest.raises(NodeError, match="did not put there"):
        EmbeddedNode(Home(tmp_path)).reset()
    assert (folder / "data").is_dir()
    config.write_text('cluster.name: "tandem"\nnode.name: "tandem"\n')
    EmbeddedNode(Home(tmp_path)).reset()
    assert not (folder / "data").exists()


@pytest.mark.parametrize("change", [EmbeddedNode.start, EmbeddedNode.reset])
@pytest.mark.parametrize("name", ["data", "logs", "config", "tmp", "lock"])
def test_what_is_elsewhere_by_a_link_stays_as_it_is(foreign, change, name):
    home = Home(foreign / "home")
    claim(home.node)
    target = foreign / "node" / ("state.json" if name == "lock" else "data")
    target.chmod(0o755)
    (home.node / name).symlink_to(target)

    def whole():
        found = sorted((foreign / "node").rglob("*"))
        return files_below(foreign / "node"), [
            (p, p.stat().st_mode, p.stat().st_uid) for p in found
        ]

    before = whole()
    with pytest.raises(NodeError, match=rf"node/{name} is a link to {target}, and"):
        change(EmbeddedNode(home))
    assert whole() == before


@pytest.mark.parametrize("kind", ["nothing", "a file", "a link that leads nowhere"])
def test_a_reset_says_that_it_deleted_what_it_deleted(tmp_path, kind):
    home = Home(tmp_path)
    if kind == "a file":
        home.node.write_text("mine")
    elif kind != "nothing":
        home.node.symlink_to(tmp_path / "nowhere")
    assert not EmbeddedNode(home).reset()
    (tmp_path / "other").mkdir()
    claim(Home(tmp_path / "other").node)
    Home(tmp_path / "other").node.joinpath("data").mkdir()
    assert EmbeddedNode(Home(tmp_path / "other")).reset()
