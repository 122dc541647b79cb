"""Sources in an object store: the S3 interface of moto, on loopback."""

import gzip
import io
import json
import tarfile

import pytest

from ingest import Reading, SourceError
from ingest.read.rows import Rows
from ingest.read.sources import resumed
from tandem.cli import main
from tests.servers.cutting import CuttingProxy
from tests.servers.stores.amazon import BUCKET, object_store
from tests.support.files import read, values
from tests.unit.ingest.read.sources.test_remote import DOCUMENTS, FILES, LINES


def tar_bytes() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("within/a.jsonl")
        member.size = len(LINES)
        archive.addfile(member, io.BytesIO(LINES))
    return out.getvalue()


def line(number: int) -> bytes:
    return json.dumps({"id": f"d{number}", "text": f"Cat {number} sleeps."}).encode() + b"\n"


OBJECTS = {
    **{f"all/{path[1:]}": data for path, data in FILES.items()},
    "all/a.tar.gz": tar_bytes(),
    "long.jsonl": LINES * 20,
    "shards/part 1.jsonl": line(1) + b'{"id": broken\n' + line(2),
    "shards/deeper/part-2.jsonl.gz": gzip.compress(line(3) + line(4)),
    "shards/part-0.csv": b"ID;Text\nc1;Dogs run\nc2\nc3;Birds; fly\n",
    "shards/earlier.jsonl.rejects": b'{"reason": "of an earlier run"}\n',
    "shards/.hidden.jsonl": b"{}",
    "shards/picture.png": b"\x89PNG",
}


@pytest.fixture(scope="module")
def store():
    with object_store(OBJECTS) as environment:
        yield environment


@pytest.fixture(autouse=True)
def found(store, monkeypatch):
    """The store's address and credentials, where clients look for them."""
    for name, value in store.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("key", [key for key in OBJECTS if key.startswith("all/")])
def test_each_kind_of_file_is_read_as_it_is_from_a_disk(key):
    rows = Rows(f"s3://{BUCKET}/{key}", Reading())
    assert [row.value["id"] for row in rows] == [each["id"] for each in DOCUMENTS]
    assert rows.position.share == 1


@pytest.mark.parametrize(
    ("named", "names"),
    [
        ("shards/", ["deeper/part-2.jsonl.gz", "part 1.jsonl", "part-0.csv"]),
        ("shards", ["deeper/part-2.jsonl.gz", "part 1.jsonl", "part-0.csv"]),
        ("shards/*.jsonl*", [".hidden.jsonl", "part 1.jsonl"]),
        ("shards/**/part*", ["deeper/part-2.jsonl.gz", "part 1.jsonl", "part-0.csv"]),
    ],
)
def test_a_folder_and_a_pattern_are_their_files(named, names):
    rows = read(f"s3://{BUCKET}/{named}")
    assert {row.origin.file for row in rows} == {f"s3://{BUCKET}/shards/{each}" for each in names}


def test_a_connection_that_is_dropped_again_and_again_costs_no_row(store, monkeypatch):
    with CuttingProxy(store["AWS_ENDPOINT_URL"], cuts=8, after=300_000) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        found = values(read(f"s3://{BUCKET}/long.jsonl"))
        assert [each["id"] for each in found] == [each["id"] for each in DOCUMENTS] * 20
        assert proxy.cuts == 0


def test_a_store_that_goes_away_is_told_after_its_time(store, monkeypatch):
    monkeypatch.setattr(resumed, "MAX_OUTAGE", 1.0)
    with CuttingProxy(store["AWS_ENDPOINT_URL"], cuts=10**6, after=300_000) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with pytest.raises(SourceError, match=r"read on after byte [\d,]+ .*again later") as told:
            read(f"s3://{BUCKET}/long.jsonl")
        assert "hush" not in str(told.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "s3://user:hush@books/none.csv",
            r"^s3://\*\*\*@books/none\.csv .*no such file.*AWS_PROF",
        ),
        ("s3://nobody/*.csv", r"^no file matches s3://nobody|nobody.* cannot be read"),
        ("s3://books/none*", r"^no file matches s3://books/none\*: check the pattern\.$"),
        ("s3:///a.csv", r"names no bucket: write s3://BUCKET/PATH"),
        ("s3://books/long.jsonl?regoin=x", r"query parameter.*regoin"),
    ],
)
def test_what_is_not_there_is_one_sentence_without_secrets(address, said):
    with pytest.raises(SourceError, match=said) as told:
        read(address)
    assert "hush" not in str(told.value)


def test_a_folder_is_loaded_through_the_command_line(
    opensearch, opensearch_server, index_name, minilm, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TANDEM_HOME", opensearch_server.environment["TANDEM_HOME"])
    monkeypatch.chdir(tmp_path)
    words = ["ingest", f"s3://{BUCKET}/shards/", "--index", index_name, "--model", minilm]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--dry-run"])
    shown = capsys.readouterr().out
    assert (ended.value.code, "d1" in shown) == (0, True)
    with pytest.raises(SystemExit) as ended:
        main([*words, "--json", "--max-rejects", "100%"])
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (ended.value.code, report["written"], report["rejected"]) == (3, 5, 3)
    lines = next(tmp_path.glob("*.rejects")).read_text("utf-8").splitlines()
    rejects = [json.loads(each) for each in lines]
    assert {(each["file"], each["line"]) for each in rejects} == {
        (f"s3://{BUCKET}/shards/part 1.jsonl", 2),
        (f"s3://{BUCKET}/shards/part-0.csv", 3),
        (f"s3://{BUCKET}/shards/part-0.csv", 4),
    }
    assert not any(secret in out + err for secret in ("hush-of-a-test", "key-of-a-test"))
