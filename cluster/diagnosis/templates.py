"""What others have set up that touches an index: templates when it is made, pipelines from then on.

Of composable templates the one of the highest priority holds; only where there is none, all of the
older kind do, one over the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from msgspec import Struct

from cluster.connection import Cluster
from cluster.diagnosis.finding import Finding, T, as_kind, ask, seen
from tandem.base.wire import path_of

# As an alias's load calls its indexes.
_GENERATION = "-20260101000000"


_Body = dict[str, Any]


class _Composable(Struct):
    index_patterns: list[str]
    priority: int | None = None
    template: _Body | None = None
    composed_of: list[str] | None = None
    data_stream: _Body | None = None


class _NamedComposable(Struct):
    name: str
    index_template: _Composable


class _Composables(Struct):
    index_templates: list[_NamedComposable] = []


class _Component(Struct):
    template: _Body | None = None


class _NamedComponent(Struct):
    component_template: _Component


class _Components(Struct):
    component_templates: list[_NamedComponent] = []


class _Older(Struct):
    index_patterns: list[str]
    order: int | None = None
    settings: _Body = {}
    mappings: _Body = {}
    aliases: _Body = {}


@dataclass(frozen=True)
class _Template:
    """One template; rank: its priority, or its order; components: what its body is laid over."""

    name: str
    kind: str
    patterns: tuple[str, ...]
    rank: int
    streams: bool
    body: Mapping[str, Any]
    components: tuple[str, ...] = ()

    def touches(self, index: str | None) -> bool:
        """Whether an index of this name is touched; None: whether every index is."""
        # A star alone is special in such a pattern.
        plain = (each.replace("[", "[[]").replace("?", "[?]") for each in self.patterns)
        return any(fnmatchcase(index, p) if index else not p.strip("*") for p in plain)


def of_templates(cluster: Cluster, section: str, index: str | None = None) -> list[Finding]:
    """Templates that touch an index of this name, or of an alias's loads, when it is made.

    index: None for those that touch every index. Raises ClusterError.
    """
    every = [*_composables(cluster), *_olders(cluster)]
    names = [index] if index is None else [index, index + _GENERATION]
    found = {
        (each.kind, each.name): (each, name) for name in names for each in _holding(every, name)
    }
    if not found:
        of = "every index" if index is None else f"{index}, or {index}-TIME of an alias's load"
        more = "; give `index` to see those of one" if index is None else ""
        return [Finding(section, "templates", f"none touches {of}{more}")]
    return [row for each, name in found.values() for row in _told(cluster, section, each, name)]


def _composables(cluster: Cluster) -> Iterator[_Template]:
    for found in ask(cluster, "/_index_template", _Composables).index_templates:
        each = found.index_template
        patterns, of = tuple(each.index_patterns), tuple(each.composed_of or ())
        streams, rank = each.data_stream is not None, each.priority or 0
        yield _Template(found.name, "template", patterns, rank, streams, each.template or {}, of)


def _component_of(cluster: Cluster, name: str) -> Mapping[str, Any]:
    """What a component sets, nothing where it is not there."""
    found = _defined(cluster, path_of("_component_template", name), _Components)
    parts = found.component_templates if found else ()
    return next((each.component_template.template or {} for each in parts), {})


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two bodies, the second laid over the first."""
    both = (name for name in above if isinstance(above[name], Mapping))
    over = {
        name: _merged(found, above[name])
        for name in both
        if isinstance(found := below.get(name), Mapping)
    }
    return {**below, **above, **over}


def _olders(cluster: Cluster) -> Iterator[_Template]:
    for name, each in ask(cluster, "/_template", dict[str, _Older]).items():
        body = {"settings": each.settings, "mappings": each.mappings, "aliases": each.aliases}
        patterns = tuple(each.index_patterns)
        yield _Template(name, "legacy template", patterns, each.order or 0, False, body)


