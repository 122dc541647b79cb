"""Files in object stores and behind addresses: found by pyarrow's file systems and by fsspec's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from cluster.access.bounded import check_size
from cluster.access.certificates import trusted
from cluster.access.credentials import warn_if_plain
from cluster.access.proxy import CURE, PASSWORD, proxy_to
from cluster.errors import ClusterError
from ingest.errors import SourceError
from ingest.read.sources.address import HADOOP, HTTP, SCHEMES, named, scheme_of
from tandem.base.errors import untrusted
from tandem.base.process.pace import Pace, within
from tandem.base.process.redact import parted, redacted_path, redacted_text

# Of packages that are not always there, the extra that brings them.
_EXTRAS = {"hdfs_native": "hdfs"}
# Not ?, which begins options of an address.
_GLOB_MARKS = "*["
# Without it, Google's library tries for a quarter of an hour, and Hadoop's for three minutes.
_GS_SECONDS = "retry_limit_seconds=60"
_HADOOP_PATIENCE = {"dfs.client.failover.max.attempts": "4"}
# What a NameNode answers, with the trace of its own program behind it.
_ANSWERED = re.compile(r'RPCError\("[\w.$]+", "(.*?)(?:\\n.*)?"\)', re.S)
# Host and port, or the name of a service of several; none for that of the configuration.
_NAME_NODE = re.compile(r"(\[[^\]]*\]|[^:@]*)(?::(\d+))?")
_CONNECT_SECONDS, _READ_SECONDS = 30, 60
# A folder may have millions of files.
_LIST_SECONDS = 1800.0
# What asking again may change, among HTTP's answers.
_PASSING = (408, 425, 429)
_LONGEST = 300
_CREDENTIALS = (
    (("s3",), "its credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID) and region (AWS_REGION)"),
    (("gs", "gcs"), "its credentials (GOOGLE_APPLICATION_CREDENTIALS)"),
    (HADOOP, "Hadoop's configuration (HADOOP_CONF_DIR) and user (HADOOP_USER_NAME, kinit)"),
    (("hf",), "its token (HF_TOKEN)"),
    (HTTP, "that the server gives it to you"),
)


@dataclass(frozen=True)
class RemoteFile:
    """One file that lies elsewhere.

    name: its address, without credentials and options; path: what the system knows it by; size: in
    bytes, None where it is not told; version: what changes with its content, as far as is told.
    """

    name: str
    path: str = field(repr=False)
    size: int | None = field(compare=False)
    version: str | None = field(compare=False)
    system: Any = field(compare=False, repr=False)

    @property
    def pure(self) -> PurePosixPath:
        """What stands after the scheme, as a path."""
        return PurePosixPath(self.name.partition("://")[2])

    @property
    def streams(self) -> bool:
        """Whether what is opened is read on from there alone."""
        return scheme_of(self.name) in HTTP

    def open(self, at: int, pace: Pace) -> Any:
        """A file that is read from byte `at` on; raises whatever the system does.

        pace: of what is read to get there.
        """
        if not self.streams:
            # What is read ahead is decided by who reads.
            options = {"cache_type": "none"} if self.name.startswith("hf://") else {}
            file = within(lambda: self.system.open(self.path, "rb", **options))
            file.seek(at)
            return file
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={at}-"} if at else {})
        # Of one request, as a stream: not every server gives parts.
        asked = {"block_size": 0, "size": self.size, "headers": headers}
        file = within(lambda: self.system.open(self.path, "rb", **asked))
        left = at if file.r.status != 206 else 0
        try:
            while left and (passed := pace.of(partial(file.read, min(left, 1 << 20)))):
                left -= len(passed)
        except BaseException:
            file.close()
            raise
        return file

    def version_now(self) -> str | None:
        """The version that the system tells of now."""
        return _version(within(lambda: self.system.info(self.path)))


def find_remote(address: str) -> tuple[list[RemoteFile], str | None]:
    """The files behind an address, sorted, and the folder where it is one.

    With * or [ in its path it is a pattern. Raises SourceError for a scheme that is not known, for
    a package that is not there, and for what cannot be reached.
    """
    scheme, shown = scheme_of(address), redacted_path(address)
    if scheme not in SCHEMES:
        known = ", ".join(f"{each}://" for each in SCHEMES)
        raise SourceError(f"{shown} is no address of {known}: copy the file, or use one.")
    if set(parted(address)[0]) & set("/?#"):
        raise SourceError(
            f"{shown} cannot be read, for its credentials hold a /, ? or #: write %2F, %3F "
            f"or %23 for it, or leave them out and give {_cure(address)}."
        )
    with reaching(shown, address):
        system, path, prefix = _connected(scheme, address)
        if any(mark in path.partition("?")[0] for mark in _GLOB_MARKS):
            infos = within(lambda: system.glob(path, detail=True), seconds=_LIST_SECONDS)
            folder = None
            if not infos:
                raise SourceError(f"no file matches {shown}: check the pattern.")
        else:
            info, folder = within(lambda: system.info(path)), None
            infos = {path: info}
            if info["type"] == "directory":
                infos = within(lambda: system.find(path, detail=True), seconds=_LIST_SECONDS)
                folder = f"{prefix}{path}"
        # Of a server on the web the prefix is a part of what the system knows.
        return [
            RemoteFile(
                f"{prefix}{name}" if prefix else named(name),
                name,
                info.get("size"),
                _version(info),
                system,
            )
            for name, info in sorted(infos.items())
            if info["type"] == "file"
        ], folder


def _connected(scheme: str, address: str) -> tuple[Any, str, str]:
    """The file system, the path in it, and what before that makes an address of it."""
    if scheme in HTTP:
        _warn_if_plain(address)
        return _of_http(), address, ""
    if scheme == "hf":
        from huggingface_hub import HfFileSystem

        return (
            HfFileSystem(skip_instance_cache=True),
            address.partition("://")[2].rstrip("/"),
            "hf://",
        )
    rest, _, options = address.partition("://")[2].partition("?")
    place, _, path = rest.partition("/")
    of = _of_hadoop if scheme in HADOOP else _of_bucket
    return of(scheme, place, path.rstrip("/"), options)


def _warn_if_plain(address: str) -> None:
    with suppress(ValueError, ClusterError):  # as reaching it will tell
        parts = urlsplit(address)
        warn_if_plain(parts, "the password" if "@" in parts.netloc else None)
        proxy = proxy_to(parts, None)
        if proxy and proxy.authorization:
            warn_if_plain(urlsplit(proxy.url), PASSWORD, CURE)


def _of_bucket(scheme: str, place: str, path: str, options: str) -> tuple[Any, str, str]:
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import FileSystem

    if not place:
        place = redacted_path(f"{scheme}:///{path}")
        raise SourceError(f"{place} names no bucket: write {scheme}://BUCKET/PATH.")
    if scheme in ("gs", "gcs") and "retry_limit_seconds" not in options:
        options = "&".join(filter(None, (options, _GS_SECONDS)))
    system, root = FileSystem.from_uri(f"{scheme}://{place}{'?' if options else ''}{options}")
    prefix = f"{scheme}://" if root.strip("/") else f"{scheme}://{place.rpartition('@')[2]}"
    wrapped = ArrowFSWrapper(system, skip_instance_cache=True, use_listings_cache=False)
    return wrapped, f"{root.rstrip('/')}/{path}".rstrip("/"), prefix


def _of_hadoop(scheme: str, place: str, path: str, options: str) -> tuple[Any, str, str]:
    from hdfs_native import fsspec

    match = _NAME_NODE.fullmatch(place)
    if options or match is None:
        raise SourceError(
            f"{redacted_path(f'{scheme}://{place}/{path}')} takes neither a user nor options: "
            f"write {scheme}://HOST:PORT/PATH, and set them in Hadoop's configuration "
            "(HADOOP_CONF_DIR) and in HADOOP_USER_NAME."
        )
    made = fsspec.HdfsFileSystem if scheme == "hdfs" else fsspec.ViewfsFileSystem

    class System(made):  # type: ignore[misc, valid-type]
        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            # What stands behind # or ? is a part of a name here.
            return path.rstrip("/") or "/"

    host, port = match.groups()
    system = System(host or None, port and int(port), skip_instance_cache=True, **_HADOOP_PATIENCE)
    return system, f"/{path}", f"{scheme}://{place}"


def _of_http() -> Any:
    import aiohttp
    from fsspec.implementations.http import HTTPFileSystem

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS
    )

    class Response(aiohttp.ClientResponse):
        async def read(self) -> bytes:
            # Of a folder's page, and of nothing else.
            data = bytearray()
            async for piece in self.content.iter_chunked(1 << 20):
                data += piece
                check_size(len(data))
            self._body = bytes(data)
            return self._body

    # trust_env: proxies, and credentials of ~/.netrc.
    client = {"trust_env": True, "timeout": timeout, "response_class": Response}
    return HTTPFileSystem(client_kwargs=client, ssl=trusted(), skip_instance_cache=True)


def _version(info: dict[str, Any]) -> str | None:
    for name in ("ETag", "etag", "blob_id", "Last-Modified", "mtime", "modification_time"):
        if info.get(name):
            return str(info[name])
    return None


@contextmanager
def reaching(name: str, address: str = "") -> Iterator[None]:
    """Turns what a file system raises into a SourceError that names the file, never a secret.

    address: what was asked for, with its credentials.
    """
    try:
        yield
    except (SourceError, MemoryError):
        raise
    except ImportError as error:
        package = error.name or "aiohttp"
        extra = _EXTRAS.get(package, "remote")
        raise SourceError(
            f"{name} needs the package {package!r}, which is not installed: "
            f"pip install 'tandem-search[{extra}]'."
        ) from error
    except Exception as error:  # each system has its own
        raise SourceError(
            f"{name} cannot be read ({said_by(error, address)}): check the address and "
            f"{_cure(name)}."
        ) from error


def said_by(error: BaseException, address: str = "") -> str:
    """What an error of a file system says, in short and without secrets.

    address: what was asked for, with its credentials.
    """
    # fsspec takes whatever goes wrong with an address for a file that is not there.
    cause = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
    if status := getattr(cause, "status", None):
        return f"HTTP {status} {getattr(cause, 'message', '')}".strip()
    if why := untrusted(str(cause)):
        return why
    if isinstance(cause, FileNotFoundError):
        return "there is no such file"
    answered = _ANSWERED.fullmatch(str(cause))
    said = " ".join((answered[1] if answered else str(cause)).split()) or type(cause).__name__
    return redacted_text(said, address)[:_LONGEST].rstrip(".")


def lasts(error: BaseException) -> bool:
    """Whether asking again does not help."""
    if status := getattr(error.__cause__ or error, "status", None):
        return 400 <= int(status) < 500 and status not in _PASSING
    missing = isinstance(error, FileNotFoundError) and error.__cause__ is None
    refused = isinstance(error, PermissionError | NotImplementedError)
    return missing or refused or _ANSWERED.fullmatch(str(error)) is not None


def _cure(name: str) -> str:
    return next(cure for schemes, cure in _CREDENTIALS if scheme_of(name) in schemes)
