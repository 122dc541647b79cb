"""Secrets: whatever is wrong, no message, repr, traceback or child process has them."""

import ast
import asyncio
import base64
import logging
import os
import re
import subprocess
import sys
import traceback
import warnings
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

import click
import pytest
from opensearchpy import OpenSearch, TransportError

from cluster import ClusterError, connect
from cluster.access.certificates import Certificates
from cluster.access.credentials import Credentials, Secret, split
from cluster.access.settings import Access
from cluster.node.home import NodeUser
from cluster.node.java import probe
from ingest import IndexRefusedError
from ingest.index.existing.pipeline.service import ServiceClient
from ingest.run.ray.parts import Reach
from ingest.run.ray.runner import RayRunner
from tandem.options.cluster import ClusterTarget
from tandem.options.connection import read_secret, taken
from tandem.options.usage_errors import clearer
from tests.support.commands import ROOT, tandem
from tests.unit.cluster.fakes import serving

SECRET = "hunter2"
STARTS = re.compile(r"(subprocess\.\w+|os\.(system|popen|exec\w+|spawn\w+|posix_spawn\w*))")
ANSWERS = {"/": (200, {"version": {"number": "3.6.0", "distribution": "opensearch"}})}


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("http://ann:hunter2@host:9200", {}),
        ("http://ann:hunter2@[::1", {}),
        ("http://ann:hunter2@host:port", {}),
        ("http://ann:hunter2", {}),
        ("ann:hunter2@host:9200", {}),
        ("ftp://ann:hunter2@host", {}),
        ("http://host?key=hunter2", {}),
        ("http://[ann:hunter2]", {}),
        ("http://ann\uff1ahunter2", {}),
        ("http://a,http://ann:hunter2", {}),
        ("http://host", {"headers": {"ApiKey hunter2": "x"}}),
        ("http://host", {"proxy": "http://[ann:hunter2]"}),
        ("http://host", {"api_key": "hunter2\nhunter2"}),
        ("http://host", {"api_key": "hunter2\u20ac"}),
        ("http://host", {"user": "ann:hunter2", "password": "x"}),
        ("http://host", {"password": SECRET}),
        ("http://host", {"password": SECRET, "api_key": SECRET}),
        ("http://host", {"password": SECRET, "bearer_token": SECRET}),
        ("http://host", {"user": "ann", "password": SECRET, "api_key": SECRET}),
        ("http://127.0.0.1:1", {"user": "ann", "password": SECRET}),
        ("http://127.0.0.1:1", {"api_key": SECRET}),
        (None, {"user": "ann", "password": SECRET}),
    ],
)
def test_no_error_and_no_traceback_shows_a_secret(url, given):
    with pytest.raises(ClusterError) as caught:
        connect(url, **given)
    told = "".join(traceback.format_exception(caught.value))
    # The lines of this test, which a traceback quotes, do not name it.
    assert SECRET not in told


def test_no_repr_and_no_log_shows_a_secret(caplog):
    caplog.set_level(logging.DEBUG)
    target = ClusterTarget({"password": Secret(SECRET), "headers": {"a": Secret(SECRET)}})
    connecting = partial(connect, password=SECRET)
    runner = RayRunner(connect=connecting, load_encoder=Secret)
    reach = Reach(connecting, Secret, "57ab", "/", 1)
    for each in (Secret(SECRET), Credentials("ann", Secret(SECRET)), target, runner, reach):
        assert SECRET not in f"{each!r} {each}"
    with (
        serving(ANSWERS) as (url, _),
        connect(url, user="ann", password=SECRET) as cluster,
    ):
        assert repr(cluster) == f"Cluster({url!r})"
        assert SECRET not in repr(cluster.client)
        access = Access(
            (),
            Credentials("ann", SECRET),
            Certificates(client_cert="c.pem", client_key_password=SECRET),
            f"http://ann:{SECRET}@proxy",
            {"X-Key": SECRET},
        )
        assert SECRET not in f"{access!r} {access.proxy_to(split('http://far'))!r}"
        cluster.client.info()
    assert "GET" in caplog.text
    assert SECRET not in caplog.text
    assert base64.b64encode(f"ann:{SECRET}".encode()).decode() not in caplog.text


def test_a_password_may_hold_any_letter():
    with (
        serving(ANSWERS) as (url, seen),
        connect(url, user="ann", password="pä:\u20ac"),
    ):
        sent = {each.headers["authorization"] for each in seen}
    assert sent == {"Basic " + base64.b64encode("ann:pä:\u20ac".encode()).decode()}


@pytest.mark.parametrize("given", [{"user": "ann", "password": "x"}, {"api_key": "x"}])
def test_a_password_over_plain_http_to_another_machine_warns(given):
    with pytest.warns(UserWarning, match="plain http"), pytest.raises(ClusterError):
        connect("http://192.0.2.1:9200", timeout=0.1, **given)


