"""Turn what a client raises into one sentence: what happened, where, and the cure."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.access.failures import of_proxy, sentence_of
from cluster.access.settings import Access
from cluster.error_body import (
    blocks_in,
    error_in,
    forbidden,
    is_block,
    kind_of,
    lifting,
    reason_of,
)
from cluster.errors import AccessError, ClusterError, MissingIndexError, UnreachableError
from tandem.base.process.redact import redacted_text

if TYPE_CHECKING:
    from cluster.node.node import EmbeddedNode


@dataclass(frozen=True)
class ErrorContext:
    """What a sentence needs to know: the address, who we are there, and our node if it is ours.

    client: whether one of the program's own was given, which knows who we are.
    """

    access: Access
    node: EmbeddedNode | None = None
    client: bool = False

    @property
    def url(self) -> str:
        """The hosts that were named."""
        return self.access.url

    @property
    def known(self) -> bool:
        """Whether we say who we are."""
        return bool(self.access.credentials or self.access.certificates.client_cert or self.client)


IndexNames = Callable[[], list[str]]
RoleNames = Callable[[], list[str]]


def explain(
    error: BaseException,
    where: ErrorContext,
    index_names: IndexNames | None = None,
    role_names: RoleNames | None = None,
) -> ClusterError:
    """The ClusterError that tells a user what `error` means.

    error: of opensearch-py, aiohttp, urllib3 or the system; a ClusterError comes back as it is,
    except that one without an address gets it; index_names: what may be suggested
    instead; role_names: ours.
    """
    from opensearchpy.exceptions import ConnectionError as ClientConnectionError
    from opensearchpy.exceptions import TransportError

    if isinstance(error, UnreachableError):
        return _located(error, where)
    if isinstance(error, ClusterError):
        return error
    if isinstance(error, TransportError) and not isinstance(error, ClientConnectionError):
        return _answered(error, where, index_names, role_names)
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


def _located(error: UnreachableError, where: ErrorContext) -> UnreachableError:
    if where.url in str(error):
        return error
    return UnreachableError(f"{where.url}: {error}; check `url`.")


def _unanswered(error: BaseException, where: ErrorContext) -> ClusterError:
    causes = list(_causes(error))
    for each in causes:
        if isinstance(each, ClusterError):
            return _located(each, where) if isinstance(each, UnreachableError) else each
    text = " | ".join(f"{type(each).__name__}: {each}" for each in causes)
    if sentence := sentence_of(text, where.url, where.access.proxies):
        return UnreachableError(sentence)
    last = causes[-1]
    said = redacted_text(f"{type(last).__name__}: {last}".removesuffix(": "))
    return UnreachableError(f"{where.url} cannot be reached: {said}.")


def _answered(
    error: Any,
    where: ErrorContext,
    index_names: IndexNames | None,
    role_names: RoleNames | None,
) -> ClusterError:
    """Sentence for an answer of 400 or more."""
    status, said = error.status_code, error_in(error)
    kind = kind_of(said)
    reason = reason_of(said).rstrip(".")
    if status == 401:
        return AccessError(_who(where))
    if kind == "resource_already_exists_exception" or "already exists as alias" in reason:
        return ClusterError(_taken(reason, where))
    if "creates data streams only" in reason:
        return ClusterError(
            f"{where.url} makes data streams alone under such a name ({reason}): choose a name "
            "that the index template does not match."
        )
    if kind == "index_not_found_exception":
        return _missing_index(reason, where, index_names)
    if kind == "index_closed_exception":
        return ClusterError(_closed(said, where))
    if is_block(said):
        # That of a cluster that is starting passes by itself.
        told = _block(reason, where)
        return _busy(told, error) if status == 503 else ClusterError(told)
    if status == 403:
        return refused(reason, where, role_names)
    return _by_status(error, reason, where)


def _by_status(error: Any, reason: str, where: ErrorContext) -> ClusterError:
    status = error.status_code
    if status == 407:
        return UnreachableError(of_proxy(where.access.proxies))
    if status == 413:
        return ClusterError(
            f"{where.url} takes no request of this size (HTTP 413): have http.max_content_length "
            "raised there, or the limit of a proxy before it, or ask for less at once."
        )
    if status == 429:
        return _busy(
            f"{where.url} is overloaded ({reason}): {_wait(error)} and run the command "
            "again, with fewer requests at once.",
            error,
        )
    if status in (502, 503, 504):
        return _busy(
            f"{where.url} is not able to answer now (HTTP {status}: {reason}): look at the "
            f"cluster's health, {_wait(error)} and run the command again.",
            error,
        )
    if "imit of total fields" in reason:
        return ClusterError(
            f"{where.url} takes no more fields into the index ({reason}): raise "
            "index.mapping.total_fields.limit in its settings or, before there is an index, in the "
            "index template that its name matches."
        )
    return ClusterError(f"{where.url} refused the request (HTTP {status}): {reason}.")


def _busy(told: str, error: Any) -> UnreachableError:
    return UnreachableError(told, error.status_code, getattr(error, "retry_after", None))


def _wait(error: Any) -> str:
    """The advice to wait, as long as the cluster wants it."""
    seconds = getattr(error, "retry_after", None)
    return f"wait {math.ceil(seconds):,} seconds, as it asks," if seconds else "wait"


# Which of the credentials was given -> what we are called, and what a refusal (401) means.
_SAID: tuple[tuple[str, str, str], ...] = (
    (
        "user",
        "user {user!r}",
        "does not accept the password of user {user!r}, or knows no such user: correct it in "
        "`password`, or the name in `user`",
    ),
    ("api_key", "your API key", "does not accept the API key: correct it in `api_key`"),
    (
        "bearer_token",
        "the bearer of your token",
        "does not accept the bearer token, which may have expired: give a new one in "
        "`bearer_token`",
    ),
    (
        "aws",
        "your credentials for Amazon's services",
        "does not accept requests signed for service {aws!r}: correct `aws`, `aws_region`, or the "
        "credentials that the AWS command line finds",
    ),
)
_NOBODY = (
    "wants to know who you are: give `user` with `password`, `api_key`, `bearer_token` or "
    "`client_cert`"
)


def _who(where: ErrorContext) -> str:
    if where.client:
        return f"{where.url} does not accept who the given client says it is: correct that there."
    who = where.access.credentials
    said = next((said for name, _, said in _SAID if getattr(who, name)), _NOBODY)
    return f"{where.url} {said.format(user=who.user, aws=who.aws)}."


def refused(reason: str, where: ErrorContext, role_names: RoleNames | None) -> AccessError:
    """The sentence for what is forbidden to us; reason: the cluster's."""
    return forbidden(reason, _whoever(where), where.url, lambda: _asked(role_names))


