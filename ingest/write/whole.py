"""What must hold before any work is begun: that an index has all its shards, and takes writes."""

from __future__ import annotations

from typing import Any, Literal

from cluster.client.shards import SHARD_CURE, silence
from ingest.errors import IndexRefusedError
from ingest.write.client import Fate, IndexClient, TooLargeError, TransientError, judge
from tandem.base.wire import path_of

# What a cluster says (HTTP 503) of an index none of whose shards is there.
NO_SHARD = "all shards failed"
# The two lines of a change that nothing takes: no document has this version.
_NO_VERSION = b'{"%b":{"_id":"rehearsal","if_seq_no":9007199254740992,"if_primary_term":1}}\n%b\n'
_BODIES = {"index": b"{}", "update": b'{"doc":{}}'}


def check_whole(client: IndexClient) -> None:
    """Raise IndexRefusedError for an index of which a part is missing, before any work.

    A part that goes while the work is done is waited for. Raises ClusterError.
    """
    try:
        missing = silence(client.once("POST", path_of(client.index, "_count")))
    except TransientError as error:
        # Else the cluster is busy, and is asked again.
        missing = str(error) if NO_SHARD in str(error) else None
    if missing:
        raise IndexRefusedError(
            f"index {client.index!r} is incomplete ({missing}), so not all of its documents could "
            f"be read and written: {SHARD_CURE}; run the same command again once it is whole."
        )


def rehearse_write(client: IndexClient, action: Literal["index", "update"]) -> str:
    """Send a change that holds for no version of a document, and tell why it was not taken.

    What forbids every write is told so before any work: a block of the whole cluster, which stands
    in no index's settings. Raises BlockedError, AccessError, OutageError.
    """
    body = _NO_VERSION % (action.encode(), _BODIES[action])
    params: dict[str, Any] = client.bulk_params
    try:
        answer = client.ask("POST", client.bulk_path, body, **params)
    except TooLargeError:  # by what stands between; the load tells it of each document
        return ""
    item = answer["items"][0][action]
    verdict = judge(item["status"], item.get("error"))
    if verdict.fate in (Fate.BLOCKED, Fate.FORBIDDEN):
        raise client.fatal(verdict)
    return verdict.reason
