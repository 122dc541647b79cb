"""A run's lease of its index, from its first request to its last.

Every step may be done twice. It is retried as writing is, and where a run is killed between two of
them, the next one takes up the rest.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster.diagnosis.rights import require
from cluster.errors import AccessError, ClusterError
from ingest.errors import IndexRefusedError, IngestError, OutageError
from ingest.index.aliases.alias import claim, rehearse_switch, switch
from ingest.index.aliases.generations import Older
from ingest.index.describe import find_index, leases
from ingest.index.loading import (
    OpenIndex,
    enter,
    leave,
    mark_whole,
    new_token,
    restore,
)
from ingest.index.note import RUNNING, Note, loaded_already, read_note
from ingest.index.open import open_index
from ingest.records import PassageEncoder
from ingest.run.finish import rehearse
from ingest.run.plan import Plan, named
from ingest.write.client import IndexClient
from ingest.write.refresh import refresh
from mappings import uuid_in
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster

# Of two that begin to load an alias within this many seconds, neither may know who was first.
_YIELD_SECONDS = 2.0
_TRIES = 5
# How often, and after how many seconds each, it is looked for what an interrupted run was making.
_LOOKS, _LOOK_SECONDS = 5, 0.3


@dataclass(frozen=True)
class Lease:
    """An index that a run may write into; alias: what is to point there at the end."""

    cluster: Cluster
    index: OpenIndex
    alias: str | None
    plan: Plan

    def rival(self) -> tuple[str, str] | None:
        """Who has begun to load the alias at the same time, and into which index, or None."""
        return claim(self.cluster, self.alias, self.index) if self.alias else None

    def rehearse(self, client: IndexClient) -> None:
        """Try what the end needs before the load begins; raises AccessError, OutageError."""
        plan = self.plan
        continued = self.alias is not None and not self.index.created
        prunes = plan.confirm_prune is not None or continued
        if self.index.created:  # what its shards are asked could not be asked before
            client.persist(lambda: require(self.cluster, "add", self.index.name))
        rehearse(client, self.index, merges=plan.force_merge, prunes=prunes)
        if alias := self.alias:
            client.persist(lambda: rehearse_switch(self.cluster, alias, self.index, keep=plan.keep))

    def restore(self, client: IndexClient) -> None:
        """Put the owner's settings back, unless others still load."""
        client.persist(lambda: restore(self.cluster, self.index))

    def go_live(self, client: IndexClient) -> Older:
        """Point the alias to the index, which is whole; the older indexes that went for it."""
        alias, plan = str(self.alias), self.plan
        client.persist(lambda: mark_whole(self.cluster, self.index))
        return client.persist(
            lambda: switch(
                self.cluster,
                alias,
                self.index.name,
                keep=plan.keep,
                take_alias=plan.take_alias,
                run=self.index,
            )
        )

    def leave(self, client: IndexClient, *, doubtful: bool = False) -> None:
        """End the run's part in the index; doubtful: as for `loading.leave`."""
        client.persist(lambda: leave(self.cluster, self.index, doubtful=doubtful))

    def withdraw(self, client: IndexClient, *, empty: bool = True, doubtful: bool = False) -> None:
        """As `leave`, before the load has ended; an index with nothing in it goes.

        empty: the run wrote nothing. Else the index is not refreshed, which may take hours.
        """
        # Whatever comes of it: the note, where it stays, is of a run that is over.
        RUNNING.discard(self.index.token)
        if empty:
            with suppress(AccessError):
                client.persist(lambda: self._discard_empty(client))
        self.leave(client, doubtful=doubtful)

    def _discard_empty(self, client: IndexClient) -> None:
        index = self.index
        found = find_index(self.cluster, index.name).get(index.name)
        if found is None or uuid_in(found) != index.uuid:
            return
        if index.lease is None or index.lease in leases(found):
            _discard(self.cluster, client, index.name, read_note(index.name, found), index.token)


def _discard(
    cluster: Cluster, client: IndexClient, name: str, note: Note | None, token: str
) -> None:
    """Delete an index where a load made it, nobody else loads into it, and nothing is in it.

    Also where the load that made it was killed, and this one went on there.
    """
    if note is None or not note.made or note.others(token):
        return
    # Searches see what was written only after a refresh.
    refresh(client, name)
    if not client.ask("POST", path_of(name, "_count"))["count"]:
        with cluster.explaining():
            cluster.client.indices.delete(index=name, ignore=404)


def _abandon(cluster: Cluster, name: str, token: str, looks: int) -> None:
    """Look so often for an index that a run may have made, and discard it."""
    RUNNING.discard(token)
    client = IndexClient(cluster, name, time.sleep, max_outage=0.0)
    for _ in range(looks):  # the cluster may be making it still
        found = find_index(cluster, name).get(name)
        note = read_note(name, found) if found else None
        if note and token in note.loaders:
            _discard(cluster, client, name, note, token)
            return
        time.sleep(_LOOK_SECONDS)


def take_lease(
    cluster: Cluster,
    client: IndexClient,
    encoder: PassageEncoder,
    plan: Plan,
    index: str | None,
    alias: str | None,
) -> Lease:
    """Open the index that is to be written, and begin there.

    Raises IngestError unless exactly one of index and alias is given, and where another run loads
    the alias; IndexRefusedError where the vectors must not go there, ClusterError, OutageError.
    """
    tries = 0
    while True:
        name = client.persist(lambda: named(cluster, encoder, index, alias, plan))
        lease = _begin(cluster, client, encoder, plan, name, alias)
        try:
            rival = client.persist(lease.rival)
        except BaseException:
            lease.withdraw(client)
            raise
        if rival is None:
            return lease
        lease.withdraw(client)
        tries += 1
        if tries == _TRIES:
            raise loaded_already(str(alias), *rival)
        client.pause(random.uniform(0, _YIELD_SECONDS))


def _begin(
    cluster: Cluster,
    client: IndexClient,
    encoder: PassageEncoder,
    plan: Plan,
    name: str,
    alias: str | None,
) -> Lease:
    if cluster.has_credentials:
        client.persist(lambda: require(cluster, _role(cluster, plan, name, alias), name))
    token = new_token()
    RUNNING.add(token)
    try:
        index = client.persist(lambda: open_index(cluster, name, encoder, plan.shape, token, alias))
    except (KeyboardInterrupt, IndexRefusedError) as error:
        # What was refused as it was made, by an index template, is there already.
        looks = _LOOKS if isinstance(error, KeyboardInterrupt) else 1
        with suppress(ClusterError, IngestError):
            _abandon(cluster, name, token, looks)
        raise
    plan = plan.as_recorded(index.template)
    relax = plan.relax or index.created or alias is not None
    try:
        entered = client.persist(
            lambda: enter(
                cluster, index, alias=alias, relax=relax, keep_replicas=plan.keep_replicas
            )
        )
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            client.max_outage = min(client.max_outage, plan.writing.interrupt_outage)
        # Where the note may not be put, it may not be taken away either.
        with suppress(AccessError, OutageError):
            # Of a request that was broken off nobody knows whether it is carried out yet.
            doubtful = isinstance(error, KeyboardInterrupt | OutageError)
            Lease(cluster, index, alias, plan).withdraw(client, doubtful=doubtful)
        raise
    return Lease(cluster, entered, alias, plan)


def _role(cluster: Cluster, plan: Plan, name: str, alias: str | None) -> str:
    """Which role a load needs: one into an index that is there need not make or change it."""
    if alias:
        return "alias" if plan.keep is None else "keep"
    if plan.relax or not find_index(cluster, name):
        return "ingest"
    return "add" if plan.confirm_prune is None else "prune"