def _whoever(where: ErrorContext) -> str:
    known = where.access.credentials
    nobody = "your certificate" if where.access.certificates.client_cert else "the anonymous user"
    name = next((name for field, name, _ in _SAID if getattr(known, field)), nobody)
    return "the user of the given client" if where.client else name.format(user=known.user)


def _missing_index(
    reason: str, where: ErrorContext, index_names: IndexNames | None
) -> MissingIndexError:
    match = re.search(r"no such index \[([^\]]+)\]", reason)
    name = match[1] if match else "that you named"
    close = difflib.get_close_matches(name, _asked(index_names), n=3)
    hint = f" (did you mean {' or '.join(close)}?)" if close else ""
    return MissingIndexError(
        f"there is no index {name} on {where.url}{hint}",
        f"make it with `ingest(source, index={name!r})`",
    )


def _taken(reason: str, where: ErrorContext) -> str:
    name = re.sub(r"^.*?\[([^\]/]+).*$", r"\1", reason)
    if "alias" in reason:
        return (
            f"{name!r} is an alias on {where.url}, so no index can have its name: choose another."
        )
    return (
        f"there is an index {name} on {where.url} already: choose another name, or remove it with "
        f"`delete_index(cluster, {name!r})`."
    )


def _closed(said: Any, where: ErrorContext) -> str:
    told = said if isinstance(said, dict) else {}
    name = told.get("index") or (told.get("root_cause") or [{}])[0].get("index") or "NAME"
    return f"index {name} on {where.url} is closed: open it with `POST /{name}/_open`."


def _asked(names: Callable[[], list[str]] | None) -> list[str]:
    from opensearchpy.exceptions import OpenSearchException

    try:
        return names() if names else []
    except OpenSearchException:
        return []  # a list that we may not read only costs what it would add to a sentence


def _block(reason: str, where: ErrorContext) -> str:
    block = re.search(r"blocked by: \[([^\]]+)\]", reason)
    name = block[1] if block else reason
    if "state not recovered" in reason or "no master" in reason or "no cluster" in reason:
        return f"{where.url} is not ready yet (block {name!r}): wait and run the command again."
    index = re.match(r"index \[([^\]]+)\]", reason)
    held, of = blocks_in(reason), f" for index {index[1]}" if index else ""
    full = ", as on a disk that is nearly full" if any(each.by_disk for each in held) else ""
    cure = lifting(held, index[1]) if index else lifting(held)
    return f"{where.url} forbids this{of}{full} (block {name!r}): {cure}."
