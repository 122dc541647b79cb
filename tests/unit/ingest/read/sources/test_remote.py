"""Sources behind addresses: a web server that drops, redirects, and asks who is there."""

import gzip
import io
import json
import ssl
import sys
import zipfile

import pyarrow
import pytest
import trustme
from pyarrow import parquet

from ingest import Reading, SourceError
from ingest.read.rows import Rows
from ingest.read.sources import resumed
from ingest.read.sources.address import named
from ingest.read.sources.remote import said_by
from tests.servers.stores.web import WebServer
from tests.support.files import read, values

DOCUMENTS = [{"id": str(n), "text": f"The cat number {n} sleeps.", "year": n} for n in range(3000)]
LINES = b"".join(json.dumps(each).encode() + b"\n" for each in DOCUMENTS)


def parquet_bytes() -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(DOCUMENTS), out, row_group_size=500)
    return out.getvalue()


def zip_bytes() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", LINES)
    return out.getvalue()


FILES = {
    "/a.jsonl": LINES,
    "/a.jsonl.gz": gzip.compress(LINES),
    "/a.csv": b"id,text,year\n" + b"".join(b"%d,The cat,%d\n" % (n, n) for n in range(3000)),
    "/a.parquet": parquet_bytes(),
    "/a.zip": zip_bytes(),
}


@pytest.fixture
def web():
    with WebServer(dict(FILES)) as server:
        yield server


@pytest.mark.parametrize("parts", [True, False], ids=["parts", "no parts"])
@pytest.mark.parametrize("path", FILES)
def test_a_file_is_read_on_where_its_connection_was_dropped(web, monkeypatch, path, parts):
    monkeypatch.setattr(resumed, "_FIRST_PAUSE", 0.01)
    web.parts, web.drops, web.broken_off = parts, 4, 7000
    found = values(read(web.url + path))
    assert [each["id"] for each in found] == [each["id"] for each in DOCUMENTS]
    # Of a small file what is left at last is too short to be broken off.
    assert web.drops < 4


def test_only_what_is_missing_is_asked_for_again(web, monkeypatch):
    monkeypatch.setattr(resumed, "_FIRST_PAUSE", 0.01)
    web.files["/long.jsonl"] = LINES * 10
    web.drops, web.broken_off = 2, 600_000
    assert len(read(f"{web.url}/long.jsonl")) == 30_000
    first, second = (int(asked[len("bytes=") : -1]) for _, _, asked, _ in web.asked if asked)
    # What lay in a buffer when the connection broke is asked for again too.
    assert 0 < first <= 600_000
    assert first < second <= first + 600_000


def test_what_stays_away_is_given_up_in_one_sentence(web, monkeypatch):
    monkeypatch.setattr(resumed, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(resumed, "MAX_OUTAGE", 0.2)
    web.drops, web.broken_off = 10**6, 0
    with pytest.raises(
        SourceError, match=r"a\.jsonl cannot be read on after byte 0 .*run the same"
    ):
        read(f"{web.url}/a.jsonl")


def test_a_file_that_changes_meanwhile_is_not_mixed(web, monkeypatch):
    monkeypatch.setattr(resumed, "_FIRST_PAUSE", 0.01)
    web.files["/long.jsonl"] = LINES * 10
    web.drops, web.broken_off = 1, 600_000
    rows = iter(Rows(f"{web.url}/long.jsonl", Reading()))
    next(rows)
    web.versions = 2
    with pytest.raises(SourceError, match="was changed while it was read"):
        list(rows)


def test_an_answer_without_a_length_is_read_to_its_end(web):
    web.sized = False
    assert len(values(read(f"{web.url}/a.jsonl"))) == 3000
    with pytest.raises(SourceError, match=r"parquet needs a file of known size, not .*a\.parquet"):
        read(f"{web.url}/a.parquet")


def test_progress_is_told_in_bytes(web):
    rows = Rows([f"{web.url}/a.jsonl", f"{web.url}/a.csv"], Reading())
    assert rows.position.share == 0
    shares = [rows.position.share for _ in iter(rows)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == rows.position.share == 1


def test_an_address_signed_for_get_alone_is_read_and_its_signature_never_shown(web):
    web.heads = False
    address = f"{web.url}/a.csv?X-Amz-Signature=hush"
    rows = read(address)
    assert len(rows) == 3000
    assert {row.origin.file for row in rows} == {f"{web.url}/a.csv"}
    assert Rows(address, Reading()).rejects_path.name == "a.csv.rejects"


def test_credentials_are_sent_to_who_was_named_alone(web):
    with WebServer({"/a.csv": FILES["/a.csv"]}) as elsewhere:
        web.password = "hush"
        web.redirects["/moved.csv"] = f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/a.csv"
        with_password = f"http://reader:hush@{web.place}"
        assert len(read(f"{with_password}/a.csv")) == 3000
        assert len(read(f"{with_password}/moved.csv")) == 3000
        assert any(said for *_, said in web.asked)
        assert not any(said for *_, said in elsewhere.asked)


@pytest.mark.parametrize(
    ("path", "said"), [("/none.csv", r"HTTP 404 Not Found"), ("/a.csv", r"HTTP 401 Unauthorized")]
)
def test_what_is_refused_is_said_without_secrets(web, path, said):
    web.password = None if "none" in path else "right"
    with pytest.raises(SourceError, match=said) as told:
        read(f"http://reader:hush@{web.place}{path}?token=hush")
    assert "hush" not in str(told.value)
    assert f"http://***@{web.place}{path}?***" in str(told.value)


def test_nobody_there_is_said_at_once():
    with pytest.raises(
        SourceError, match=r"http://127\.0\.0\.1:9/a\.csv cannot be read \(.*onnect"
    ):
        read("http://127.0.0.1:9/a.csv")


@pytest.mark.parametrize(
    "address",
    ["http://h:hush/a.csv", "http://a:hush/?#@h/a.csv", "http://[a:hush]/a.csv", "https://[hush"],
)
def test_what_stands_for_a_port_or_a_host_and_is_none_is_not_shown(address):
    with pytest.raises(SourceError, match=r"cannot be read|is no address") as told:
        read(address)
    assert "hush" not in str(told.value)


def test_an_address_that_was_reached_is_shown_with_the_at_in_its_path():
    for address in ("s3://bucket/a#key=1@2:3.csv", "https://host/npm/a@1/x.csv"):
        assert named(address) == address


@pytest.mark.parametrize(
    "address",
    ["s3:/A:hush@b/x", " s3://A:hush@b/x", "s3//A:hush@b/x", "https:u:hush@h/x", "s3:/A:hush@b/*"],
)
def test_a_mistyped_address_is_told_as_a_path_without_its_credentials(address):
    with pytest.raises(SourceError, match=r"no file .*\*\*\*@[bh]/") as told:
        read(address)
    assert "hush" not in str(told.value)


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIA:ab/cdhush@bucket/x.jsonl",
        "s3://AKIA:ab?hush@bucket/x.jsonl",
        "https://u:p/hush@127.0.0.1:1/x.jsonl",
    ],
)
def test_credentials_that_would_end_an_address_are_refused_unshown_with_how_to_write_them(address):
    with pytest.raises(SourceError, match="write %2F, %3F or %23 for it") as told:
        read(address)
    assert "hush" not in str(told.value)
    assert "ab" not in str(told.value)
    assert address.rpartition("@")[2] in str(told.value)


