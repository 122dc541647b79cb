"""The bodies of ML Commons' connector and model, and of the pipelines that use them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from mappings.pipelines.pipeline import Fusion, is_own, pipeline_body
from mappings.record import Fields, own_meta, settings_of

InputType = Literal["query", "passage"]
QUERY: InputType = "query"
PASSAGE: InputType = "passage"

# The key of the mapping's `_meta`, beside Tandem's record.
PIPELINE = "pipeline"
_OWN = "Tandem: "
# What a document goes through, in this order.
_PROCESSORS = ["script", "text_embedding", "remove"]
_ENRICHER = "neural_query_enricher"
# Of a document on its way through a pipeline: what is encoded of it, taken out at the end.
_ENCODED = "tandem_encoded"
# What a pipeline sees beside a document's own fields.
_METADATA = (
    "_index",
    "_type",
    "_id",
    "_routing",
    "_version",
    "_version_type",
    "_if_seq_no",
    "_if_primary_term",
)
# What Python's str.strip takes away; there is none beyond.
_BLANK = "".join(c for c in map(chr, range(0x3001)) if c.isspace())


@dataclass(frozen=True)
class Service:
    """A Tandem service, as a cluster is to ask it.

    url: without a path; model, fingerprint, dimension: of its encoder; asymmetric: it encodes
    queries in another way than passages.
    """

    url: str
    model: str
    fingerprint: str
    dimension: int
    asymmetric: bool


def connector_body(name: str, service: Service, kind: InputType | None, key: str) -> dict[str, Any]:
    """The body of POST /_plugins/_ml/connectors/_create.

    kind: what all its texts are, None where each request says so; key: of the service, "" for none.
    """
    body = _template("connector.json")
    action = body["actions"][0]
    action["url"] = f"{service.url}/v1/embeddings"
    # A connector must have one, whether it is sent or not.
    body["credential"] = {"key": key or "none"}
    if key:
        action["headers"]["Authorization"] = "Bearer ${credential.key}"
    said = "${parameters.content_type}" if kind is None else kind
    action["request_body"] = (
        '{"input": ${parameters.input}, "model": "${parameters.model}", "input_type": '
        f'"{said}"}}'
    )
    script = "asymmetric_texts" if kind is None else "texts"
    action["pre_process_function"] = _read(f"{script}.painless")
    if kind is None:
        body["parameters"] = {"pre_process_function.process_remote_inference_input": "true"}
    body["parameters"]["model"] = service.model
    return {**body, "name": name}


def model_body(name: str, service: Service, kind: InputType | None) -> dict[str, Any]:
    """The body of POST /_plugins/_ml/models/_register but for the connector; kind: as its."""
    body = {**_template("model.json"), "name": name}
    if kind is None:
        body["model_config"] = {
            "model_type": "TEXT_EMBEDDING",
            "embedding_dimension": service.dimension,
            "framework_type": "SENTENCE_TRANSFORMERS",
            "additional_config": {"is_asymmetric": True, "space_type": "cosinesimil"},
        }
    return body


def ingest_pipeline_body(model_id: str, service: Service, fields: Fields) -> dict[str, Any]:
    """The body of PUT /_ingest/pipeline/NAME: plain documents become passages with vectors.

    What a document without a text and a title holds is stored without a vector.
    """
    body = _template("ingest_pipeline.json")
    script, embedding, remove = (next(iter(each.values())) for each in body["processors"])
    script["source"] = _read("passage.painless")
    script["params"] = {
        **asdict(fields),
        "fingerprint": service.fingerprint,
        "encoded": _ENCODED,
        "not_stored": [*_METADATA, fields.content_hash, fields.vector, _ENCODED],
        "blank": _BLANK,
    }
    embedding["model_id"], embedding["field_map"] = model_id, {_ENCODED: fields.vector}
    remove["field"] = _ENCODED
    return body


def search_pipeline_body(model_id: str, fusion: Fusion) -> dict[str, Any]:
    """The body of PUT /_search/pipeline/NAME: `neural` queries need no model, `hybrid` is fused."""
    enricher = {_ENRICHER: {"default_model_id": model_id}}
    return {**pipeline_body(fusion), "request_processors": [enricher]}


@dataclass(frozen=True)
class InstalledIngest:
    """What an ingest pipeline of Tandem's says: its model, and whose vectors it writes where."""

    model_id: str
    fingerprint: str
    fields: Fields


def read_ingest_pipeline(definition: Mapping[str, Any]) -> InstalledIngest | None:
    """What a pipeline of the cluster does, None where it is not as Tandem makes it."""
    processors = _processors(definition.get("processors"))
    described = str(definition.get("description", "")).startswith(_OWN)
    kinds = [kind for kind, _ in processors]
    if not described or kinds != _PROCESSORS or set(definition) != {"description", "processors"}:
        return None
    (_, script), (_, embedding), _ = processors
    params = script.get("params")
    params = params if isinstance(params, Mapping) else {}
    names = {n: each for n in asdict(Fields()) if isinstance(each := params.get(n), str)}
    if len(names) < len(asdict(Fields())) or not isinstance(params.get("fingerprint"), str):
        return None
    return InstalledIngest(
        str(embedding.get("model_id", "")), params["fingerprint"], Fields(**names)
    )


def read_search_pipeline(definition: Mapping[str, Any]) -> str | None:
    """The model of a search pipeline's queries, None where it is not as Tandem makes it."""
    rest = dict(definition)
    processors = _processors(rest.pop("request_processors", None))
    if [kind for kind, _ in processors] != [_ENRICHER] or not is_own(rest):
        return None
    return str(processors[0][1].get("default_model_id", ""))


def _processors(told: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Each processor's kind and what it is told; none at all where one is not of one kind."""
    if not isinstance(told, list) or not all(isinstance(e, Mapping) and len(e) == 1 for e in told):
        return []
    found = [next(iter(each.items())) for each in told]
    return found if all(isinstance(said, Mapping) for _, said in found) else []


def has_own_pipeline(description: Mapping[str, Any]) -> bool:
    """Whether what is written into an index goes through a pipeline that Tandem installed for it.

    description: the index's value in GET /INDEX.
    """
    name = own_meta(description.get("mappings") or {}).get(PIPELINE)
    found = settings_of(description).get("default_pipeline")
    return isinstance(name, str) and name == found


def is_marked(definition: Mapping[str, Any]) -> bool:
    """Whether a connector or a model of the cluster says that Tandem made it."""
    return str(definition.get("description", "")).startswith(_OWN)


def _template(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(_read(name))
    return body


@cache
def _read(name: str) -> str:
    return files("mappings.pipelines.neural").joinpath(name).read_text("utf-8")
