"""Take over an index whose vectors others wrote: find out who made them, and record it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster.diagnosis.rights import require
from cluster.errors import MissingIndexError
from ingest.errors import IndexRefusedError
from ingest.index.aliases.written import check_unblocked, writable
from ingest.index.existing.fit import TEMPLATES, Fit, best_fit, check_fit
from ingest.index.existing.sample import Stored, count, random_documents
from ingest.records import PassageEncoder
from ingest.settings import Writing
from ingest.write.client import IndexClient
from ingest.write.whole import check_whole
from mappings import EncoderRecord, Fields, IndexRecord, read_record, settings_of
from mappings.existing import (
    SAMPLE,
    Roles,
    VectorField,
    assigned,
    fault_of_roles,
    full_text,
    is_lost,
    missing_properties,
    nested_in,
    resolved,
    source_field,
    vectors,
    with_free_names,
    with_record,
)
from tandem.base.arguments import checked_arguments
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster

# Spaces whose order is that of the cosine only where all vectors are of one length.
_BY_LENGTH = ("l2", "l2_norm", "innerproduct", "dot_product", "max_inner_product")
_UNIT = 0.01
# What reads titles and texts as Tandem's own template does.
USUAL = "{title}\n{text}"


@dataclass(frozen=True)
class Adoption:
    """What was found out of an index, and is recorded now.

    documents: all that it holds, with_vector: those of them that have one; notes: how its fields
    were found, and what else there is to say.
    """

    index: str
    fit: Fit
    fields: Fields
    documents: int
    with_vector: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "index": self.index,
            "cosine": round(self.fit.cosine, 4),
            "fitting": self.fit.fitting,
            "sampled": self.fit.sampled,
            "template": self.fit.template,
            "fields": {n: getattr(self.fields, n) for n in ("text", "title", "vector")},
            "documents": self.documents,
            "with_vector": self.with_vector,
        }


@checked_arguments(IndexRefusedError)
def adopt_index(
    cluster: Cluster,
    name: str,
    encoder: PassageEncoder,
    *,
    roles: Roles | None = None,
    vector_field: str | None = None,
    template: str | None = None,
    dry_run: bool = False,
) -> Adoption:
    """Compare what is stored in an index with what an encoder makes, and record it on a fit.

    roles: which fields hold the text and the titles, else they are found; template: what was
    encoded, such as `{title} - {text}`, else the usual ones are tried; dry_run: only tell. Its
    documents stay others': no ingestion changes or removes them. Raises IndexRefusedError where the
    vectors are not the encoder's, and its OtherPromptError where they are with another prompt.
    """
    index, description, record = _found(cluster, name)
    types = resolved(description["mappings"])
    if not dry_run:
        require(cluster, "adopt", index)
    check_whole(IndexClient(cluster, index, None, Writing().max_outage))
    vector = _vector_of(index, description, vector_field, encoder.dim)
    fields, notes = fields_of(cluster, index, description["mappings"], roles or Roles())
    fields = replace(fields, vector=vector.name)
    _check_source(index, description["mappings"], fields)
    sample = random_documents(cluster, index, fields, types)
    counts = _counts(cluster, index, fields)
    _check_sample(index, fields, sample, vector)
    fit = best_fit(encoder, sample, template)
    check_fit(index, encoder, fit)
    if record:
        fields = replace(record.fields, text=fields.text, title=fields.title, vector=fields.vector)
    else:
        fields = with_free_names(fields, types)
    if not dry_run:
        made = record_of(encoder, fields, None if _untitled(fit, sample) else fit.template)
        put_record(cluster, index, description["mappings"], made)
    return Adoption(index, fit, fields, *counts, (*notes, *_remarks(fit, counts)))


def _found(cluster: Cluster, name: str) -> tuple[str, dict[str, Any], IndexRecord | None]:
    """The index, its description, and its record, where it was adopted before."""
    if (found := writable(cluster, name)) is None:
        raise MissingIndexError(f"no index is called {name!r}", "check the name")
    index, description, _ = found
    check_unblocked(index, description, writes=False)
    record = read_record(description["mappings"], index)
    if record and not record.adopted:
        raise IndexRefusedError(
            f"index {index!r} has Tandem's record already ({record.encoder.model}): search it and "
            "ingest into it as it is."
        )
    return index, description, record


def record_of(encoder: PassageEncoder, fields: Fields, template: str | None) -> IndexRecord:
    """The record of an index that others made; template: None for Tandem's own."""
    made = EncoderRecord(encoder.name, encoder.fingerprint, encoder.dim, encoder.settings)
    own = None if template == USUAL else template
    return IndexRecord(made, fields, template=own, adopted=True)


def put_record(
    cluster: Cluster,
    index: str,
    mapping: Mapping[str, Any],
    record: IndexRecord,
    nested: str | None = None,
) -> None:
    """Write a record into an index, with the fields that it lacks; raises ClusterError.

    nested: the nested objects that hold the vectors, None where each document has one.
    """
    distribution = cluster.capabilities.distribution
    body = {
        "_meta": with_record(mapping, record),
        "properties": missing_properties(record, resolved(mapping), distribution, nested),
    }
    with cluster.explaining():
        cluster.client.indices.put_mapping(index=index, body=body)


