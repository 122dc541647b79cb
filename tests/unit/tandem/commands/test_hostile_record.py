"""An index whose record says anything, before every command that reads it: it opens nothing.

As a program of its own, `python -m tests.unit.tandem.commands.test_hostile_record EXAMPLES`, with
HF_HOME a folder of its own and HF_ENDPOINT a server that nobody may ask: prints as JSON what was
touched, how often each command refused, and what was taken for a defect.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tandem.cli import cli
from tests.servers.wrong import Reply, answering
from tests.support.commands import ROOT
from tests.unit.ingest.index.test_wrong_shapes import BAIT, NAME, Answers, metas, one

# What changes a disk, or reaches another machine.
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "os.rmdir")
LISTENING, TOUCHED, SERVER = [False], set(), [0]
# Of the folders that a command is told to write into.
OWN = str(Path(tempfile.gettempdir()) / "own-")


def listen(event, words):
    if not LISTENING[0] or "__pycache__" in str(words):
        return
    if str(words[0]).startswith(OWN):
        return
    if event in CHANGES:
        TOUCHED.add(f"{event} {words[0]!r}")
    elif event == "open" and (BAIT in str(words[0]) or written(words)):
        # Looked for among what this machine has, by a plain name.
        inside = str(words[0]).startswith(os.environ["HF_HOME"]) and not written(words)
        if not inside and words[0] != os.devnull:
            TOUCHED.add(f"open {words[0]!r} {words[1]}")
    elif event == "socket.connect" and words[1][:2] != ("127.0.0.1", SERVER[0]):
        TOUCHED.add(f"connect {words[1]}")
    elif event == "socket.getaddrinfo" and words[0] not in ("127.0.0.1", "localhost", None):
        TOUCHED.add(f"getaddrinfo {words[0]}")


def written(words):
    mode = words[1]
    if mode is None:
        return bool(words[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return any(letter in mode for letter in "wax+")


def commands(folder, url):
    """Command -> its words; all must end, and none may be given a model."""
    docs, queries, qrels = (folder / name for name in ("a.jsonl", "q.tsv", "qrels.txt"))
    docs.write_text('{"id": "1", "text": "The cat sleeps."}\n')
    queries.write_text("1\tthe cat\n")
    qrels.write_text("1 0 1 1\n")
    judged = ["--index", NAME, "--queries", queries, "--qrels", qrels]
    port = url.rpartition(":")[2]  # is taken: a service that came so far would end there
    return {
        "search": ["search", "cats", "--index", NAME],
        "ingest": ["ingest", docs, "--index", NAME, "--dry-run"],
        "evaluate": ["evaluate", *judged],
        "tune": ["tune", *judged],
        "mine": ["mine", *judged, "--out", folder / "mined", "--no-judge"],
        "serve": ["serve", "--index", NAME, "--port", port],
        "enrich": ["enrich", NAME, "--text-field", "text", "--dry-run"],
        "doctor": ["doctor", "--index", NAME],
        "show": ["index", "show", NAME],
    }


def outcome(words):
    """(exit code, what was said) of a command in this process."""
    said = io.StringIO()
    LISTENING[0] = True
    try:
        with redirect_stdout(said), redirect_stderr(said):
            code = cli.main([*map(str, words)], "tandem", standalone_mode=False)
    except Exception as error:
        return 2, repr(error)
    finally:
        LISTENING[0] = False
    return code, said.getvalue()


def is_heard():
    """Whether the listener hears what it is there for."""
    LISTENING[0] = True
    with suppress(OSError):
        Path(f"/tmp/{BAIT}").read_bytes()
    LISTENING[0] = False
    heard = bool(TOUCHED)
    TOUCHED.clear()
    return heard


def main(examples):
    answers, refused, defects = Answers(), Counter(), []
    sys.addaudithook(listen)
    assert is_heard()
    with (
        tempfile.TemporaryDirectory(prefix=Path(OWN).name) as folder,
        answering(answers) as (url, _),
    ):
        SERVER[0] = int(url.rpartition(":")[2])
        words = commands(Path(folder), url)

        @given(meta=metas().filter(lambda meta: bool(meta.get("tandem"))))
        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=HealthCheck
        )
        def run(meta):
            made = one()
            made["mappings"]["_meta"] = json.loads(json.dumps(meta))
            answers.found = {NAME: made}
            for name, each in words.items():
                code, said = outcome([*each, "--url", url])
                refused[name] += bool(code)
                if "is a defect" in said or code == 2:
                    defects.append(f"{name}: {said}")

        run()
    json.dump({"touched": sorted(TOUCHED), "refused": refused, "defects": defects}, sys.stdout)


@pytest.mark.long
def test_nothing_that_a_record_names_is_opened_made_or_asked_for(tmp_path):
    hub = tmp_path / "hub"
    (hub / "hub" / "models--somebody--some-model").mkdir(parents=True)
    before = sorted(hub.rglob("*"))
    with answering(lambda asked: Reply({}, 404)) as (url, asked):
        done = subprocess.run(
            [sys.executable, "-m", "tests.unit.tandem.commands.test_hostile_record", "60"],
            cwd=ROOT,
            env={
                **os.environ,
                "HF_HOME": str(hub),
                "HF_ENDPOINT": url,
                "TANDEM_HOME": str(tmp_path),
            },
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["touched"], told["defects"], asked) == ([], [], [])
    assert sorted(hub.rglob("*")) == before
    assert min(told["refused"].values()) > 20, told["refused"]


if __name__ == "__main__":
    main(int(sys.argv[1]))
