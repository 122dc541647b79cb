"""How an index is now: its documents, shards, loads, blocks, aliases and pipelines."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.client.shards import SHARD_CURE
from cluster.diagnosis.finding import Finding
from cluster.diagnosis.templates import of_pipelines
from cluster.error_body import BLOCKS, lifting
from ingest.errors import IndexRefusedError
from ingest.index.describe import aliases, leases
from ingest.index.existing.diagnosis.index import Index
from ingest.index.existing.diagnosis.layout import enriching, nested_vectors
from ingest.index.note import busy, read_note


def of_shards(index: Index) -> list[Finding]:
    """Whether all its shards are there; raises ClusterError."""
    _, missing, every = index.documents
    if not missing:
        return [Finding(index.section, "shards", f"all there, {every}")]
    told = f"{missing} of {every} are on no node that answers: their documents are not found"
    return [Finding(index.section, "shards", told, SHARD_CURE)]


def of_documents(index: Index) -> list[Finding]:
    """How many documents it holds, with and without a vector, and passages each; ClusterError."""
    documents, missing, _ = index.documents
    having, section = index.with_vector, index.section
    part = " (of the shards that are there)" if missing else ""
    if having is None:
        return [Finding(section, "documents", f"{documents:,}{part}")]
    told = f"{having:,} with a vector, {documents - having:,} without{part}"
    cure = None
    if having < documents:
        cure = f"kNN does not find those: {enriching(index)}"
        if index.record and not index.record.adopted:
            cure = "kNN does not find those: ingest them again"
    return [Finding(section, "documents", told, cure, needed=False), *_passages(index, documents)]


def _passages(index: Index, documents: int) -> Iterator[Finding]:
    """Of one text: documents of the cluster, or vectors in nested objects."""
    vector, record, name = index.vector, index.record, "passages"
    if vector is None or not documents:
        return
    if vector.nested:
        count = nested_vectors(index)
        of = index.with_vector or 1
    elif record and not record.adopted:
        later = {"range": {record.fields.position: {"gte": 1}}}
        # Somebody may be writing, or have removed what is first.
        count, of = documents, max(1, documents - index.count(later))
    else:
        told = "one vector a document; what belongs together is not recorded"
        yield Finding(index.section, name, told, used=False)
        return
    yield Finding(index.section, name, f"{count:,} of {of:,} texts, {count / of:.1f} each")


def of_load(index: Index) -> list[Finding]:
    """Whether a load goes on, or was never ended; raises MappingError."""
    section, name = index.section, "load"
    try:
        note = read_note(index.name, index.description) if index.record else None
    except IndexRefusedError as error:
        return [Finding(section, name, "its note cannot be read", str(error))]
    if note is None:
        return [Finding(section, name, "none goes on, none was left unfinished")]
    if who := busy(note):
        return [Finding(section, name, f"goes on ({who}): not all is there yet", used=False)]
    relaxed = f", and left {', '.join(note.settings)} changed" if note.settings else ""
    cure = "run the same load again: it goes on where that one ended"
    return [Finding(section, name, f"one did not end{relaxed}", cure, needed=False)]


def of_blocks(index: Index) -> list[Finding]:
    """What its owner, or a full disk, forbids."""
    if index.settings is None:
        return [_hidden(index, "blocks")]
    found = index.settings.get("blocks") or {}
    named = {f"index.blocks.{name}" for name, value in found.items() if str(value) == "true"}
    held = [each for each in BLOCKS if each.setting in named]
    if not held:
        return [Finding(index.section, "blocks", "none")]
    told = f"{', '.join(each.setting for each in held)}: no load can write"
    return [Finding(index.section, "blocks", told, lifting(held, index.name), needed=False)]


def of_aliases(index: Index) -> list[Finding]:
    """Under which other names it is found."""
    if index.settings is None:
        return [_hidden(index, "aliases")]
    told = [_told(name, index.description["aliases"][name]) for name in aliases(index.description)]
    told += [f"{name} (of a load)" for name in leases(index.description)]
    return [Finding(index.section, "aliases", ", ".join(told) or "none")]


def _told(name: str, alias: dict[str, object]) -> str:
    said = [kind.removeprefix("is_").replace("_", " ") for kind, value in alias.items() if value]
    return f"{name} ({', '.join(said)})" if said else name


def of_pipes(index: Index) -> list[Finding]:
    """What its documents and searches go through; raises ClusterError."""
    if index.settings is None:
        return [_hidden(index, "pipelines")]
    found = of_pipelines(index.cluster, index.section, index.settings)
    return found or [Finding(index.section, "pipelines", "none")]


def _hidden(index: Index, name: str) -> Finding:
    told = "not seen: indices:admin/get is not permitted to this user"
    return Finding(index.section, name, told, used=False)
