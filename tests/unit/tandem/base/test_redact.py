"""Addresses in every message: without what may be a secret, however they are written."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cluster import connect
from cluster.access.proxy import proxy_to
from encoder import Encoder
from encoder.diagnosis import diagnose
from evaluation import read_queries
from ingest import Reading
from ingest.index.existing.pipeline.service import ServiceClient
from ingest.read.rows import Rows
from tandem.base.errors import TandemError
from tandem.base.process.redact import redacted, redacted_path, redacted_text

# Each with a secret: hush.
HOSTILE = [
    *("http://ann:hush@127.0.0.1:9/x", "http://hush@127.0.0.1:9/x", "s3://AKIA:ab/hush@bucket/x"),
    *("s3://hush@bucket/x", "gs://tok/hush@bucket/x", "gcs://tok#hush@bucket/x", "hf://u:hush@a/b"),
    *("http://u:a@w/hush@127.0.0.1:9/x", "http://u:1@hush/?#@127.0.0.1:9/x", "hush:x@127.0.0.1:9"),
    *("http://ann:1/hush@127.0.0.1:9/x", "https://tok/hush@host/x", "hdfs://me/hush@nn:8020/x"),
    *("http://ann:hush", "http://ann:hu/hush", "s3://AKIA:ab/hush/bucket/x", "http://ann:a,hush"),
    *("http://a:9200,http://ann:hush", "http://[ann:hush]:9/x", "http://[hush", "https://ann:hush"),
    *("http://ann\uff1ahush", "http://ann:hush\uff20127.0.0.1:9/x", "s3://A\ufe55hush\ufe6bb/x"),
    *("http://127.0.0.1:9/x\uff1fapi_key=hush", "http://127.0.0.1:9/x?hush", "http://h/x#hush"),
    *("http://127.0.0.1:9/x?a=1&X-Amz-Signature=hush", "http://127.0.0.1:9/x;jsessionid=hush"),
    *("s3://bucket/x?secret_key=hush", "s3://bucket/x%3Fsecret_key=hush", "hf://a/b/x#token=hush"),
    *(
        "http://127.0.0.1:9/x?sv=2&sig=hush",
        "http://127.0.0.1:9/x%3bsig%3dhush",
        "./x?key=hush",
    ),
    *("a/b?code=hush", "a/b;access_token=hush", "a/b%253Bauth=hush", "a/b?pwd=hush"),
    *("http:/ann:hush@h/x", "http:ann:hush@h/x", "http//ann:hush@h/x", "//ann:hush@h/x"),
    *("http//hush@h/x", "//hush@h/x", "s3:/A:hush@b/x", " s3://A:hush@b/x", "s3//A:hush/b/x"),
    *("http:/ann:hush", "htp://ann:hush@h/x", "http;//ann:hush@h/x", "http:\\\\ann:hush@h\\x"),
    *("s3://AKIA%3Ahush%40bucket/x", "http%3A//ann%3Ahush%40h/x", "http://ann%253Ahush%2540h/x"),
]


# Which stores are asked for, that let wait for them.
ASKED = re.compile(r"s3://(hush@)?bucket/x(%|$)|gc?s://")


def told(call, *given, **named):
    """What a user reads of a call with an address that leads nowhere."""
    try:
        return repr(call(*given, **named))
    except TandemError as error:
        return str(error)


def connected(url):
    with connect(url, timeout=0.2) as cluster:
        return cluster


USERS = {
    "cluster": connected,
    "proxy": lambda url: proxy_to(urlsplit("http://far"), url),
    "service": lambda url: ServiceClient(url, None).look(),
    "source": lambda address: Rows(address, Reading()),
    "queries": read_queries,
    "model": Encoder.load,
    "doctor": lambda name: diagnose(name, lambda step: None),
}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.filterwarnings("ignore:.*plain http")
def test_whoever_is_given_an_address_tells_it_without_what_may_be_secret(
    user, monkeypatch, tmp_path
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    given = [each for each in HOSTILE if not ASKED.match(each)]
    assert {each: said for each in given if "hush" in (said := told(USERS[user], each))} == {}


@pytest.mark.parametrize("address", HOSTILE)
def test_no_way_of_showing_an_address_shows_what_may_be_secret(address):
    shown = [redacted(address), redacted_path(address), redacted_text(f"no {address}!", address)]
    if re.match(r"\w+://", address):
        shown.append(redacted_text(f"tried '{address}', and failed"))
    assert [each for each in shown if "hush" in each] == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://search.example:9200/x", "https://search.example:9200/x"),
        ("https://ann:hush@host:9200/x", "https://***@host:9200/x"),
        ("ann:hush@host", "***@host"),
        ("https://ann:hush", "https://ann:***"),
        ("http://[::1]:9200", "http://[::1]:9200"),
        ("http://host/?signature=hush", "http://host/?***"),
        ("http://host/x;jsessionid=hush", "http://host/x;***"),
        ("http://[hush", "http://[***"),
        ("http://ann\uff1ahush", "http://ann:***"),
        ("http://a:9200,http://ann:hush", "http://a:9200,http://ann:***"),
        ("http://b\u00fccher.example", "http://b\u00fccher.example"),
    ],
)
def test_a_url_is_shown_with_what_it_names(url, shown):
    assert redacted(url) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://AKIA:ab/hush@bucket/x.jsonl", "s3://***@bucket/x.jsonl"),
        ("s3://AKIA:a'hush@bucket/x?region=hush", "s3://***@bucket/x?***"),
        ("s3://AKIA:hush/bucket/x", "s3://AKIA:***"),
        ("https://u:1@hush/?#@host/x#hush", "https://***@host/x#***"),
        ("hf://tok/hush@datasets/a/b/x", "hf://***@datasets/a/b/x"),
        ("hf://datasets/a/b@main/x", "hf://datasets/a/b@main/x"),
        ("s3://bucket/a#1-2:3.csv", "s3://bucket/a#1-2:3.csv"),
        ("https://host.example/a@b:1.csv", "https://host.example/a@b:1.csv"),
        ("https://host:8080/a@b:1.csv", "https://host:8080/a@b:1.csv"),
        ("http://[::1]:80/a@b.csv", "http://[::1]:80/a@b.csv"),
        ("hdfs://host:8020/a@b.csv", "hdfs://host:8020/a@b.csv"),
        ("data/a@b:c?.csv", "data/a@b:c?.csv"),
        ("data/year=202?/day-10:30.csv", "data/year=202?/day-10:30.csv"),
        ("data/\u8cea\u554f\uff1f100%40.csv", "data/\u8cea\u554f\uff1f100%40.csv"),
        ("https://host.example/a%40b%23.csv", "https://host.example/a%40b%23.csv"),
        ("C:\\data\\a.csv", "C:\\data\\a.csv"),
        ("BAAI/bge-small-en-v1.5", "BAAI/bge-small-en-v1.5"),
    ],
)
def test_a_path_is_shown_as_it_is_and_an_address_with_what_it_names(address, shown):
    assert redacted_path(address) == shown


def test_urls_within_a_text_are_redacted():
    said = "tried 'https://ann:it'shush@host/x?sig=hush' and (http://other:9200/y): nothing"
    shown = "tried 'https://***@host/x?***' and (http://other:9200/y): nothing"
    assert redacted_text(said) == shown


SECRETS = st.text(st.sampled_from("hush:/?#@%[],;=&'\"\uff20\uff1a1.2"), min_size=1).map(
    lambda text: f"{text}hush"
)


@given(SECRETS, st.sampled_from(("http://ann:%s@host/x", "s3://AKIA:%s@bucket/x", "ann:%s@host")))
@example("a/hush", "http://ann:%s@host/x")
def test_what_stands_before_the_last_at_is_never_shown_and_hiding_again_changes_nothing(
    secret, form
):
    address = form % secret
    for hide in (redacted, redacted_path):
        assert "hush" not in hide(address)
        assert hide(hide(address)) == hide(address)


def test_a_file_here_is_named_as_it_is(tmp_path: Path):
    (tmp_path / "a@b;c.txt").write_text("a\n")
    assert "a@b;c.txt" in str(Rows(tmp_path / "a@b;c.txt", Reading()).rejects_path)
