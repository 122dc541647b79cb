"""Sources in Google's object store: an emulator of it, on loopback."""

import pytest

from ingest import Reading, SourceError
from ingest.read.rows import Rows
from tests.servers.stores.google import google_store
from tests.support.files import read
from tests.unit.ingest.read.sources.test_remote import DOCUMENTS, FILES

OBJECTS = {**{f"all{path}": data for path, data in FILES.items()}, "all/deeper/b.jsonl": b"{}\n"}


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    with google_store(tmp_path_factory.mktemp("google"), "books", OBJECTS) as environment:
        patch = pytest.MonkeyPatch()
        for name, value in environment.items():
            patch.setenv(name, value)
        yield
        patch.undo()


@pytest.mark.parametrize("path", FILES)
def test_each_kind_of_file_is_read_as_it_is_from_a_disk(path):
    rows = Rows(f"gs://anonymous@books/all{path}", Reading())
    assert [str(row.value["id"]) for row in rows] == [each["id"] for each in DOCUMENTS]
    assert rows.position.share == 1


@pytest.mark.parametrize(
    ("named", "names"),
    [("all/*.jsonl*", ["a.jsonl", "a.jsonl.gz"]), ("all/deeper", ["deeper/b.jsonl"])],
)
def test_a_folder_and_a_pattern_are_their_files(named, names):
    rows = read(f"gs://anonymous@books/{named}")
    assert {row.origin.file for row in rows} == {f"gs://books/all/{each}" for each in names}


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (
            "none.csv",
            r"^gs://\*\*\*@books/none\.csv cannot be read \(there is no such file\): .*GOOGLE_APP",
        ),
        ("none*", r"^no file matches gs://\*\*\*@books/none\*: check the pattern\.$"),
    ],
)
def test_what_is_not_there_is_one_sentence(named, said):
    with pytest.raises(SourceError, match=said):
        read(f"gs://anonymous@books/{named}")
