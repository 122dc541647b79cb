"""Whether an index has all its shards: what a request leaves out without an error."""

from __future__ import annotations

from cluster.client.shards import SHARD_CURE, silence
from ingest.errors import IndexRefusedError
from ingest.write.client import IndexClient, TransientError
from mappings import path_of

# What a cluster says (HTTP 503) of an index none of whose shards is there.
NO_SHARD = "all shards failed"


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
