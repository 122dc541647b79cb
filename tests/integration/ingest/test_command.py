"""`tandem ingest` as people type it, with the real encoder."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.loads import ROOT, documents, stored, write_jsonl

MODEL = ("--model", "sentence-transformers/all-MiniLM-L6-v2")


@pytest.fixture
def tandem(opensearch_server):
    """Runs `tandem ingest` on the tests' node; gives exit code, standard output and error.

    The node is found as the embedded one that it is, never by --url: an engine that it lacks would
    end it, and must be refused.
    """

    def run(*words, stdin=""):
        done = subprocess.run(
            command(*words),
            cwd=ROOT,
            env=opensearch_server.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


def command(*words):
    return [sys.executable, "-m", "tandem", "ingest", *MODEL, *map(str, words)]


def test_files_in_and_the_promised_json_out(tandem, opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(20))
    code, out, _ = tandem(source, "--index", index_name, "--json")
    found = json.loads(out)
    assert code == 0
    assert (
        found.items()
        >= {"read": 20, "written": 20, "skipped": 0, "rejected": 0, "index": index_name}.items()
    )
    assert found["seconds"] > 0
    assert found["docs_per_second"] > 0
    code, out, _ = tandem("-", "--index", index_name, stdin=source.read_text())
    assert code == 0
    assert "0 written, 20 unchanged" in " ".join(out.split())


def test_rejected_documents_make_exit_code_3(tandem, opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [*documents(3), {"id": "x"}])
    code, out, _ = tandem(source, "--index", index_name)
    assert code == 3
    assert "3 written, 0 unchanged, 1 rejected" in " ".join(out.split())
    assert "a.jsonl.rejects" in "".join(out.split())


def test_a_dry_run_shows_passages_and_mapping_and_touches_nothing(
    tandem, opensearch, index_name, tmp_path
):
    source = write_jsonl(tmp_path / "a.jsonl", documents(5))
    words = (source, "--index", index_name, "--dry-run", "--template", "{title}: {text}")
    code, out, _ = tandem(*words)
    assert code == 0
    assert "{title}: {text}" in out
    assert "Title 2: Document number 2" in " ".join(out.split())
    assert "Document number 3" not in out
    assert '"dimension": 384' in out
    code, out, _ = tandem(*words, "--json")
    found = json.loads(out)
    assert [each["id"] for each in found["passages"]] == ["d0", "d1", "d2"]
    assert all(5 < each["tokens"] < 40 for each in found["passages"])
    assert found["body"]["mappings"]["properties"]["vector"]["dimension"] == 384
    assert not opensearch.client.indices.exists(index=index_name)
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--index NAME or --alias NAME"),
        (("--index", "a", "--alias", "b"), 2, "--index NAME or --alias NAME"),
        (("--index", "a", "--keep", "1"), 2, "--keep is for --alias"),
        (("--index", "a", "--max-rejects", "many"), 2, "neither a number nor a share"),
        (("--index", "a", "--format", "docx"), 2, "docx"),
        (("--index", "A*"), 1, "no name of one index"),
        (("--index", "x", "--engine", "faiss"), 1, "--engine lucene"),
        (("--index", "x", "--template", "none"), 1, "{text}"),
    ],
)
def test_wrong_use_is_one_sentence_with_the_cure(tandem, tmp_path, words, code, said):
    source = write_jsonl(tmp_path / "a.jsonl", documents(1))
    found, _, err = tandem(source, *words)
    assert found == code
    assert said in err


def test_prune_asks_unless_told_and_never_on_the_source(tandem, opensearch, index_name, tmp_path):
    many = write_jsonl(tmp_path / "many.jsonl", documents(6))
    few = write_jsonl(tmp_path / "few.jsonl", documents(4))
    tandem(many, "--index", index_name)
    code, _, err = tandem("-", "--index", index_name, "--prune", stdin=few.read_text())
    assert code == 2
    assert "--yes" in err
    _, _, err = tandem(few, "--index", index_name, "--prune", stdin="n\n")
    assert "Remove 2 passages" in err
    assert len(stored(opensearch, index_name)) == 6
    code, out, _ = tandem(few, "--index", index_name, "--prune", "--yes", "--json")
    assert json.loads(out)["passages"]["pruned"] == 2
    assert len(stored(opensearch, index_name)) == 4


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_prints_the_tally_and_exits_130(
    opensearch_server, opensearch, index_name, tmp_path, sign
):
    source = write_jsonl(tmp_path / "a.jsonl", documents(20_000))
    process = subprocess.Popen(
        command(source, "--index", index_name, "--json"),
        cwd=ROOT,
        env=opensearch_server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not opensearch.client.indices.exists(index=index_name):
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(sign)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    found = json.loads(out)
    assert found["read"] == found["written"] + found["skipped"] + found["rejected"]
    assert len(stored(opensearch, index_name)) == found["written"]
    refresh = opensearch.client.indices.get_settings(index=index_name)[index_name]["settings"]
    assert "refresh_interval" not in refresh["index"]
