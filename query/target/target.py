"""What is searched: the index's fields, its vectors and who made them, from GET /INDEX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from mappings import (
    PIPELINE,
    EncoderRecord,
    Fields,
    IndexRecord,
    MappingError,
    SearchSettings,
    load_note,
    own_meta,
    read_record,
    read_search,
    replicas_of,
    settings_of,
    shards_of,
)
from mappings.existing import (
    VECTOR_TYPES,
    Assignment,
    Roles,
    VectorField,
    assigned,
    full_text,
    nested_in,
    resolved,
    types_of,
    vectors,
)
from query.errors import TargetError
from query.question import HYBRID, MOST, Question


@dataclass(frozen=True)
class Target:
    """An index or alias as a search sees it.

    name: as it was given; indexes: what stands behind it; types: dotted field name -> type;
    vectors: all of the first index that can be searched, others: those of each further index;
    record: who encoded it; refusal: why its vectors cannot be searched, though its text can;
    shards: index -> how many it has, 1 where that may not be read; window: max_result_window;
    pipeline: the index's own default search pipeline; loading: an ingestion has not finished;
    searched: fields of words, where there is no record; notes: how its fields were found; settings:
    of its searches, where it has been tuned; uuids: of its indexes, their names where that may not
    be read; sourceless: one of them keeps no `_source`.
    """

    name: str
    indexes: frozenset[str]
    fields: Fields
    types: Mapping[str, str]
    vectors: tuple[VectorField, ...]
    others: Mapping[str, tuple[VectorField, ...]]
    record: EncoderRecord | None
    refusal: str | None
    shards: Mapping[str, int]
    replicas: int
    window: int
    pipeline: str | None
    loading: bool
    searched: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    settings: SearchSettings | None = None
    uuids: frozenset[str] = frozenset()
    sourceless: bool = False

    @cached_property
    def all_shards(self) -> int:
        """Shards of all indexes together."""
        return sum(self.shards.values())

    @cached_property
    def hidden_fields(self) -> tuple[str, ...]:
        """What a hit's source never shows: vectors and the content hash."""
        vectors = {name for name, kind in self.types.items() if kind in VECTOR_TYPES}
        # Without them, nested objects that hold nothing else would be shown as empty.
        holders = {path for name in vectors if (path := nested_in(name, self.types))}
        empty = {
            path
            for path in holders
            if all(name in vectors for name in self.types if name.startswith(f"{path}."))
        }
        return tuple(sorted(vectors | empty | {self.fields.vector, self.fields.content_hash}))

    @cached_property
    def shown_text(self) -> tuple[str, ...]:
        """Where the text of a hit stands: the first of these that is there."""
        return tuple(dict.fromkeys((self.fields.text, *self.text_fields)))

    @cached_property
    def text_fields(self) -> tuple[str, ...]:
        """What BM25 searches by default: text and title, or what was found without a record."""
        if self.searched:
            return self.searched
        full = self.full_text
        own = (f"{self.fields.text}.", f"{self.fields.title}.")
        return tuple([f for name in own for f in full if f"{f}.".startswith(name)] or full)

    @cached_property
    def full_text(self) -> list[str]:
        """Every field whose words can be searched."""
        return full_text(self.types, [name for name in self.types if nested_in(name, self.types)])

    def vector_field(self, wanted: str | None) -> VectorField:
        """The field to search for neighbours; raises TargetError where there is not exactly one."""
        if self.refusal:
            raise TargetError(self.refusal)
        if not self.vectors:
            raise TargetError(
                f"index {self.name!r} has no field of vectors: search it with mode bm25, or give "
                f"its documents some with `enrich(cluster, {self.name!r}, encoder)`."
            )
        names = [vector.name for vector in self.vectors]
        if wanted is None and self.record:
            wanted = self.fields.vector
        if wanted is None and len(names) > 1:
            raise TargetError(
                f"index {self.name!r} has several fields of vectors ({', '.join(names)}): name "
                "one with `Knn.field`."
            )
        for vector in self.vectors:
            if wanted in (None, vector.name):
                self._check_alike(vector)
                return vector
        raise TargetError(
            f"index {self.name!r} has no field {wanted!r} of vectors: it has {', '.join(names)}."
        )

    def with_roles(self, found: Assignment) -> Target:
        """The same target, with the fields that were found for it."""
        return replace(self, fields=found.fields, searched=found.searched, notes=found.notes)

    def refuse_roles(self, roles: Roles) -> Target:
        """Return it; raises TargetError where a user's word is against its record."""
        for role, name in roles.given.items():
            own = getattr(self.fields, role)
            if name != own:
                raise TargetError(
                    f"index {self.name!r} has Tandem's record, by which its {role} is in {own!r} "
                    f"and not in {name!r}: leave out `{role}_field`."
                )
        return self

    def tuned(self, question: Question) -> Question:
        """The same question; of a hybrid one, what it leaves open is as the index was tuned."""
        tuning = question.tuning
        if self.settings is None or question.mode != HYBRID or tuning.pipeline:
            return question
        bm25 = replace(tuning.bm25, fields=tuning.bm25.fields or self.settings.fields)
        fusion, depth = tuning.fusion or self.settings.fusion, tuning.depth or self.settings.depth
        return replace(question, tuning=replace(tuning, bm25=bm25, fusion=fusion, depth=depth))

    def _check_alike(self, vector: VectorField) -> None:
        """Refuse a field that is another one, or missing, in one of several indexes."""
        for index, fields in self.others.items():
            theirs = next((each for each in fields if each.name == vector.name), None)
            if theirs is None:
                raise TargetError(
                    f"{self.name!r} stands for several indexes, and {index!r} has no field "
                    f"{vector.name!r} of vectors: search the indexes one by one, or use mode bm25."
                )
            for what, here, there in (
                ("dimensions", vector.dimension, theirs.dimension),
                ("space", vector.space, theirs.space),
                ("numbers", vector.element, theirs.element),
                ("nested objects", vector.nested, theirs.nested),
            ):
                if here != there:
                    raise TargetError(
                        f"{self.name!r} stands for several indexes whose field {vector.name!r} "
                        f"differs ({what} {here} in one, {there} in {index!r}), so their scores do "
                        "not compare: search the indexes one by one, or use mode bm25."
                    )


