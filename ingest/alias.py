"""A new model with no downtime: fill a new index, then point the alias at it in one step."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from ingest.errors import IndexRefusedError
from ingest.index import LOADING, check_name
from mappings import read_record

if TYPE_CHECKING:
    from cluster import Cluster


def index_for(cluster: Cluster, alias: str, fingerprint: str) -> str:
    """The index that an alias's load fills: an interrupted one of this encoder, or a new name.

    Raises IndexRefusedError where the alias's name is that of an index.
    """
    generations = _generations(cluster, alias)
    live = _holders(cluster, alias)
    for name in sorted(generations.keys() - live, reverse=True):
        note = _meta(generations[name]).get(LOADING) or {}
        record = read_record(generations[name]["mappings"], name)
        if note.get("alias") == alias and record and record.encoder.fingerprint == fingerprint:
            return name
    name = f"{alias}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    while name in generations:  # a load of less than a second
        time.sleep(0.1)
        name = f"{alias}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    return name


def _generations(cluster: Cluster, alias: str) -> dict[str, dict[str, Any]]:
    """All indexes of an alias's loads, by name."""
    check_name(alias)
    try:
        if cluster.client.indices.exists(index=alias) and not cluster.client.indices.exists_alias(
            name=alias
        ):
            raise IndexRefusedError(
                f"{alias!r} is an index, so no alias can have its name: choose another name for "
                f"the alias, or copy it to a new name and delete it first."
            )
        found: dict[str, dict[str, Any]] = cluster.client.indices.get(
            index=f"{alias}-*", ignore_unavailable=True
        )
    except IndexRefusedError:
        raise
    except Exception as error:
        raise cluster.explain(error) from error
    pattern = re.compile(re.escape(alias) + r"-\d{14}")
    return {name: each for name, each in found.items() if pattern.fullmatch(name)}


def switch(
    cluster: Cluster, alias: str, index: str, *, keep: int | None, loaded: bool = False
) -> list[str]:
    """Point the alias at one index in one step, and return the names of the indexes deleted.

    keep: how many older generations (ALIAS- and a time stamp, not being loaded) stay; None keeps
    all; loaded: the caller knows that the index is whole. Raises IndexRefusedError where the
    alias's name is that of an index or its load has not ended, ClusterError where the index is not
    there.
    """
    generations = _generations(cluster, alias)
    if not loaded and index in generations and LOADING in _meta(generations[index]):
        raise IndexRefusedError(
            f"the load of {index!r} has not ended: end it first, with the same `tandem ingest "
            f"--alias {alias}` as before, which also points the alias there."
        )
    try:
        actions: list[dict[str, Any]] = [
            {"remove": {"index": name, "alias": alias}}
            for name in _holders(cluster, alias)
            if name != index
        ]
        actions.append({"add": {"index": index, "alias": alias}})
        cluster.client.indices.update_aliases(body={"actions": actions})
    except Exception as error:
        raise cluster.explain(error) from error
    if keep is None:
        return []
    return _delete_older(cluster, index, generations, keep)


def _delete_older(
    cluster: Cluster, index: str, generations: dict[str, dict[str, Any]], keep: int
) -> list[str]:
    try:
        now = _created(cluster.client.indices.get(index=index)[index])
        born = {
            name: _created(each) for name, each in generations.items() if LOADING not in _meta(each)
        }
        older = sorted((name for name in born if born[name] < now), key=lambda name: born[name])
        gone = older[: max(0, len(older) - keep)]
        for name in gone:
            cluster.client.indices.delete(index=name)
    except Exception as error:
        raise cluster.explain(error) from error
    return gone


def _created(description: dict[str, Any]) -> int:
    return int(description["settings"]["index"]["creation_date"])


def _meta(description: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = description["mappings"].get("_meta", {})
    return found


def _holders(cluster: Cluster, alias: str) -> set[str]:
    from opensearchpy.exceptions import NotFoundError

    try:
        return set(cluster.client.indices.get_alias(name=alias))
    except NotFoundError:
        return set()
    except Exception as error:
        raise cluster.explain(error) from error
