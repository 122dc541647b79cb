"""Whether a model made the vectors of an index: a sample encoded again, and compared."""

from __future__ import annotations

from collections.abc import Callable

from cluster.diagnosis.finding import Finding
from ingest.index.existing.adopt import USUAL
from ingest.index.existing.diagnosis.index import Index
from ingest.index.existing.enrich.texts import Texts
from ingest.index.existing.enrich.walk import StoredDocument
from ingest.index.existing.fit import Fit, best_fit, compared
from ingest.index.existing.sample import Stored, random_documents
from ingest.records import PassageEncoder, Version
from mappings import EncoderRecord, IndexRecord
from mappings.existing import VectorField

# Loads the encoder of a record, or the one that the user names; None where neither is known.
LoadEncoder = Callable[[EncoderRecord | None], PassageEncoder | None]


def of_fit(index: Index, load: LoadEncoder) -> list[Finding]:
    """Whether the stored vectors are a model's; raises ClusterError, EncoderError, MappingError."""
    vector, record, section = index.vector, index.record, index.section
    if vector is None:
        return []
    if why := _unknown(index, vector):
        return [Finding(section, "model fit", f"not compared: {why}", used=False)]
    encoder = load(record.encoder if record else None)
    if encoder is None:
        told = "not compared: nothing says which model made the vectors; name it with `model`"
        return [Finding(section, "model fit", told, used=False)]
    if encoder.dim != vector.dimension:
        told = f"{encoder.name} gives {encoder.dim} dimensions and the vectors have"
        cure = "name another `model`"
        return [Finding(section, "model fit", f"no: {told} {vector.dimension}", cure)]
    fields, _ = index.found
    sample = random_documents(index.cluster, index.place, fields, index.types)
    if not sample:
        told = "not compared: no document has both a text and a vector"
        return [Finding(section, "model fit", told, used=False)]
    return [*_of_fingerprint(index, encoder), _judged(index, encoder, _fit(index, encoder, sample))]


def _unknown(index: Index, vector: VectorField) -> str | None:
    if vector.element == "binary":
        return "its vectors are bits"
    if vector.nested and not index.record:
        return f"how its owner cut the texts into the passages of {vector.nested} is not known"
    return None


def _fit(index: Index, encoder: PassageEncoder, sample: list[Stored]) -> Fit:
    record, vector = index.record, index.vector
    if record and vector and vector.nested:
        return _of_first_passages(encoder, record, vector.nested, sample)
    return best_fit(encoder, sample, (record.template or USUAL) if record else None)


def _of_first_passages(
    encoder: PassageEncoder, record: IndexRecord, nested: str, sample: list[Stored]
) -> Fit:
    """Texts cut as an enrichment cuts them."""
    texts = Texts(encoder, record, nested, lambda count: None)
    nowhere = Version("", 0, 0, None)
    items = [texts.item(StoredDocument(nowhere, each.row)) for each in sample]
    texts.split(items)
    firsts = [item.passages[0] for item in items]
    stored = [each.vector[: encoder.dim] for each in sample]
    return compared(encoder, firsts, stored, record.template or USUAL)


def _of_fingerprint(index: Index, encoder: PassageEncoder) -> list[Finding]:
    """Whether it is the record's own model, by which alone the index is searched."""
    record = index.record
    if record is None or record.encoder.fingerprint == encoder.fingerprint:
        return []
    told = f"{encoder.name} (fingerprint {encoder.fingerprint}) is not the record's"
    return [Finding(index.section, "model", told, "search with the record's model")]


def _judged(index: Index, encoder: PassageEncoder, fit: Fit) -> Finding:
    section, name = index.section, "model fit"
    told = (
        f"{fit.fitting} of {fit.sampled} sampled documents have {encoder.name}'s vectors, cosine "
        f"{fit.cosine:.3f}"
    )
    if not fit.fits:
        cure = "name another `model`, or ingest the documents into a new index"
        return Finding(section, name, told, cure)
    encoded = fit.template.replace("\n", "\\n")
    if fit.prompt and not index.record:
        cure = f"`adopt_index(cluster, {index.name!r}, encoder)` finds the prompt and records it"
        return Finding(section, name, f"{told}, with {fit.prompt!r} before", cure, needed=False)
    return Finding(section, name, f"{told}, encoded as '{encoded}'")
