"""`tandem ingest` as people type it, with the real encoder."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from ingest.index.open import create_index
from mappings import Shape
from tests.servers.flaky import FlakyProxy
from tests.support.commands.forking import run_tandem
from tests.support.loads import ROOT, documents, stored, write_jsonl
from tests.support.stubs import StubEncoder

MODEL = ("--model", "sentence-transformers/all-MiniLM-L6-v2")


@pytest.fixture
def tandem(opensearch_server):
    """Runs `tandem ingest` on the tests' node; gives exit code, standard output and error.

    The node is found as the embedded one that it is, never by --url: an engine that it lacks would
    end it, and must be refused.
    """

    def run(*words, stdin=""):
        done = run_tandem(
            ["ingest", *MODEL, *words],
            env=opensearch_server.environment,
            input=stdin,
            timeout=900,
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


def test_rejected_documents_make_exit_code_3_and_the_same_command_the_same_sources(
    tandem, opensearch, index_name, tmp_path
):
    write_jsonl(tmp_path / "corpus.jsonl", [*documents(3), {"id": "x"}, {"id": "y"}])
    for source, written, unchanged in [
        (tmp_path, 3, 0),
        (tmp_path, 0, 3),
        (f"{tmp_path}/*.jsonl*", 0, 3),
    ]:
        code, out, _ = tandem(source, "--index", index_name)
        assert code == 3
        out = " ".join(out.split())
        assert f"{written} written, {unchanged} unchanged, 2 rejected" in out
        assert "2 rejected: no text (looked for" in out
        assert "the index holds 3 passages, each with its vector" in out
        assert str(tmp_path / "corpus.jsonl.rejects") in out


def test_a_dry_run_shows_passages_and_mapping_and_touches_nothing(
    tandem, opensearch, index_name, tmp_path
):
    rows = [{**each, "emb": [0.25] * 300} for each in documents(5)]
    source = write_jsonl(tmp_path / "a.jsonl", rows)
    words = (source, "--index", index_name, "--dry-run", "--template", "{title}: {text}")
    code, out, _ = tandem(*words)
    assert code == 0
    assert "0.25" not in out
    assert "{title}: {text}" in out
    assert "Title 2: Document number 2" in " ".join(out.split())
    assert "Document number 3" not in out
    assert '"dimension": 384' in out
    code, out, _ = tandem(*words, "--json")
    found = json.loads(out)
    assert [each["id"] for each in found["passages"]] == ["d0", "d1", "d2"]
    assert (found["types"]["emb"], "0.25" in out) == ("unindexed", False)
    assert found["passages"][0]["stored"]["emb"] == "300 numbers"
    assert all(5 < each["tokens"] < 40 for each in found["passages"])
    assert found["body"]["mappings"]["properties"]["vector"]["dimension"] == 384
    assert found["template"] == "{title}: {text}"
    assert not opensearch.client.indices.exists(index=index_name)
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl"]


def test_a_dry_run_looks_at_the_index_that_is_there(tandem, opensearch, index_name, tmp_path):
    create_index(opensearch, index_name, StubEncoder(), shape=Shape())
    source = write_jsonl(tmp_path / "a.jsonl", [{"id": 1, "name": "N", "a": "A.", "b": "B."}])
    code, _, err = tandem(source, "--index", index_name, "--dry-run")
    assert code == 1
    assert "was encoded by stub" in err
    opensearch.client.indices.delete(index=index_name)
    words = ("--title-field", "name", "--text-field", "a", "--text-field", "b", "--json")
    tandem(source, "--index", index_name, *words)
    code, out, _ = tandem(source, "--index", index_name, "--dry-run", *words)
    found = json.loads(out)
    assert (found["index"], found["body"]) == (index_name, None)
    assert found["template"] == "{name}\n{a}\n{b}"
    assert found["passages"][0]["encoded"] == "N\nA.\nB."
    code, out, _ = tandem(source, "--alias", f"{index_name}-a", "--dry-run", *words)
    assert json.loads(out)["index"].startswith(f"{index_name}-a-2")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--index NAME or --alias NAME"),
        (("--index", "a", "--alias", "b"), 2, "--index NAME or --alias NAME"),
        (("--index", "a", "--keep", "1"), 2, "--keep is for --alias"),
        (("--index", "a", "--max-rejects", "many"), 2, "neither a number nor a share"),
        (("--index", "a", "--format", "docx"), 2, "docx"),
        (("--index", "a*"), 2, "'a*' cannot be the name of an index: it has '*' in it"),
        (("--index", "Books"), 1, "an index has no capitals: write 'books'"),
        (("--index", "x", "--engine", "faiss"), 1, "--engine lucene"),
        (("--index", "x", "--template", "none"), 2, "{text}"),
        (("--index", "x", "--rejects", "/no/such/folder/r"), 1, "there is no folder /no/such"),
    ],
)
def test_wrong_use_is_one_sentence_with_the_cure(tandem, tmp_path, words, code, said):
    source = write_jsonl(tmp_path / "a.jsonl", documents(1))
    found, _, err = tandem(source, *words)
    assert found == code
    assert said in err


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("missing.jsonl", None, "there is no file"),
        ("a.csv", b"a,b\n1,2\n", "--text-field"),
        ("a", b"hello", "--format"),
        ("a.jsonl", b"\xff\xfe{", "not in utf-16"),
    ],
)
def test_a_wrong_source_is_told_before_a_cluster_is_looked_for(tandem, tmp_path, name, data, said):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    nowhere = ("--url", "http://127.0.0.1:1")
    for more in ((), ("--dry-run",)):
        code, out, err = tandem(tmp_path / name, "--index", "x", *nowhere, *more)
        assert (code, out) == (1, "")
        assert said in err
        assert len(err.splitlines()) == 1


def test_rejects_into_a_device(tandem, opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [*documents(1), {"id": "x"}])
    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    code, _, _ = tandem(source, "--index", index_name, "--rejects", null)
    assert code == 3
    assert null.is_symlink()


def test_standard_input_of_an_unknown_format(tandem, opensearch, index_name):
    code, _, err = tandem("-", "--index", index_name, stdin="hello")
    assert code == 1
    assert "the format of stdin is not known" in err


def test_prune_asks_unless_told_and_never_on_the_source(tandem, opensearch, index_name, tmp_path):
    many = write_jsonl(tmp_path / "many.jsonl", documents(6))
    few = write_jsonl(tmp_path / "few.jsonl", documents(4))
    tandem(many, "--index", index_name)
    code, _, err = tandem("-", "--index", index_name, "--prune", stdin=few.read_text())
    assert code == 2
    assert "--yes" in err
    assert len(stored(opensearch, index_name)) == 6
    code, out, _ = tandem(few, "--index", index_name, "--prune", "--yes", "--json")
    assert json.loads(out)["passages"]["pruned"] == 2
    assert len(stored(opensearch, index_name)) == 4


def on_a_terminal(environment, *words, answers=()):
    """Run `tandem ingest` on a terminal of 80 columns; (question, answer) are given as they come.

    Gives the exit code and what was shown, without the codes that move the cursor.
    """
    pid, terminal = pty.fork()
    if pid == 0:  # the child
        os.chdir(ROOT)
        os.execvpe(sys.executable, command(*words), environment | {"COLUMNS": "80"})
    shown, waiting = b"", list(answers)
    deadline = time.monotonic() + 600  # of what hangs
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1.0)
        try:
            if ready:
                shown += os.read(terminal, 65536)
        except OSError:  # the child has ended
            break
        if waiting and waiting[0][0].encode() in shown:
            os.write(terminal, waiting.pop(0)[1].encode())
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert not waiting, f"never asked: {waiting}"
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    return os.waitstatus_to_exitcode(status), plain.replace("\r", "\n")


@pytest.mark.long
def test_the_bar_on_a_terminal_tells_what_is_going_on(
    opensearch_server, opensearch, index_name, tmp_path
):
    # Long enough for a fast machine to guess how much is left, which takes some seconds.
    source = write_jsonl(
        tmp_path / "a.jsonl", ({**d, "text": d["text"] * 12} for d in documents(3000))
    )
    code, shown = on_a_terminal(opensearch_server.environment, source, "--index", index_name)
    assert code == 0
    for what in (
        r"\d+ documents, [\d.,]+/s, \d+%, \d+ (s|min) left",
        r"0 rejected, 0 retries, slowest: \w+",
        "counting what is stored",
        "3,000 documents read: 3,000 written",
    ):
        assert re.search(what, shown), what
    # What is promised is what is stored, not what is read ahead.
    seen = re.findall(r"([\d,]+) documents, [\d.,]+/s, (\d+)%", shown)
    for count, share in seen:
        assert int(share) == pytest.approx(int(count.replace(",", "")) / 30, abs=3)
    assert len({count for count, _ in seen}) > 3


def test_prune_asks_on_a_terminal_where_the_bar_was(
    opensearch_server, opensearch, index_name, tmp_path
):
    many = write_jsonl(tmp_path / "many.jsonl", documents(6))
    few = write_jsonl(tmp_path / "few.jsonl", documents(4))
    environment = opensearch_server.environment
    on_a_terminal(environment, many, "--index", index_name)
    words = (few, "--index", index_name, "--prune")
    code, shown = on_a_terminal(environment, *words, answers=[("[y/N]:", "n\n")])
    assert code == 0
    assert "Remove 2 passages of documents that the source no longer has (d4, d5" in shown
    assert len(stored(opensearch, index_name)) == 6
    code, shown = on_a_terminal(environment, *words, answers=[("[y/N]:", "y\n")])
    assert "2 passages of documents gone from the source removed" in shown
    assert len(stored(opensearch, index_name)) == 4


def test_prune_without_anybody_to_ask_removes_nothing(tandem, opensearch, index_name, tmp_path):
    tandem(write_jsonl(tmp_path / "many.jsonl", documents(3)), "--index", index_name)
    few = write_jsonl(tmp_path / "few.jsonl", documents(2))
    code, _, err = tandem(few, "--index", index_name, "--prune")
    assert code == 2
    assert "nobody is here to answer: add --yes" in err
    assert len(stored(opensearch, index_name)) == 3


def test_an_alias_is_switched_and_old_indexes_go(tandem, opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(3))
    names = []
    for _ in range(3):
        code, out, _ = tandem(source, "--alias", index_name, "--keep", 1)
        assert code == 0
        assert f"{index_name} now points to {index_name}-2" in out
        names += opensearch.client.indices.get_alias(name=index_name)
    assert len(set(names)) == 3
    assert f"deleted: {names[0]}" in out
    assert sorted(opensearch.client.indices.get(index=f"{index_name}-*")) == names[1:]


def test_a_misspelt_field_of_a_template_is_told_once(tandem, opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(5))
    words = (source, "--index", index_name, "--template", "{titel}: {text}")
    for more in (("--dry-run",), ("--dry-run", "--json"), (), ("--json",)):
        code, out, err = tandem(*words, *more)
        assert code == 0
        assert err.count("Warning: no document has the field 'titel'") == 1
        assert "did you mean {title}?" in err
        if "--json" in more:
            assert len(json.loads(out)["warnings"]) == 1


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
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
        # Who runs these tests may ignore it, as nohup does, and what they start would too.
        preexec_fn=lambda: signal.signal(sign, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 240
        while not opensearch.client.indices.exists(index=index_name):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(2)
        process.send_signal(sign)
        out, err = process.communicate(timeout=900)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    found = json.loads(out)
    assert found["read"] == found["written"] + found["skipped"] + found["rejected"]
    assert len(stored(opensearch, index_name)) == found["written"]
    refresh = opensearch.client.indices.get_settings(index=index_name)[index_name]["settings"]
    assert "refresh_interval" not in refresh["index"]


def test_what_was_sent_again_is_printed(tandem, opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(30))
    with FlakyProxy(opensearch.url, lambda n: 429 if n < 2 else None) as proxy:
        words = (source, "--index", index_name, "--url", proxy.url, "--engine", "lucene")
        code, out, _ = tandem(*words)
    assert code == 0
    assert "2 requests sent again" in out


def test_a_blocked_index_is_one_sentence_and_exit_code_1(tandem, opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(3))
    assert tandem(source, "--index", index_name)[0] == 0
    body = {"index.blocks.read_only": True}
    opensearch.client.indices.put_settings(index=index_name, body=body)
    write_jsonl(source, documents(5))
    code, out, err = tandem(source, "--index", index_name)
    opensearch.client.indices.put_settings(index=index_name, body={"index.blocks.read_only": None})
    assert code == 1
    assert "takes no writes" in err
    assert "PUT /" in err
    assert "5 documents read" not in out
    assert "2 written" in tandem(source, "--index", index_name)[1]


def test_the_demo_needs_no_folder_to_write_into(opensearch_server, tmp_path):
    # Where its rejects would go by themselves, nothing can be written.
    (tmp_path / "corpus.jsonl.rejects").mkdir()
    done = run_tandem(["demo", "--json"], cwd=tmp_path, env=opensearch_server.environment)
    assert (done.returncode, "Error" in done.stderr) == (0, False), done.stderr
    found = json.loads(done.stdout)
    assert found["ingest"]["rejected"] == 0
    assert all(each["rank"]["hybrid"] for each in found["searches"])
    assert [each.name for each in tmp_path.iterdir()] == ["corpus.jsonl.rejects"]