@pytest.mark.parametrize(
    ("headers", "warns"),
    [
        ({"Authorization": "ApiKey x"}, True),
        ({"Cookie": "x"}, True),
        ({"X-Api-Key": "x"}, True),
        ({"X-Amz-Security-Token": "x"}, True),
        ({"X-Auth": "x"}, True),
        ({"X-Shop": Secret("x")}, True),
        ({"X-Shop": "x", "X-Author": "Ann", "X-Opaque-Id": "load"}, False),
        ({"Cookie": ""}, False),
    ],
)
def test_a_secret_header_over_plain_http_to_another_machine_warns(headers, warns):
    with warnings.catch_warnings(record=True) as told, pytest.raises(ClusterError):
        connect("http://192.0.2.1:9200", timeout=0.1, headers=headers)
    said = [str(each.message) for each in told]
    name = next(iter(headers)).lower()
    assert len(said) == warns
    assert all(f"the header {name!r} for http://192.0.2.1:9200 goes over" in each for each in said)


@pytest.mark.parametrize(
    ("words", "variable", "warns"),
    [
        (["--header-file"], None, True),
        ([], "X-Shop:hunter2", True),
        (["--header", "X-Api-Key: hunter2"], None, True),
        (["--header", "X-Shop: hunter2"], None, False),
    ],
)
def test_a_header_of_a_file_or_a_variable_is_a_secret_and_so_is_one_with_a_telling_name(
    words, variable, warns, tmp_path, monkeypatch
):
    from tandem.cli import cli

    file = tmp_path / "headers"
    file.write_text("X-Shop: hunter2\n")
    more = [*words, str(file)] if words == ["--header-file"] else words
    if variable:
        monkeypatch.setenv("TANDEM_HEADER", variable)
    asked = ["index", "list", "--url", "http://192.0.2.1:9200", "--timeout", "0.1", *more]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert cli.main(asked, standalone_mode=False) == 1
    said = [str(each.message) for each in told if "plain http" in str(each.message)]
    assert len(said) == warns
    assert SECRET not in "".join(said)


@pytest.mark.parametrize(
    "more", [{"api_key": "k"}, {"bearer_token": "b"}, {"aws": "es", "aws_region": "eu-west-1"}]
)
def test_a_password_beside_another_way_to_say_who_we_are_is_not_ignored(more):
    with pytest.raises(ClusterError, match=r"both a password and a.* are given: give one of them"):
        connect("https://127.0.0.1:1", password="x", **more)


def test_a_certificate_that_is_not_verified_warns():
    warned = pytest.warns(UserWarning, match="`verify=False`")
    with warned as told, pytest.raises(ClusterError):
        connect("https://127.0.0.1:1", verify=False)
    assert [each.filename for each in told] == [__file__]


def test_what_stays_on_this_machine_or_holds_no_secret_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for url in ("http://127.0.0.1:1", "http://localhost:1"):
            with pytest.raises(ClusterError):
                connect(url, user="ann", password="x")
        with pytest.raises(ClusterError):
            connect("http://192.0.2.1:9200", timeout=0.1)


