"""Turn what a client raises into one sentence: what happened, where, and the cure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.credentials import redacted_urls
from cluster.error_body import error_in, is_block, kind_of, reason_of
from cluster.errors import AccessError, ClusterError, MissingIndexError, UnreachableError

if TYPE_CHECKING:
    from cluster.node.node import EmbeddedNode


@dataclass(frozen=True)
class Circumstances:
    """What a sentence needs to know: the address, who we are there, and our node if it is ours.

    api_key: whether one was given, in which case there is no user; client: whether one of the
    program's own was, which knows who we are.
    """

    url: str
    user: str | None = None
    api_key: bool = False
    node: EmbeddedNode | None = None
    client: bool = False


IndexNames = Callable[[], list[str]]


def explain(
    error: BaseException, where: Circumstances, index_names: IndexNames | None = None
) -> ClusterError:
    """The ClusterError that tells a user what `error` means.

    error: of opensearch-py, aiohttp, urllib3 or the system; a ClusterError comes back as it is,
    except that one without an address gets it; index_names: what may be suggested instead.
    """
    from opensearchpy.exceptions import ConnectionError as ClientConnectionError
    from opensearchpy.exceptions import TransportError

    if isinstance(error, UnreachableError):
        return _located(error, where)
    if isinstance(error, ClusterError):
        return error
    if isinstance(error, TransportError) and not isinstance(error, ClientConnectionError):
        return _answered(error, where, index_names)
    if where.node is not None and (absence := where.node.absence()):
        return UnreachableError(absence)
    return _unanswered(error, where)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and everything it wraps, in whichever attribute the libraries keep it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]


# What the text of a failed connection says -> the sentence, most telling first.
_SIGNS: tuple[tuple[str, str], ...] = (
    (
        r"WRONG_VERSION_NUMBER|record layer failure|UNEXPECTED_MESSAGE|http request",
        "{url} speaks plain http, not TLS: write http:// in `url`.",
    ),
    (
        r"[Hh]ostname mismatch|doesn't match|not valid for|IP address mismatch",
        "the certificate of {url} is for another host name: "
        "use the name that it was issued for in `url`.",
    ),
    (
        r"certificate has expired",
        "the certificate of {url} has expired: renew it on the cluster.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|self.signed certificate|unable to get .*issuer",
        "the certificate of {url} is signed by an authority that this machine does not trust: "
        "add it to the machine's trust store, or name its PEM file with `ca_certs`.",
    ),
    (
        r"timed out|[Tt]imeout",
        "{url} did not answer in time: look at the cluster's load, "
        "or allow more seconds with `timeout`.",
    ),
    (
        r"Name or service not known|nodename nor servname|getaddrinfo|name resolution"
        r"|No address associated",
        "the host name of {url} is not known: check `url`, and the network's name service.",
    ),
    (
        r"[Cc]onnection refused|Connect call failed|Errno 111",
        "nothing listens at {url}: start the cluster, or check host and port of `url`.",
    ),
    (
        r"Network is unreachable|No route to host",
        "the network has no way to {url}: check the network, a VPN for instance, and `url`.",
    ),
    (
        r"RemoteDisconnected|Connection aborted|reset by peer|BadStatusLine|Server disconnected"
        r"|EOF occurred",
        "{url} closed the connection without an answer: if it expects TLS, write https:// "
        "in `url`, else look at the cluster's log.",
    ),
)


def _located(error: UnreachableError, where: Circumstances) -> UnreachableError:
    if where.url in str(error):
        return error
    return UnreachableError(f"{where.url}: {error}; check `url`.")


def _unanswered(error: BaseException, where: Circumstances) -> ClusterError:
    causes = list(_causes(error))
    for each in causes:
        if isinstance(each, UnreachableError):
            return _located(each, where)
    text = " | ".join(f"{type(each).__name__}: {each}" for each in causes)
    for pattern, sentence in _SIGNS:
        if re.search(pattern, text):
            return UnreachableError(sentence.format(url=where.url))
    last = causes[-1]
    said = redacted_urls(f"{type(last).__name__}: {last}")
    return UnreachableError(f"{where.url} cannot be reached: {said}.")


def _answered(error: Any, where: Circumstances, index_names: IndexNames | None) -> ClusterError:
    """Sentence for an answer of 400 or more."""
    status, said = error.status_code, error_in(error)
    kind = kind_of(said)
    reason = reason_of(said).rstrip(".")
    if status == 401:
        return AccessError(_who(where))
    if kind == "resource_already_exists_exception" or "already exists as alias" in reason:
        return ClusterError(_taken(reason, where))
    if kind == "index_not_found_exception":
        return _missing_index(reason, where, index_names)
    if kind == "index_closed_exception":
        return ClusterError(_closed(said, where))
    if is_block(said):
        # That of a cluster that is starting passes by itself.
        kind_of_error = UnreachableError if status == 503 else ClusterError
        return kind_of_error(_block(reason, where))
    if status == 403:
        return AccessError(_forbidden(reason, where))
    if status == 429:
        return UnreachableError(
            f"{where.url} is overloaded ({reason}): wait and run the command "
            "again, with fewer requests at once."
        )
    if status in (502, 503, 504):
        return UnreachableError(
            f"{where.url} is not able to answer now (HTTP {status}: {reason}): look at the "
            "cluster's health, wait and run the command again."
        )
    return ClusterError(f"{where.url} refused the request (HTTP {status}): {reason}.")


def _who(where: Circumstances) -> str:
    if where.user:
        return (
            f"{where.url} does not accept the password of user {where.user!r}: correct it in "
            "`password`."
        )
    if where.api_key:
        return f"{where.url} does not accept the API key: correct it in `api_key`."
    if where.client:
        return f"{where.url} does not accept who the given client says it is: correct that there."
    return f"{where.url} wants to know who you are: give `user` with `password`, or `api_key`."


def _forbidden(reason: str, where: Circumstances) -> str:
    who = f"user {where.user!r}" if where.user else "your API key or anonymous user"
    who = "the user of the given client" if where.client else who
    # A permission may end in brackets of its own: indices:admin/refresh[s].
    name = r"\[([^\[\]]+(?:\[\w+\])?)\]"
    permission = re.search(rf"no permissions for {name}|action {name}", reason)
    if permission:
        name = permission[1] or permission[2]
        return f"{who} lacks the permission {name} on {where.url}: have a role with it granted."
    return f"{where.url} forbids this to {who}: {reason}."


def _missing_index(
    reason: str, where: Circumstances, index_names: IndexNames | None
) -> MissingIndexError:
    match = re.search(r"no such index \[([^\]]+)\]", reason)
    name = match[1] if match else "that you named"
    close = difflib.get_close_matches(name, _suggestions(index_names), n=3)
    hint = f" (did you mean {' or '.join(close)}?)" if close else ""
    return MissingIndexError(
        f"there is no index {name} on {where.url}{hint}",
        f"make it with `ingest(source, index={name!r})`",
    )


def _taken(reason: str, where: Circumstances) -> str:
    name = re.sub(r"^.*?\[([^\]/]+).*$", r"\1", reason)
    if "alias" in reason:
        return (
            f"{name!r} is an alias on {where.url}, so no index can have its name: choose another."
        )
    return (
        f"there is an index {name} on {where.url} already: choose another name, or remove it with "
        f"`delete_index(cluster, {name!r})`."
    )


def _closed(said: Any, where: Circumstances) -> str:
    told = said if isinstance(said, dict) else {}
    name = told.get("index") or (told.get("root_cause") or [{}])[0].get("index") or "NAME"
    return f"index {name} on {where.url} is closed: open it with `POST /{name}/_open`."


def _suggestions(index_names: IndexNames | None) -> list[str]:
    from opensearchpy.exceptions import OpenSearchException

    try:
        return index_names() if index_names else []
    except OpenSearchException:
        return []  # a list that we may not read only costs the suggestion


def _block(reason: str, where: Circumstances) -> str:
    block = re.search(r"blocked by: \[([^\]]+)\]", reason)
    name = block[1] if block else reason
    if "flood" in reason or "read-only / allow delete" in reason:
        return (
            f"{where.url} has made the index read-only because its disk is nearly full (block "
            f"{name!r}): free disk space on the cluster, then set "
            "index.blocks.read_only_allow_delete to null."
        )
    if "state not recovered" in reason or "no master" in reason or "no cluster" in reason:
        return f"{where.url} is not ready yet (block {name!r}): wait and run the command again."
    return f"{where.url} blocks this operation: lift the block {name!r} in the index's settings."