def test_a_password_written_so_is_sent_as_it_is_and_a_path_may_have_an_at(web):
    web.password = "a/hush?#'"
    web.files["/x@y.csv"] = FILES["/a.csv"]
    rows = read(f"http://reader:a%2Fhush%3F%23'@{web.place}/x@y.csv")
    assert {row.origin.file for row in rows} == {f"{web.url}/x@y.csv"}


def test_what_a_file_system_says_of_an_address_is_shown_without_its_credentials():
    address = "s3://AKIA:it's\"hush@bucket/x"
    said = f"no '{address}' of AKIA:it's\"hush@bucket, see http://u:hush@h/x?hush"
    assert (
        said_by(OSError(said), address)
        == "no 's3://***@bucket/x' of ***@bucket, see http://***@h/x?***"
    )


def test_what_a_file_system_says_of_a_secret_that_it_read_as_a_path_is_shown_without_it():
    said = said_by(OSError("key 'hu/sh@b/x' in bucket 'tok': denied"), "gs://tok/hu/sh@b/x")
    assert said == "key '***/***@b/x' in bucket '***': denied"


def test_a_password_over_plain_http_to_another_machine_warns_and_is_not_shown():
    said = r"the password for http://\*\*\*@h\.invalid/a\.csv goes over plain http"
    with pytest.warns(UserWarning, match=said) as told, pytest.raises(SourceError):
        read("http://reader:hush@h.invalid/a.csv")
    assert len(told) == 1


def test_an_address_of_another_kind_names_those_that_are_known():
    with pytest.raises(SourceError, match=r"^ftp://\*\*\*@h/a\.csv is no address of s3://, gs://"):
        read("ftp://user:hush@h/a.csv")


def test_a_file_is_named_once_also_by_address(web):
    with pytest.raises(SourceError, match=r"a\.csv is named twice"):
        Rows([f"{web.url}/a.csv", f"{web.url}/a.csv"], Reading())


def test_a_pattern_goes_by_the_links_of_a_page(web):
    web.files["/data/"] = b'<a href="b.jsonl">b</a> <a href="c.jsonl">c</a> <a href="d.txt">d</a>'
    web.files["/data/b.jsonl"] = b'{"id": "1", "text": "a cat"}\n'
    web.files["/data/c.jsonl"] = b'{"id": "2", "text": "a dog"}\n'
    assert [each["id"] for each in values(read(f"{web.url}/data/*.jsonl"))] == ["1", "2"]


def test_the_certificate_of_an_address_is_checked(monkeypatch, tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with WebServer({"/a.csv": FILES["/a.csv"]}, tls=context) as web:
        with pytest.raises(SourceError, match=r"https://.*SSL_CERT_FILE\): check"):
            read(f"{web.url}/a.csv")
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert len(read(f"{web.url}/a.csv")) == 3000


def test_without_the_extra_an_address_says_how_to_get_it(web, monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(SourceError, match=r"needs the package 'aiohttp'.*tandem-search\[remote\]"):
        read(f"{web.url}/a.csv")
