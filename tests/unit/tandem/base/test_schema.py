"""What came from elsewhere is read into types in one place, by however many threads at once."""

import re
import subprocess
import sys

from tests.support.loads import ROOT

# Each round has a struct that no thread has used before, nested, so that it takes a while.
TOGETHER = """
import sys, threading
import msgspec
from tandem.base.schema import as_type

def read(gate, kind, value):
    gate.wait()
    assert as_type(value, kind).parts[0].name == "n"

sys.setswitchinterval(1e-6)
for _ in range(200):
    part = msgspec.defstruct("Part", [("number", int), ("name", str)])
    whole = msgspec.defstruct("Whole", [("part", part), ("parts", list[part])])
    one = {"number": 1, "name": "n"}
    gate = threading.Barrier(4)
    asked = (gate, whole, {"part": one, "parts": [one]})
    threads = [threading.Thread(target=read, args=asked) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
"""


def test_the_first_use_of_a_type_by_several_threads():
    """Without the lock it ends by SIGSEGV in its first rounds."""
    done = subprocess.run([sys.executable, "-c", TOGETHER], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_is_read_into_a_type_elsewhere():
    elsewhere = re.compile(r"msgspec\.convert\(|decode\([^\n]*type=|Decoder\(\w")
    rooms = ("cluster", "encoder", "evaluation", "ingest", "mappings", "query", "tandem")
    found = [
        str(file.relative_to(ROOT))
        for room in rooms
        for file in (ROOT / room).rglob("*.py")
        if elsewhere.search(file.read_text("utf-8"))
    ]
    assert found == ["tandem/base/schema.py"]
