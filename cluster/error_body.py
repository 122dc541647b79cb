"""What stands in the body of a refusal: its error object, the reasons in that, and its kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.errors import AccessError, MissingRightError
from tandem.base.wire import path_of

# k-NN quotes the whole vector in its complaint.
_PREVIEW = re.compile(r" ?Preview of field's value: '.*?'(?=$|:)", re.S)
_LONGEST_REASON = 500
# Where the reason stands; the last two in what Amazon's services answer before the cluster does.
_WORDS = ("reason", "type", "message", "Message")


def error_in(refusal: Any) -> Any:
    """The error object of what the client raised for an answer of 400 or more, or its plain text.

    refusal: opensearch-py's TransportError.
    """
    body = refusal.info if len(refusal.args) > 2 else None
    said = body.get("error", body) if isinstance(body, Mapping) else body
    # A refresh that is forbidden says so only of its shards.
    shards = said.get("_shards") if isinstance(said, Mapping) else None
    if isinstance(shards, Mapping) and (failures := shards.get("failures")):
        said = failures[0].get("reason")
    return said or refusal.error


def reason_of(error: Any, otherwise: str = "no reason given") -> str:
    """The reasons in an error object, outermost first, each said once, on one line.

    otherwise: what stands where the cluster gives none; no sentence ends in nothing.
    """
    if not isinstance(error, Mapping):
        return _line(error or "")[:_LONGEST_REASON] or otherwise
    reasons: list[str] = []
    for cause in _chain(error):
        words = (cause.get(name) for name in _WORDS)
        said = _PREVIEW.sub("", _line(next(filter(None, words), "")))
        if said and not any(said in known for known in reasons):
            reasons.append(said)
    return ": ".join(reason[:_LONGEST_REASON] for reason in reasons) or otherwise


def kind_of(error: Any) -> str:
    """The type of an error object, as index_closed_exception; plain text is its own."""
    return str(error.get("type", "") if isinstance(error, Mapping) else error)


def is_block(error: Any) -> bool:
    """Whether an owner, a full disk or a start (which passes, HTTP 503) forbids the request."""
    return kind_of(error).endswith("block_exception")


@dataclass(frozen=True)
class Block:
    """What forbids requests: its number in a refusal, the setting that holds it, and who sets it.

    by_disk: a cluster does, whose disks are nearly full, and lifts it once they are not.
    """

    number: str
    setting: str
    by_disk: bool = False


# Source: the ClusterBlock constants of IndexMetadata.java and Metadata.java, in both products.
BLOCKS = (
    Block("12", "index.blocks.read_only_allow_delete", by_disk=True),
    Block("5", "index.blocks.read_only"),
    Block("8", "index.blocks.write"),
    Block("7", "index.blocks.read"),
    Block("9", "index.blocks.metadata"),
    Block("13", "cluster.blocks.read_only_allow_delete"),
    Block("6", "cluster.blocks.read_only"),
    Block("10", "cluster.blocks.create_index", by_disk=True),
)


def blocks_in(reason: str) -> list[Block]:
    """The blocks that a refusal names, as in `blocked by: [FORBIDDEN/8/index write (api)];`."""
    numbers = re.findall(r"\[[A-Z_]+/(\d+)/", reason)
    return [each for each in BLOCKS if each.number in numbers]


def lifting(blocks: Iterable[Block], index: str = "INDEX") -> str:
    """What an owner does about blocks, as an advice without its full stop."""
    found = list(blocks)
    of_index, of_cluster = (
        dict.fromkeys(each.setting for each in found if each.setting.startswith(scope))
        for scope in ("index.", "cluster.")
    )
    requests = []
    if of_index:
        requests.append(f"PUT {path_of(index, '_settings')} {json.dumps(of_index)}")
    if of_cluster:
        both = {"persistent": of_cluster, "transient": of_cluster}
        requests.append(f"PUT /_cluster/settings {json.dumps(both)}")
    full = "free disk space, whereupon the cluster lifts it itself, or "
    by = f" with {' and '.join(requests)}" if requests else ""
    return f"{full if any(each.by_disk for each in found) else ''}lift the block{by}"


def _chain(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """An error object, its cause, the cause of that: a root cause where no other is told."""
    cause: Any = error
    while isinstance(cause, Mapping):
        yield cause
        cause = cause.get("caused_by") or next(iter(cause.get("root_cause") or ()), None)


def _line(text: Any) -> str:
    return " ".join(str(text).split())


# OpenSearch's security looks for these among a role's cluster_permissions, and for all else among
# its index_permissions. Source: PrivilegesEvaluator.isClusterPerm.
_CLUSTER_LEVEL = re.compile(
    r"cluster:|indices:admin/(index_)?template/|indices:data/read/(scroll|msearch)"
    r"|indices:data/(write/(bulk|reindex)|read/m(get|tv)|read/search/template/render)$"
)
# A permission may end in brackets of its own: indices:admin/refresh[s].
_NAMES = r"\[((?:[^\[\]]|\[\w+\])+)\]"


def forbidden(reason: str, who: str, url: str, role_names: Callable[[], list[str]]) -> AccessError:
    """The sentence for what we may not do, from the cluster's reason.

    who: we are, as a sentence begins; role_names: asks for our roles, to one of which the
    permission is to be added, none where the cluster does not tell.
    """
    if found := re.search(rf"no permissions for {_NAMES}", reason):
        names = tuple(each.strip() for each in found[1].split(","))
        level = "cluster" if all(map(_CLUSTER_LEVEL.match, names)) else "index"
        where_to = f"the {level}_permissions of a role"
    elif found := re.search(rf"action {_NAMES}", reason):
        names = (found[1],)
        level = "cluster" if "cluster privileges" in reason else "index"
        granted = re.search(rf"granted by the (?:index|cluster) privileges {_NAMES}", reason)
        where_to = (
            f"a role (by the privilege {granted[1].replace(',', ' or ')})" if granted else "a role"
        )
    else:
        return AccessError(f"{url} forbids this to {who}: {reason}.")
    own = f" ({', '.join(sorted(roles))})" if (roles := role_names()) else ""
    return MissingRightError(
        f"{who} lacks the {level} permission {' and '.join(names)} on {url}: have it added "
        f"to {where_to} that the user has{own}.",
        names,
    )