def test_the_probe_of_java_gets_no_secret(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TANDEM_PASSWORD", SECRET)
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(
        "#!/bin/sh\nif env | grep -q hunter2; then echo leaked; else echo 'version \"25\"'; fi\n"
    )
    java.chmod(0o755)
    me = NodeUser("me", os.geteuid(), os.getegid())
    assert probe("here", tmp_path, me).version == 25


def test_the_command_line_takes_secrets_out_of_the_environment(monkeypatch):
    monkeypatch.setenv("TANDEM_PASSWORD", SECRET)
    assert taken("TANDEM_PASSWORD") == Secret(SECRET)
    assert "TANDEM_PASSWORD" not in os.environ


def test_a_header_and_a_proxy_are_taken_out_too(monkeypatch):
    from tandem.cli import cli

    monkeypatch.setenv("TANDEM_HEADER", f"X-Key:{SECRET}")
    monkeypatch.setenv("TANDEM_INDEX_LIST_PROXY", f"http://ann:{SECRET}@127.0.0.1:1")
    words = ["index", "list", "--url", "http://127.0.0.1:1"]
    assert cli.main(words, standalone_mode=False) == 1
    assert SECRET not in str(dict(os.environ))


def test_every_process_that_we_start_gets_an_environment_of_its_own():
    rooms = ("tandem", "ingest", "query", "encoder", "cluster", "mappings", "evaluation")
    found = [
        (path, node)
        for path in chain.from_iterable(Path(ROOT, room).rglob("*.py") for room in rooms)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and STARTS.fullmatch(ast.unparse(node.func))
    ]
    assert len(found) > 3
    bare = [str(p) for p, node in found if "env" not in {each.arg for each in node.keywords}]
    assert bare == []


STARTING = """
import sys
from tandem.cli import main
def note(event, args):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        print("started", args, file=sys.__stderr__)
sys.addaudithook(note)
main(sys.argv[1:])
"""


def test_no_process_that_we_start_shows_a_secret_to_whoever_lists_processes(tmp_path):
    secrets = {"TANDEM_SERVE_KEY": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET, "HF_TOKEN": SECRET}
    done = subprocess.run(
        [sys.executable, "-c", STARTING, "doctor"],
        cwd=ROOT,
        env={**os.environ, **secrets, "TANDEM_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.stderr.count("started") > 1
    assert SECRET not in done.stderr + done.stdout


def test_what_a_netrc_says_of_a_host_is_not_sent_to_a_cluster_or_service_unasked(
    tmp_path, monkeypatch
):
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login ann password {SECRET}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))

    async def search(cluster):
        client = cluster.async_client()
        with suppress(TransportError):
            await client.search(index="books", body={})
        await client.close()

    with serving(ANSWERS) as (url, asked):
        with connect(url) as cluster:
            asyncio.run(search(cluster))
        with connect(client=OpenSearch(url)) as cluster, suppress(TransportError):
            cluster.client.search(index="books", body={})
        with pytest.raises(IndexRefusedError):
            ServiceClient(url, None).look()
    assert len(asked) > 6
    assert [each.path for each in asked if "authorization" in str(each.headers).lower()] == []


def test_the_command_line_shows_no_secret(tmp_path):
    binary, empty = tmp_path / "binary", tmp_path / "empty"
    binary.write_bytes(b"hunter2\xff")
    empty.touch()
    config = tmp_path / "tandem.toml"
    config.write_text('url = ["http://ann:hunter2@host"]\n')
    for words, variables in (
        (["index", "list", "--url", "http://ann:hunter2@host"], {}),
        (["index", "list"], {"TANDEM_URL": "http://ann:hunter2@host:port"}),
        (["index", "list", "--url", "http://ann:hunter2@host", "--ca-certs", "ca.pem"], {}),
        (["index", "list", "--url", "http://host", "--password-file", SECRET], {}),
        (["index", "list", "--url", "http://host", "--api-key-file", str(binary)], {}),
        (["index", "list", "--url", "http://127.0.0.1:1"], {"TANDEM_API_KEY": "hunter2 x"}),
        (["index", "list", "--url", "http://127.0.0.1:1"], {"TANDEM_HEADER": "ApiKey hunter2: x"}),
        (["--config", str(config), "index", "list"], {}),
        (["--debug", "index", "list"], {"TANDEM_URL": "http://ann:hunter2"}),
    ):
        done = tandem(*words, **variables)
        assert done.code in (1, 2)
        assert SECRET not in done.err + done.out
        assert "Error: " in done.err
    done = tandem("index", "list", "--url", "http://host", "--password-file", str(empty))
    assert "empty" in done.err


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"TANDEM_HEADER": "'Authorization: ApiKey hunter2"}, "comes from TANDEM_HEADER."),
        ({"TANDEM_INDEX_LIST_URL": "http://a:it'shunter2@h"}, "comes from TANDEM_INDEX_LIST_URL."),
        ({"TANDEM_CONFIG": "listed.toml"}, "'header' holds something else and must be a text"),
    ],
)
def test_what_cannot_be_split_or_is_no_list_of_texts_is_named_and_not_shown(
    variables, told, tmp_path, monkeypatch
):
    from tandem.cli import cli

    monkeypatch.chdir(tmp_path)
    Path("listed.toml").write_text('header = ["X-Key: hunter2", true]\n')
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(click.UsageError) as caught:
        cli.main(["index", "list"], standalone_mode=False)
    assert told in clearer(caught.value).format_message()
    said = "".join(traceback.format_exception(caught.value))
    assert SECRET not in clearer(caught.value).format_message() + said


def test_a_secret_is_read_past_the_mark_of_an_editor_and_no_further_than_one_can_be(tmp_path):
    marked = tmp_path / "marked"
    marked.write_bytes(b"\xef\xbb\xbfhunter2\r\n")
    assert read_secret(None, None, marked) == Secret(SECRET)
    assert len(read_secret(None, None, Path("/dev/zero")).reveal()) < 2_000_000
    with pytest.raises(click.BadParameter, match="cannot read that file"):
        read_secret(None, None, Path(f"{SECRET}\0"))


def test_a_good_url_is_split():
    assert split("https://search.example:9200/es").port == 9200