def fields_of(
    cluster: Cluster, index: str, mapping: Mapping[str, Any], roles: Roles
) -> tuple[Fields, tuple[str, ...]]:
    """An index's text and title fields, and how they were found.

    Raises IndexRefusedError for a field that the index lacks, and where it has no text.
    """
    types = resolved(mapping)
    if fault := fault_of_roles(index, types, roles):
        raise IndexRefusedError(fault)
    full = full_text(types, [name for name in types if nested_in(name, types)])
    sample: list[Mapping[str, Any]] = []
    off = (mapping.get("_source") or {}).get("enabled") is False  # and nothing of it to be asked
    if len(full) > 1 and roles.text is None and not off:
        body = {"size": SAMPLE, "_source": full}
        with cluster.explaining():
            answer = cluster.client.transport.perform_request(
                "POST", path_of(index, "_search"), body=body
            )
        sample = [hit.get("_source") or {} for hit in answer["hits"]["hits"]]
    found = assigned(index, full, roles, sample)
    if not full and roles.text is None:
        raise IndexRefusedError(
            f"index {index!r} has no field of text that could be encoded: name one with "
            "`text_field`."
        )
    text, title = (source_field(name, mapping) for name in (found.fields.text, found.fields.title))
    return replace(found.fields, text=text, title=title), found.notes


def _vector_of(
    index: str, description: Mapping[str, Any], wanted: str | None, dim: int
) -> VectorField:
    """The field of vectors that is meant; raises IndexRefusedError where none is of use."""
    known = list(vectors(description["mappings"]))
    plain = (each for each in known if each.nested is None)
    there = {each.name: each for each in plain if each.element not in ("byte", "binary")}
    if wanted not in there and (wanted or len(there) != 1):
        raise IndexRefusedError(
            f"index {index!r} has {_lacking(wanted, [*there], [each.name for each in known])}: "
            + (
                f"name one with `vector_field` ({', '.join(there)})."
                if there
                else f"`enrich(cluster, {index!r}, encoder)` gives its documents some."
            )
        )
    found = there[wanted] if wanted else next(iter(there.values()))
    if found.dimension != dim:
        raise IndexRefusedError(
            f"field {found.name!r} of index {index!r} has {found.dimension} dimensions and this "
            f"model gives {dim}, so its vectors are another model's: name that one with `model`."
        )
    if found.engine and settings_of(description).get("knn") != "true":
        raise IndexRefusedError(
            f"index {index!r} has index.knn false, which cannot be changed, so its vectors cannot "
            f"be searched: `enrich(cluster, {index!r}, encoder, copy_to={index + '-2'!r}, "
            "vector_field='tandem_vector')` makes a copy that can."
        )
    return found


def _lacking(wanted: str | None, usable: list[str], known: list[str]) -> str:
    """What an index has instead of the one field of vectors that is meant."""
    if wanted:
        return f"no field {wanted!r} of one vector of numbers a document"
    if usable or not known:
        return "several fields of vectors" if usable else "no vectors"
    return f"vectors of bytes or in nested objects alone ({', '.join(known)})"


def _counts(cluster: Cluster, index: str, fields: Fields) -> tuple[int, int]:
    with_vector = {"exists": {"field": fields.vector}}
    return count(cluster, index), count(cluster, index, with_vector)


def _check_source(index: str, mapping: Mapping[str, Any], fields: Fields) -> None:
    """Raise IndexRefusedError where no document shows what is to be compared."""
    if lost := [each for each in (fields.text, fields.vector) if is_lost(mapping, each)]:
        raise IndexRefusedError(
            f"the _source of index {index!r} has no {' and no '.join(map(repr, lost))}, so nothing "
            "tells which model made its vectors: ingest its documents from where they came into a "
            "new index."
        )


def _check_sample(index: str, fields: Fields, sample: list[Stored], vector: VectorField) -> None:
    if not sample:
        raise IndexRefusedError(
            f"no document of index {index!r} has both a text in {fields.text!r} and a vector in "
            f"{fields.vector!r}, so there is nothing to compare: name others with `text_field` and "
            "`vector_field`."
        )
    lengths = [float(np.linalg.norm(each.vector)) for each in sample]
    if vector.space in _BY_LENGTH and max(abs(each - 1) for each in lengths) > _UNIT:
        raise IndexRefusedError(
            f"field {vector.name!r} of index {index!r} compares by {vector.space} and holds "
            f"vectors of length {min(lengths):.3g} to {max(lengths):.3g}, which rank as the cosine "
            "does only where all have length 1: ingest its documents into a new index."
        )


def _untitled(fit: Fit, sample: list[Stored]) -> bool:
    """Whether nothing tells the text alone from a title and a text."""
    return fit.template == TEMPLATES[0] and not any(each.title for each in sample)


def _remarks(fit: Fit, counts: tuple[int, int]) -> list[str]:
    everything, with_vector = counts
    said = []
    if fit.fitting < fit.sampled:
        said.append(
            f"{fit.sampled - fit.fitting} of {fit.sampled} sampled documents have vectors that are "
            "not of their text, as if it had changed since."
        )
    if with_vector < everything:
        said.append(
            f"{everything - with_vector:,} of {everything:,} documents have no vector, and kNN "
            "does not find them."
        )
    return said
