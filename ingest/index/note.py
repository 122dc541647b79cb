"""The note of a load, in the index's `_meta`: who loads, and what is put back at the end."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from cluster.errors import ClusterError
from ingest.errors import IndexRefusedError
from mappings import LOADING, load_note, settings_of, with_load_note
from tandem.base.schema import as_type

if TYPE_CHECKING:
    from cluster import Cluster

# A run that was silent for so long is dead. Clocks of two machines may differ by less.
SILENT_SECONDS = 120.0
NO_REFRESH = {"refresh_interval": "-1"}
# While it loads. What expands by itself would undo the second.
RELAXED = {**NO_REFRESH, "number_of_replicas": "0", "auto_expand_replicas": "false"}
# What a cluster takes for the settings that are put back; whoever may write a mapping wrote these.
_FORMS = {
    "refresh_interval": re.compile(r"-1|\+?0+|\+?\d+\s*(nanos|micros|ms|[smhd])", re.IGNORECASE),
    "number_of_replicas": re.compile(r"\+?\d+"),
    "auto_expand_replicas": re.compile(r"false|\d+-(\d+|all)"),
}
_MEND = (
    "set refresh_interval and number_of_replicas as they should be, and put the _meta without "
    f"{LOADING!r}"
)
# Tokens of the runs of this process: a number of a process may come back, a token does not.
RUNNING: set[str] = set()


@dataclass(frozen=True)
class Loader:
    """A process that loads, and when it was last heard of, in seconds since 1970."""

    host: str
    pid: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    at: Annotated[int, Meta(ge=0, le=2**53)]

    def lives(self, token: str) -> bool:
        """Whether it goes on, as far as is known here; token: of its run."""
        # Of a clock that is far ahead too: it would be waited for until ours is as late.
        if abs(time.time() - self.at) > SILENT_SECONDS:
            return False
        if self.host != socket.gethostname():
            return True
        if self.pid == os.getpid():
            return token in RUNNING
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def mark() -> Loader:
    """The process that runs this, now."""
    return Loader(socket.gethostname(), os.getpid(), int(time.time()))


@dataclass(frozen=True)
class Note:
    """What is known of a load that has not ended.

    alias: what is to point to the index at the end; whole: only that is still to be done, or the
    note to be taken away; settings: those to put back, None for one that was not set; loaders: by
    the token of each run; made: by the load itself, so that an index with nothing in it goes; held:
    the uuid of the index that takes no writes for this load, from before it is told so until after.
    """

    alias: str | None = None
    whole: bool = False
    settings: Mapping[str, str | None] = field(default_factory=dict)
    loaders: Mapping[str, Loader] = field(default_factory=dict)
    made: bool = False
    held: str | None = None

    def others(self, token: str) -> dict[str, Loader]:
        """Those that go on, but for the run of this token."""
        return {t: each for t, each in self.loaders.items() if t != token and each.lives(t)}


def busy(note: Note | None, but: str = "") -> str | None:
    """Who is loading, in words, or None where nobody is; but: the token of a run that is meant."""
    for loader in note.others(but).values() if note else ():
        age = time.time() - loader.at
        heard = f"last heard of {age:.0f} seconds ago"
        if age < -1:
            heard = f"whose clock is {-age:.0f} seconds ahead of this one's, or more"
        return f"process {loader.pid} on {loader.host}, {heard}"
    return None


def loaded_already(alias: str, who: str, index: str) -> IndexRefusedError:
    """The sentence for an alias whose index another process fills."""
    return IndexRefusedError(
        f"{alias!r} is being loaded already ({who}, into {index!r}): wait for its end; if "
        f"it was killed, {SILENT_SECONDS:.0f} seconds of silence tell, so try again."
    )


def read_note(index: str, description: Mapping[str, Any]) -> Note | None:
    """The note in what GET /INDEX says of an index that Tandem made, or None.

    Raises IndexRefusedError for a damaged one.
    """
    if (found := load_note(description["mappings"])) is None:
        return None
    try:
        note = as_type(found, Note)
    except msgspec.ValidationError as error:
        raise _damaged(index, str(error).replace("`", "").replace("$.", "")) from error
    for name, form in _FORMS.items():
        value = note.settings.get(name)
        if value is not None and not form.fullmatch(value.strip()):
            raise _damaged(index, f"{name} is {value[:40]!r}")
    return note


def _damaged(index: str, why: str) -> IndexRefusedError:
    return IndexRefusedError(
        f"index {index!r} has a note of a load in its mapping's _meta that cannot be read "
        f"({why}): {_MEND}."
    )


def meta_with(mapping: Mapping[str, Any], note: Note | None) -> dict[str, Any]:
    """The `_meta` of a mapping with a note, of an index that is there or is to be made."""
    return with_load_note(mapping, asdict(note) if note else None)


def put_note(
    cluster: Cluster, index: str, description: Mapping[str, Any], note: Note | None
) -> None:
    """Put another note into an index that was described a moment ago, or none; ClusterError."""
    meta = meta_with(description["mappings"], note)
    with cluster.explaining():
        cluster.client.indices.put_mapping(index=index, body={"_meta": meta})


def put_settings(
    cluster: Cluster,
    index: str,
    description: Mapping[str, Any],
    settings: Mapping[str, str | None],
    *,
    again: bool = False,
) -> None:
    """Give an index those settings that it has not, or all of them again; ClusterError."""
    now = settings_of(description)
    new = {name: value for name, value in settings.items() if again or now.get(name) != value}
    if "auto_expand_replicas" not in now:
        new.pop("auto_expand_replicas", None)
    if new:
        with cluster.explaining():
            cluster.client.indices.put_settings(index=index, body={"index": new})


def put_back(
    cluster: Cluster,
    index: str,
    description: Mapping[str, Any],
    note: Note,
    *,
    doubtful: bool = False,
) -> None:
    """Put back what a note names, where it is still relaxed; doubtful: or may yet be.

    Raises IndexRefusedError for what the cluster does not take, and ClusterError.
    """
    now = settings_of(description)
    owners = {n: v for n, v in note.settings.items() if n in RELAXED}
    back = {n: v if now.get(n) == RELAXED[n] else now.get(n) for n, v in owners.items()}
    try:
        put_settings(cluster, index, description, back, again=doubtful)
    except ClusterError as error:
        if getattr(error.__cause__, "status_code", None) == 400:
            named = ", ".join(f"{name} {value[:40]!r}" for name, value in back.items() if value)
            raise IndexRefusedError(
                f"index {index!r} has a note of a load in its mapping's _meta with settings to be "
                f"put back ({named}) that the cluster does not take "
                f"({str(error).rstrip('.;')}): {_MEND}."
            ) from error
        raise