def _holding(every: list[_Template], index: str | None) -> list[_Template]:
    """Those that hold for an index, the first one last to be overruled."""
    found = sorted((each for each in every if each.touches(index)), key=lambda each: -each.rank)
    composable = [each for each in found if each.kind == "template"]
    return composable[:1] or found


def _told(
    cluster: Cluster, section: str, template: _Template, index: str | None
) -> Iterator[Finding]:
    """What a template does to an index, and to its documents."""
    body: Mapping[str, Any] = {}
    for component in template.components:
        body = _merged(body, _component_of(cluster, component))
    body = _merged(body, template.body)
    settings = (body.get("settings") or {}).get("index") or {}
    what = [*sorted(_leaves(settings)), *_of_mappings(body.get("mappings") or {})]
    what += [f"alias {name}" for name in body.get("aliases") or {}]
    told = f"{template.name} ({', '.join(template.patterns)}) sets {', '.join(what) or 'nothing'}"
    yield Finding(section, template.kind, told, *_harm(template, body, index))
    yield from of_pipelines(cluster, section, settings)


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name} {value}"


def _of_mappings(mappings: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"field {name}" for name in mappings.get("properties") or {})
    yield from (name for name in mappings if name != "properties" and mappings[name])


def _harm(
    template: _Template, body: Mapping[str, Any], index: str | None
) -> tuple[str | None, bool]:
    """(the cure for what hinders a load, whether none can be had without it)."""
    if template.streams and index:
        return "no index of this name can be made, only a data stream: choose another name", True
    source = (body.get("mappings") or {}).get("_source") or {}
    if source.get("enabled") is False or source.get("includes") or source.get("excludes"):
        return (
            "have _source left whole: what a load skips and a search shows is read there",
            False,
        )
    return None, False


def of_pipelines(cluster: Cluster, section: str, settings: Mapping[str, Any]) -> list[Finding]:
    """The pipelines that an index's settings name: of its documents, and of its searches."""
    named = {f"{kind} ingest": settings.get(f"{kind}_pipeline") for kind in ("default", "final")}
    named["default search"] = (settings.get("search") or {}).get("default_pipeline")
    rows: list[Finding] = []
    for kind, name in named.items():
        if name and name != "_none":
            label = f"{kind} pipeline"
            rows += seen(section, label, partial(_pipeline, cluster, section, label, str(name)))
    return rows


def _pipeline(cluster: Cluster, section: str, label: str, name: str) -> list[Finding]:
    """One pipeline: what its processors are, or that it is not there."""
    of_searches = label == "default search pipeline"
    kind = "search" if of_searches else "ingest"
    path = path_of(f"_{kind}", "pipeline", name)
    found = (_defined(cluster, path, dict[str, dict[str, Any]]) or {}).get(name)
    if found is None:
        what = "no search" if of_searches else "no document"
        cure = f"make the pipeline {name!r}, or take it out of the settings that name it"
        return [Finding(section, label, f"{name} is not there: {what} gets through", cure)]
    told = f"{name} ({', '.join(_processors(found)) or 'without processors'})"
    if of_searches:
        return [Finding(section, label, f"{told}; hybrid searches go through Tandem's own instead")]
    cure = "see that it keeps ids and Tandem's fields: a document that it changes so is rejected"
    return [Finding(section, label, told, cure, needed=False)]


def _defined(cluster: Cluster, path: str, kind: type[T]) -> T | None:
    """What is defined there, None where nothing is; raises ClusterError."""
    from opensearchpy.exceptions import NotFoundError

    with cluster.explaining():
        try:
            return as_kind(path, cluster.client.transport.perform_request("GET", path), kind)
        except NotFoundError:
            return None


def _processors(pipeline: Mapping[str, Any]) -> Iterator[str]:
    """The kinds of its processors, in their order."""
    for name, each in pipeline.items():
        if name.endswith("processors") and isinstance(each, list):
            yield from (kind for processor in each for kind in processor)