def read_target(name: str, found: Mapping[str, Any]) -> Target:
    """Make a Target of the answer to GET /NAME, or to GET /NAME/_mapping, which tells less.

    Raises TargetError where nothing stands behind the name, MappingError for a damaged record.
    """
    if not found:
        raise TargetError(f"no index is called {name!r}: check the name.")
    records, damage = _records(found)
    first = sorted(found)[0]
    record = records[first]
    searched, notes = _words_of_several(name, found, records) if record else ((), ())
    settings = [settings_of(found[index]) for index in found]
    return Target(
        name=name,
        indexes=frozenset(found),
        fields=record.fields if record else Fields(),
        types={k: t for index in found for k, t in resolved(_mapping(found, index)).items()},
        vectors=tuple(vectors(_mapping(found, first))),
        others={i: tuple(vectors(_mapping(found, i))) for i in sorted(found) if i != first},
        record=record.encoder if record else None,
        refusal=damage or _refusal(name, found, records),
        shards={i: shards_of(found[i]) or 1 for i in sorted(found)},
        replicas=max(replicas_of(each) or 0 for each in found.values()),
        window=min(int(each.get("max_result_window", MOST)) for each in settings),
        pipeline=next((p for index in found if (p := _default_pipeline(found, index))), None),
        loading=any(load_note(_mapping(found, index)) is not None for index in found),
        searched=searched,
        notes=notes,
        settings=_search_settings(found),
        uuids=frozenset(settings_of(found[index]).get("uuid", index) for index in found),
    )


def _words_of_several(
    name: str, found: Mapping[str, Any], records: Mapping[str, IndexRecord | None]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is searched, and what to say of it, where indexes have their words in other fields."""
    words = {}
    for index, record in records.items():
        types = resolved(_mapping(found, index))
        full = full_text(types, [each for each in types if nested_in(each, types)])
        own = (record.fields.text, record.fields.title) if record else ()
        names = own or assigned(index, full, Roles(), []).searched
        words[index] = tuple(each for each in names if each in full)
    if len(set(words.values())) == 1:
        return (), ()
    told = "; ".join(f"{index}: {', '.join(names) or 'none'}" for index, names in words.items())
    note = f"{name!r} stands for indexes with their words in different fields ({told}), all of"
    searched = dict.fromkeys(each for names in words.values() for each in names)
    return tuple(searched), (f"{note} which are searched.",)


def _search_settings(found: Mapping[str, Any]) -> SearchSettings | None:
    """What all the indexes say of their searches, None where they differ."""
    settings = [read_search(_mapping(found, index), index) for index in sorted(found)]
    return settings[0] if all(each == settings[0] for each in settings) else None


def _records(
    found: Mapping[str, Any],
) -> tuple[dict[str, IndexRecord | None], str | None]:
    """Each index's record, and what is wrong with one where several are searched.

    Its words can be found with those of the others; alone, its fields would not be known.
    """
    records: dict[str, IndexRecord | None] = {}
    damage = None
    for index in sorted(found):
        try:
            records[index] = read_record(_mapping(found, index), index)
        except MappingError as error:
            if len(found) == 1:
                raise
            records[index], damage = None, damage or str(error)
    return records, damage


def _mapping(found: Mapping[str, Any], index: str) -> Mapping[str, Any]:
    mapping: Mapping[str, Any] = found[index].get("mappings") or {}
    return mapping


def _default_pipeline(found: Mapping[str, Any], index: str) -> str | None:
    """Of somebody else's: one that Tandem installed fuses as its own searches do."""
    name = (settings_of(found[index]).get("search") or {}).get("default_pipeline")
    own = own_meta(_mapping(found, index)).get(PIPELINE)
    return name if name not in (None, "", "_none", own) else None


def _refusal(
    name: str, found: Mapping[str, Any], records: Mapping[str, IndexRecord | None]
) -> str | None:
    """Why the vectors behind a name cannot be searched together, or None."""
    encoders = {index: record.encoder for index, record in records.items() if record}
    if encoders and len(encoders) < len(records):
        bare = sorted(set(records) - set(encoders))[0]
        return (
            f"{name!r} stands for {len(found)} indexes and {bare!r} has no record of its encoder: "
            "search the indexes one by one."
        )
    if len({each.fingerprint for each in encoders.values()}) > 1:
        told = ", ".join(f"{i} by {e.model} ({e.fingerprint})" for i, e in sorted(encoders.items()))
        return (
            f"{name!r} stands for indexes that different models encoded ({told}), whose vectors do "
            "not compare: search them one by one, or point the alias at one."
        )
    for index in sorted(found):
        settings = settings_of(found[index])
        kinds = [kind for _, kind in types_of(_mapping(found, index))]
        if settings and "knn_vector" in kinds and str(settings.get("knn")) != "true":
            return (
                f"index {index!r} has index.knn false, which cannot be changed, so its vectors "
                "cannot be searched: ingest into a new index, or use mode bm25."
            )
    return None
