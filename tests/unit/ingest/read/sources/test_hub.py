"""Sources on a hub: Hugging Face's own client against the answers that a hub gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.servers.stores.web import WebServer
from tests.unit.ingest.read.sources.test_remote import DOCUMENTS, LINES

ROOT = Path(__file__).parents[5]
ABOUT = {"id": "someone/books", "sha": "a" * 40, "siblings": []}
TREE = [{"type": "file", "path": "a.jsonl", "size": len(LINES), "oid": "b" * 40}]
API = "/api/datasets/someone/books"
ANSWERS = {
    API: json.dumps(ABOUT).encode(),
    f"{API}/tree/main": json.dumps(TREE).encode(),
    "/datasets/someone/books/resolve/main/a.jsonl": LINES,
}
# The client learns where its hub is when it is imported.
PROGRAM = """
import sys
from ingest import Reading, SourceError
from ingest.read.rows import Rows
for address in sys.argv[1:]:
    try:
        print(len(list(Rows(address, Reading()))))
    except SourceError as error:
        print(error)
"""


def test_files_patterns_and_folders_are_read_with_the_token_of_its_own_chain():
    books = "hf://datasets/someone/books"
    named = [f"{books}/a.jsonl", f"{books}/*.jsonl", books, "hf://datasets/someone/none/a.jsonl"]
    with WebServer(ANSWERS) as hub:
        environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_hush"}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *named],
            cwd=ROOT,
            env=environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert any(said == "Bearer hf_hush" for *_, said in hub.asked)
    *counts, missing = done.stdout.splitlines()
    assert counts == [str(len(DOCUMENTS))] * 3, done.stderr
    assert missing.startswith("hf://datasets/someone/none/a.jsonl cannot be read")
    assert missing.endswith("its token (HF_TOKEN).")
    assert "hf_hush" not in done.stdout + done.stderr
