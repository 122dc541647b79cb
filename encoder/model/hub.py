"""Models from the hub: fetched by a process of their own, which is ended where nothing comes.

The hub's library bounds neither an answer as a whole nor how slow it may be, and its threads keep a
program from ending.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from tandem.base.errors import one_line, untrusted
from tandem.base.process import pace
from tandem.base.process.children import environment
from tandem.base.process.harmless import guard_child

_TRIES = 2
# How soon what came is counted again, and how long a child may take to put its files away.
_LOOK_SECONDS, _END_SECONDS = 0.2, 10.0
# Of what is received so much is held before it is written, where it is counted.
_HELD = 10_000
# Where the hub's library finds its cache, its account and its certificates.
_NEEDED = (
    *("HOME", "USERPROFILE", "XDG_CACHE_HOME", "TMPDIR", "TEMP", "SYSTEMROOT", "LD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "TERM", "COLUMNS"),
    *(f"{kind}_PROXY" for kind in ("HTTP", "HTTPS", "ALL", "NO")),
    *(f"{kind}_proxy" for kind in ("http", "https", "all", "no")),
)
_CHILD = """
import json, sys
path, words = json.loads(sys.argv[1])
sys.path[:] = path
from encoder.model.hub import _serve
_serve(**words)
"""


class HubError(Exception):
    """A model cannot be had from the hub or its cache; says why, in a few words."""


def fetched(name: str, allowed: list[str], ignored: list[str], *, local: bool = False) -> Path:
    """The folder of a model's files that are allowed and not ignored; raises HubError.

    local: from the hub's cache on this machine alone.
    """
    from huggingface_hub import constants

    words: dict[str, Any] = {"name": name, "allowed": allowed, "ignored": ignored}
    words["cache"] = str(constants.HF_HUB_CACHE)
    if words["cache"].startswith("~"):
        raise HubError(
            "this user has no home folder, and so no place for the hub's cache; set HF_HOME or "
            "HOME to a folder that can be written"
        )
    if local or constants.HF_HUB_OFFLINE:
        return Path(_downloaded(**words, local=True))
    cache = Path(words["cache"], f"models--{name.replace('/', '--')}")
    told = ""
    for _ in range(_TRIES):
        answer, told = _asked(words, cache)
        if answer is not None:
            break
    else:
        raise HubError(told)
    if "why" in answer:
        raise HubError(answer["why"])
    return Path(answer["folder"])


def _asked(words: dict[str, Any], cache: Path) -> tuple[dict[str, str] | None, str]:
    """What a child says; or None, and in words how little came."""
    theirs = [each for each in os.environ if each.startswith(("HF_", "HUGGING"))]
    path = [each for each in sys.path if isinstance(each, str)]
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", _CHILD, json.dumps([path, words])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(*_NEEDED, *theirs, HF_HUB_DISABLE_XET="1"),
        # Ctrl-C is for this process, which ends the child.
        start_new_session=True,
    )
    try:
        if too_slow := _watched(child, cache):
            return None, too_slow
        said, _ = child.communicate()
    finally:
        _end(child)
    try:
        answer: dict[str, str] = json.loads(said)
    except ValueError:
        return {"why": f"the process that fetches it ended with code {child.returncode}"}, ""
    return answer, ""


def _watched(child: subprocess.Popen[bytes], cache: Path) -> str | None:
    """Wait for a child's end; or say how little came into the cache."""
    began, size = time.monotonic(), _size(cache)
    while True:
        try:
            child.wait(_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        else:
            return None
        if (seconds := time.monotonic() - began) < pace.PACE_SECONDS:
            continue
        now = _size(cache)
        if now - size < pace.LEAST_RATE * seconds:
            return pace.too_slow(max(0, now - size), seconds)
        began, size = time.monotonic(), now


def _size(folder: Path) -> int:
    """Bytes of the files in a folder, whoever writes there at this moment."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return found


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child, at best by itself."""
    for stream in (child.stdin, child.stdout):
        if stream:
            stream.close()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _serve(**words: Any) -> None:
    """In the child: fetch, and say where it is or why it is not."""
    # Its library writes there what servers say, and draws its bars.
    guard_child()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = _HELD
    try:
        answer = {"folder": _downloaded(**words)}
    except HubError as error:
        answer = {"why": str(error)}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    # Its threads may hang.
    os._exit(0)


def _end_with_parent() -> None:
    """Have all requests fail once nobody waits for them: whoever asked removes the half of a file.

    What hangs all the same is not waited for.
    """
    sys.stdin.buffer.read()
    from huggingface_hub import set_client_factory

    set_client_factory(_no_more)
    time.sleep(_END_SECONDS)
    os._exit(1)


def _no_more() -> NoReturn:
    raise HubError("nobody waits for it")


def _downloaded(
    name: str, allowed: list[str], ignored: list[str], cache: str, *, local: bool = False
) -> str:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return snapshot_download(
            name,
            cache_dir=cache,
            allow_patterns=allowed,
            ignore_patterns=ignored,
            local_files_only=local,
        )
    except LocalEntryNotFoundError as error:
        # Its causes are pages of the hub's client, and say nothing more than this.
        raise HubError(_why_unreachable(error)) from None
    except Exception as error:  # of whatever HTTP client the hub's library has
        raise HubError(one_line(error, 160)) from None


def _why_unreachable(error: BaseException | None) -> str:
    while error is not None:
        if why := untrusted(str(error)):
            return f"the hub cannot be reached: {why}"
        error = error.__cause__ or error.__context__
    return "the hub cannot be reached"
