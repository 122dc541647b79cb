""""""

import hashlib
import http.server
import threading
import zipfile
from contextlib import contextmanager

import pytest

from cluster import DownloadError
from cluster.node.artifacts import Artifact, check_space, fetch, missing_bytes
from cluster.node.distribution import building, unpack
from tandem.base.process import pace
from tests.servers.wrong import Reply, answering, drops
from tests.unit.cluster.fakes import serving

CONTENT = b"a jar of jam" * 5000


def artifact(content=CONTENT):
    digest = hashlib.sha256(content).hexdigest()
    return Artifact("org.example", "jam", "1.0", "jar", len(content), digest)


PATH = "/org/example/jam/1.0/jam-1.0.jar"


def test_a_file_is_fetched_once_with_progress(tmp_path):
    seen = []
    with serving({PATH: (200, CONTENT)}) as (url, requests):
        for _ in range(2):
            path = fetch(artifact(), tmp_path, lambda *step: seen.append(step), {"here": url})
    assert path == tmp_path / "jam-1.0.jar"
    assert path.read_bytes() == CONTENT
    assert [each.path for each in requests].count(PATH) == 1
    assert seen[-1] == ("jam-1.0.jar", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert [each.name for each in tmp_path.iterdir()] == ["jam-1.0.jar"]


def test_a_file_of_another_digest_is_named_with_both_and_left_alone(tmp_path):
    other = b"not jam"
    (tmp_path / "jam-1.0.jar").write_bytes(other)
    with pytest.raises(DownloadError) as caught:
        fetch(artifact(), tmp_path)
    said = str(caught.value)
    assert artifact().sha256 in said
    assert hashlib.sha256(other).hexdigest() in said
    assert str(tmp_path / "jam-1.0.jar") in said
    assert "run the command again" in said
    assert "\n" not in said
    assert (tmp_path / "jam-1.0.jar").read_bytes() == other
    # The cure, tried.
    (tmp_path / "jam-1.0.jar").rename(tmp_path / "theirs")
    with serving({PATH: (200, CONTENT)}) as (url, _):
        assert fetch(artifact(), tmp_path, None, {"here": url}).read_bytes() == CONTENT


def test_a_wrong_download_leaves_nothing(tmp_path):
    with serving({PATH: (200, b"error page")}) as (url, _), pytest.raises(DownloadError):
        fetch(artifact(), tmp_path, None, {"here": url})
    assert not list(tmp_path.iterdir())


@contextmanager
def breaking_off():
    """A server that promises all of it and sends half."""

    class Half(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // 2])

        def log_message(self, *words):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Half)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_connection_that_breaks_off_leaves_nothing(tmp_path):
    with breaking_off() as url, pytest.raises(DownloadError) as caught:
        fetch(artifact(), tmp_path, None, {"here": url})
    assert "jam-1.0.jar" in str(caught.value)
    assert not list(tmp_path.iterdir())


def endless(piece):
    while True:
        yield piece


OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (lambda: Reply(drops(OK + b"x: "), raw=True), "there was no answer within"),
        (lambda: Reply(drops(OK + b"content-length: 60000\r\n\r\n"), raw=True), "no download"),
        (
            lambda: Reply({}, status=429, headers={"retry-after": "99999999"}),
            "there was no answer within",
        ),
        (lambda: Reply({}, status=503, headers={"retry-after": "soon"}), "Retry-After"),
        (lambda: Reply(endless(b"jam" * 10_000)), "has SHA-256"),
        (lambda: Reply({}, status=302, headers={"location": "/again"}), "too many redirects"),
    ],
    ids=["head drips", "body drips", "wait for years", "wait till soon", "endless", "in a circle"],
)
def test_a_repository_that_gives_nothing_is_given_up(tmp_path, monkeypatch, reply, said):
    monkeypatch.setattr(pace, "PACE_SECONDS", 0.5)
    with (
        answering(lambda asked: reply()) as (url, _),
        pytest.raises(DownloadError, match=said) as caught,
    ):
        fetch(artifact(), tmp_path, None, {"here": url})
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_repository_that_is_busy_for_a_moment_is_asked_again(tmp_path):
    replies = iter([Reply({}, status=503), Reply(CONTENT, kind="application/java-archive")])
    with answering(lambda asked: next(replies)) as (url, _):
        assert fetch(artifact(), tmp_path, None, {"here": url}).read_bytes() == CONTENT


def test_a_repository_that_moved_is_followed(tmp_path):
    with (
        answering(lambda asked: Reply(CONTENT, kind="application/java-archive")) as (there, _),
        answering(lambda asked: Reply({}, 302, headers={"location": there})) as (url, _),
    ):
        assert fetch(artifact(), tmp_path, None, {"here": url}).read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nonesuch.invalid"])
def test_an_unreachable_repository_is_one_sentence(tmp_path, url):
    with pytest.raises(DownloadError, match=r"jam-1\.0\.jar .*could not be fetched") as caught:
        fetch(artifact(), tmp_path, None, {"here": url})
    assert "`url`" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_what_is_missing_counts(tmp_path):
    assert missing_bytes([], tmp_path) == 0
    assert missing_bytes([artifact()], tmp_path) == len(CONTENT)
    (tmp_path / "jam-1.0.jar").touch()
    assert missing_bytes([artifact()], tmp_path) == 0


def test_too_small_a_disk_is_said_with_both_numbers(tmp_path):
    check_space(tmp_path / "not" / "yet", 1, "jam")
    with pytest.raises(DownloadError, match=r"jam needs 10,000,000,000 MB .* has [\d,]+ MB free"):
        check_space(tmp_path / "not" / "yet", 10**16, "jam")


def make_zip(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in names.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, b"" if name.endswith("/") else name.encode())


def test_unpacking_drops_the_top_folder_and_keeps_programs(tmp_path):
    make_zip(tmp_path / "a.zip", {"top/": 0o755, "top/bin/run": 0o750, "top/conf/x": 0o600})
    unpack(tmp_path / "a.zip", tmp_path / "out")
    run, plain = tmp_path / "out/bin/run", tmp_path / "out/conf/x"
    assert run.stat().st_mode & 0o777 == 0o755
    assert plain.stat().st_mode & 0o777 == 0o644
    assert plain.read_text() == "top/conf/x"


def test_an_archive_that_leads_out_is_refused(tmp_path):
    make_zip(tmp_path / "a.zip", {"top/../../evil": 0o644})
    with pytest.raises(DownloadError, match="leads out"):
        unpack(tmp_path / "a.zip", tmp_path / "deep" / "out")
    assert not (tmp_path / "evil").exists()


def test_half_a_zip_is_said(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04half")
    with pytest.raises(DownloadError, match="not a whole zip"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    target = tmp_path / "made"

    def fails_half_way():
        with building(target) as folder:
            (folder / "half").touch()
            raise KeyError

    with pytest.raises(KeyError):
        fails_half_way()
    assert not list(tmp_path.iterdir())
    (tmp_path / ".building-made-left").mkdir()  # of a run that was killed
    with building(target) as folder:
        (folder / "whole").touch(mode=0o600)
        assert not target.exists()
    assert [each.name for each in tmp_path.iterdir()] == ["made"]
    assert (target / "whole").stat().st_mode & 0o444 == 0o444
    assert target.stat().st_mode & 0o555 == 0o555
