"""Read a model folder's JSON: the layout of 2021, today's, or a plain Hugging Face model's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from encoder.errors import ModelDamagedError, ModelRefusedError
from encoder.model import schema
from encoder.model.modules import (
    FIRST,
    LATER,
    LaterSpec,
    ModelSpec,
    PoolingSpec,
    Route,
    TransformerSpec,
    read_config,
)

MODULES = "modules.json"
QUERY_PROMPTS = ("query",)
# Bytes of a name, of all file systems in use.
_LONGEST_NAME = 255
PASSAGE_PROMPTS = ("document", "passage", "corpus")


def read_model_spec(folder: Path) -> ModelSpec:
    """What the folder says about its model.

    Raises ModelDamagedError for JSON that is missing or broken, ModelRefusedError for a module that
    is not supported.
    """
    found = schema.read_optional(folder / "config_sentence_transformers.json", schema.Model)
    settings = found or schema.Model()
    prompts = settings.prompts or {}
    modules = folder / MODULES
    if modules.exists():
        queries, passages = _routes(folder, _listed(modules))
    else:
        queries = passages = _plain(folder)
    return ModelSpec(
        folder,
        queries,
        passages,
        _first_prompt(prompts, QUERY_PROMPTS),
        _first_prompt(prompts, PASSAGE_PROMPTS),
        settings.truncate_dim,
        # Absent in the layout of 2021, and null where nobody said.
        settings.similarity_fn_name or ModelSpec.similarity,
    )


def _listed(path: Path) -> list[tuple[str, Path]]:
    """(class name, folder) of each module in modules.json, in order."""
    entries = sorted(schema.read(path, list[schema.Module]), key=lambda each: each.idx)
    return [(each.type, _inside(path.parent, each.path)) for each in entries]


def _inside(folder: Path, relative: str) -> Path:
    """A module's folder, which must lie in the model's."""
    parts = PurePosixPath(relative.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts:
        raise ModelRefusedError(
            f"a module of {folder} names the folder {relative!r}, which leads out of it: use a "
            "model from a source you trust."
        )
    if "\0" in relative or any(len(part.encode()) > _LONGEST_NAME for part in parts.parts):
        raise ModelDamagedError(
            f"a module of {folder} names the folder {relative[:40]!r}, which no folder can be "
            "called: fetch the model again."
        )
    return folder / parts


def _first_prompt(prompts: Mapping[str, str | None], names: tuple[str, ...]) -> str:
    return next((prompt for name in names if (prompt := prompts.get(name))), "")


def _plain(folder: Path) -> Route:
    """A plain Hugging Face model: mean pooling, or the last token of a causal one."""
    config = read_config(folder)
    architecture = (config.architectures or [""])[0]
    causal = architecture.endswith("ForCausalLM") and config.is_causal is not False
    mode = "lasttoken" if causal else "mean"
    return Route(TransformerSpec(folder), (PoolingSpec((mode,)),))


def _routes(folder: Path, listed: list[tuple[str, Path]]) -> tuple[Route, Route]:
    """The routes of queries and of passages."""
    if not listed:
        raise ModelDamagedError(f"{folder / MODULES} lists no modules: fetch the model again.")
    name = _class_of(listed[0][0])
    if name in ("Router", "Asym"):
        later = tuple(_later(each) for each in listed[1:])
        queries, passages = (_with(route, later) for route in _routed(listed[0][1]))
    else:
        queries = passages = _sequence(listed)
    for route in (queries, passages):
        _check_pooled(folder, route)
    return queries, passages


def _check_pooled(folder: Path, route: Route) -> None:
    """Raise ModelRefusedError unless vectors of tokens become one of the text, once."""
    poolings = sum(isinstance(each, PoolingSpec) for each in route.later)
    if poolings != isinstance(route.first, TransformerSpec):
        raise ModelRefusedError(
            f"the model {folder} has {poolings} poolings, and one vector a text takes "
            f"{int(isinstance(route.first, TransformerSpec))}: choose another model, or correct "
            f"its {MODULES}."
        )


def _with(route: Route, later: tuple[LaterSpec | None, ...]) -> Route:
    return Route(route.first, (*route.later, *(each for each in later if each is not None)))


def _sequence(listed: list[tuple[str, Path]]) -> Route:
    kind, path = listed[0]
    reader = FIRST.get(_class_of(kind))
    if reader is None:
        raise _unsupported(kind, path)
    return _with(Route(reader(path)), tuple(_later(each) for each in listed[1:]))


def _later(listed: tuple[str, Path]) -> LaterSpec | None:
    kind, path = listed
    reader = LATER.get(_class_of(kind))
    if reader is None:
        raise _unsupported(kind, path)
    return reader(path)


def _class_of(kind: str) -> str:
    """The last part of a class path, if the class is one of sentence-transformers' own."""
    return kind.rpartition(".")[2] if kind.startswith("sentence_transformers.") else kind


def _unsupported(kind: str, path: Path) -> ModelRefusedError:
    if not kind.startswith("sentence_transformers."):
        return ModelRefusedError(
            f"the module {kind} of {path} is code that comes with the model, which Tandem never "
            "runs: choose a model without modules of its own."
        )
    known = ", ".join(sorted({*FIRST, *LATER, "Router"}))
    return ModelRefusedError(
        f"the module {kind} of {path} is not supported here: choose a model made of {known}."
    )


def _routed(path: Path) -> tuple[Route, Route]:
    """A Router's two routes: by task, else the default one."""
    newer = path / "router_config.json"
    config = schema.read(newer if newer.exists() else path / "config.json", schema.Router)
    try:
        routes = {
            name: _sequence([(config.types[each], _inside(path, each)) for each in members])
            for name, members in config.structure.items()
            if members
        }
    except KeyError as error:
        raise ModelDamagedError(
            f"the Router settings in {path} lack the type of {error}: fetch the model again."
        ) from error
    parameters = config.parameters or schema.RouterParameters()
    mappings = parameters.route_mappings or {}
    default = parameters.default_route
    if default is None and parameters.allow_empty_key:
        default = next(iter(routes), None)
    return (
        routes[_route_name(routes, mappings, default, QUERY_PROMPTS, path)],
        routes[_route_name(routes, mappings, default, PASSAGE_PROMPTS, path)],
    )


def _route_name(
    routes: Mapping[str, Route],
    mappings: Mapping[str, str],
    default: str | None,
    tasks: tuple[str, ...],
    path: Path,
) -> str:
    """The route of a text for a task, in the order that sentence-transformers' Router takes."""
    # The first task is what its encode_query and encode_document say; the keys are tuples as text.
    keys = (str((tasks[0], "text")), str((tasks[0], None)), str((None, "text")), str((None, None)))
    for name in (*(mappings.get(key) for key in keys), *tasks, "text", default):
        if name in routes:
            return str(name)
    raise ModelRefusedError(
        f"the Router of {path} has no route for a {tasks[0]} (it has {', '.join(routes)}): choose "
        "a model with routes for query and document."
    )
