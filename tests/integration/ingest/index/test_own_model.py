"""A load without --model goes on with the model, and its settings, that the index remembers."""

import json

import pytest

from tests.support.commands import tandem
from tests.support.loads import documents, write_jsonl

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
# The same everywhere, since each fingerprint is measured once on a machine.
FIRST = ("--model", MINILM, "--truncate-dim", "128", "--passage-prompt", "passage: ")


@pytest.fixture
def ingest(opensearch, tmp_path):
    """Runs `tandem ingest` of three documents on the tests' node; gives the object of --json."""
    source = write_jsonl(tmp_path / "a.jsonl", documents(3))

    def run(*words, **environ):
        done = tandem(
            "ingest", source, *words, "--json", TANDEM_URL=opensearch.url, HF_HUB_OFFLINE="1"
        )
        assert done.code == 0, done.err
        return json.loads(done.out)

    return run


def test_the_same_command_without_the_model_changes_nothing(ingest, index_name):
    assert ingest("--index", index_name, *FIRST)["written"] == 3
    assert ingest("--index", index_name)["skipped"] == 3
    assert ingest("--index", index_name, "--dry-run")["body"] is None


def test_an_alias_goes_on_with_the_model_of_its_live_index(ingest, opensearch, index_name):
    ingest("--alias", index_name, *FIRST)
    assert ingest("--index", index_name)["skipped"] == 3
    ingest("--alias", index_name)
    ((_, found),) = opensearch.client.indices.get(index=index_name).items()
    encoder = found["mappings"]["_meta"]["tandem"]["encoder"]
    assert (encoder["model"], encoder["dimension"]) == (MINILM, 128)


def test_what_is_given_beside_it_counts(opensearch, index_name, ingest, tmp_path):
    ingest("--index", index_name, *FIRST)
    words = ("ingest", tmp_path / "a.jsonl", "--index", index_name, "--device", "none")
    done = tandem(*words, TANDEM_URL=opensearch.url)
    assert (done.code, "none" in done.err) == (1, True)


def test_a_new_index_takes_the_default_model(opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(1))
    words = ("ingest", source, "--index", index_name, "--dry-run", "--json")
    done = tandem(*words, TANDEM_URL=opensearch.url, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert done.code == 1
    assert "sentence-transformers/msmarco-distilbert-base-v3 is not on this machine" in done.err
