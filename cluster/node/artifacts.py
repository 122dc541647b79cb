"""Maven artifacts, pinned by size and digest: fetched once, verified, never half there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.access.certificates import trusted
from cluster.access.proxy import proxy_to
from cluster.errors import DownloadError
from tandem.base.errors import one_line, untrusted
from tandem.base.process.pace import Pace, within
from tandem.base.process.redact import redacted_text

# Called with (what, done, total or None), in bytes.
# To tell how far it is: (what, bytes done, bytes in all or None).
OnDownload = Callable[[str, int, "int | None"], None]

# A dead connection must not hang a command; a slow one sends something within this many seconds.
READ_TIMEOUT = 30
# Folders of downloads on their way, left by a kill and removed later: nobody else names one so.
PARTIAL = ".tandem-partial-"
_PIECE = 1 << 16
_PAUSE = 10  # seconds


@dataclass(frozen=True)
class Artifact:
    """One file of a Maven repository: its coordinates, its size in bytes and its SHA-256."""

    group: str
    name: str
    version: str
    packaging: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """The file's name in the downloads folder."""
        return f"{self.name}-{self.version}.{self.packaging}"


_PLUGIN = "org.opensearch.plugin"

OPENSEARCH = Artifact(
    "org.opensearch.distribution.integ-test-zip",
    "opensearch",
    "3.6.0",
    "zip",
    161_609_640,
    "a91faa1dc1cadc78cb278b4f63847e19e1627a4e9de698e14e7efc14ee37b286",
)

# In the order of their installation: k-NN needs job-scheduler, neural-search needs k-NN.
PLUGINS = (
    Artifact(
        _PLUGIN,
        "opensearch-job-scheduler",
        "3.6.0.0",
        "zip",
        368_626,
        "f81d0aa9fc850b18f803292bd7ae68bd33561f6c1d12db0f68529d40eddcee24",
    ),
    Artifact(
        _PLUGIN,
        "opensearch-knn",
        "3.6.0.0",
        "zip",
        6_015_541,
        "ac392ca28a39b3bf290648a422ef30cb149dda2963a9d7feb26060e932341c9a",
    ),
    Artifact(
        _PLUGIN,
        "neural-search",
        "3.6.0.0",
        "zip",
        12_095_213,
        "6ef1b206e79391e2e36268e32dc34d27fd8b8a59a8eb0a7393c97d53b038e433",
    ),
)

# Locale data for a Java whose own is cut down.
LOCALES = (
    Artifact(
        "com.ibm.icu",
        "icu4j",
        "79.1",
        "jar",
        15_257_985,
        "28b292e60d0d00c496bae88a15b2615f89f781be13670aeac9dc90f189570e07",
    ),
    Artifact(
        "com.ibm.icu",
        "icu4j-localespi",
        "77.1",
        "jar",
        50_797,
        "77d0da4f10c6158174cc3dafbb51356031a09e0fcaaf0432330afb4fb552cac9",
    ),
)


def missing_bytes(artifacts: Sequence[Artifact], downloads: Path) -> int:
    """How many bytes are yet to be fetched; an empty sequence gives 0."""
    return sum(a.size for a in artifacts if not (downloads / a.filename).is_file())


def fetch(
    artifact: Artifact,
    downloads: Path,
    on_progress: OnDownload | None = None,
    repositories: Mapping[str, str] | None = None,
) -> Path:
    """Return the verified file, fetching it first where it is not there.

    repositories: name -> URL of Maven repositories; None is what jgo knows. Raises DownloadError
    where the file cannot be fetched, and where its SHA-256 is another: what is fetched is not kept
    then, and what was there stays.
    """
    target = downloads / artifact.filename
    if target.is_file():
        # It was whole when we put it there, so it may be somebody else's.
        _verify(artifact, target, "move it away, and run the command again to fetch it anew")
        return target
    downloads.mkdir(parents=True, exist_ok=True)
    # A broken connection must not leave half a file there.
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=downloads) as partial:
        fetched = _download(artifact, Path(partial), on_progress, repositories)
        _verify(artifact, fetched, "nothing of it was kept, run the command again")
        os.replace(fetched, target)
    return target


def _download(
    artifact: Artifact,
    folder: Path,
    on_progress: OnDownload | None,
    repositories: Mapping[str, str] | None,
) -> Path:
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise DownloadError(
            "the embedded node needs the package jgo, which is not installed: "
            "pip install 'tandem-search[embedded]', or name a cluster of your own with `url`."
        ) from error
    from urllib3.exceptions import HTTPError

    context = MavenContext(remote_repos=repositories)
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    path = f"{component.path_prefix.as_posix()}/{artifact.filename}"
    said, cause = "there is no repository", None
    for repository in context.remote_repos.values():
        try:
            return _copied(
                f"{repository}/{path}", folder / artifact.filename, artifact, on_progress
            )
        except (HTTPError, OSError) as error:
            said, cause = untrusted(str(error)) or redacted_text(one_line(error, 500)), error
    raise DownloadError(
        f"{artifact.filename} ({artifact.size:,} bytes) could not be fetched into "
        f"{folder.parent}: {said}; check the network and run the command again, "
        "or name a cluster of your own with `url`."
    ) from cause


def _copied(url: str, target: Path, artifact: Artifact, on_progress: OnDownload | None) -> Path:
    """Fetch a file, and no more than it must have; raises urllib3's HTTPError, and OSError.

    Not by jgo, which waits as long as an answer says and reads as long as a byte comes.
    """
    import urllib3

    proxy = proxy_to(urlsplit(url), None)
    by = partial(urllib3.ProxyManager, proxy.url, proxy_headers=proxy.headers()) if proxy else None
    # A repository that is busy for a moment is asked again, after no longer than a moment.
    again = urllib3.Retry(
        None,
        redirect=5,
        connect=2,
        read=0,
        status=3,
        other=0,
        backoff_factor=1,
        status_forcelist=(429, 502, 503, 504),
        raise_on_status=False,
        retry_after_max=_PAUSE,
    )
    with (by or urllib3.PoolManager)(
        ssl_context=trusted(), timeout=READ_TIMEOUT, retries=again
    ) as pool:
        answer = within(partial(pool.request, "GET", url, preload_content=False))
        with closing(answer):
            if answer.status != 200:
                raise OSError(f"{url} answers with HTTP {answer.status}")
            _keep(answer, target, artifact, on_progress)
    return target


def _keep(answer: Any, target: Path, artifact: Artifact, on_progress: OnDownload | None) -> None:
    pace, done = Pace(), 0
    with target.open("wb") as file:
        while done <= artifact.size and (data := pace.of(partial(answer.read1, _PIECE))):
            file.write(data)
            done += len(data)
            if on_progress:
                on_progress(artifact.filename, done, artifact.size)


def _verify(artifact: Artifact, path: Path, cure: str) -> None:
    found = _sha256(path)
    if found != artifact.sha256:
        raise DownloadError(f"{path} has SHA-256 {found} and must have {artifact.sha256}: {cure}.")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def check_space(folder: Path, needed: int, what: str) -> None:
    """Raise DownloadError with both numbers where `folder` has fewer than `needed` bytes free."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DownloadError(
            f"{what} needs {needed / 1e6:,.0f} MB and {existing} has {free / 1e6:,.0f} MB free: "
            "free some space, or set TANDEM_HOME to a folder on a larger disk."
        )
