"""Which ids were seen, and where first."""

from ingest.records import Origin
from ingest.run.deduplicate import Seen, key_of
from tests.support.commands import python


def test_seen_tells_the_first_place_of_an_id():
    seen = Seen()
    assert seen.add("a", Origin("one", 3)) is None
    assert seen.add("b", Origin("two", 4)) is None
    assert seen.add("a", Origin("two", 5)) == Origin("one", 3)
    assert seen.add("b", Origin("one", 6)) == Origin("two", 4)
    assert "a" in seen
    # The id of a refused document is in the source, and still to be had by a good one.
    seen.note("d")
    seen.note("a")
    assert "d" in seen
    assert seen.add("d", Origin("two", 7)) is None
    assert seen.add("d", Origin("two", 8)) == Origin("two", 7)
    assert seen.add("a", Origin("two", 9)) == Origin("one", 3)
    assert "c" not in seen
    seen.close()


def test_ids_that_follow_one_another_lie_together():
    keys = [[key_of(f"d{hundred}{n:02}") for n in range(100)] for hundred in range(200)]
    assert all(len({key >> 48 for key in near}) == 1 for near in keys)
    assert len({key >> 48 for near in keys for key in near}) > 190
    assert len({key for near in keys for key in near}) == 20_000
    assert len({key_of(name) for name in ("", "a", "ab", "ba", "abc", "é")}) == 6


LIMITED = """
import resource
from ingest import IngestError
from ingest.records import Origin
from ingest.run.deduplicate import Seen

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
seen = Seen()
try:
    for n in range(500_000):
        seen.add(str(n), Origin("f", n))
except IngestError as error:
    print(error)
"""


def test_a_temporary_folder_that_is_full_is_one_sentence():
    (said,) = python(LIMITED).splitlines()
    assert "SQLITE_TMPDIR" in said
