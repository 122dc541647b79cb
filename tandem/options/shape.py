"""The options that lay out a new index, and the mappings.Shape they become."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from mappings import MappingError, Shape
from mappings.body import ENGINES, Engine
from mappings.quantization import QUANTIZATIONS, Quantization
from mappings.types import FLAT, TYPES
from tandem.config import WORDS
from tandem.options.cluster import Command

if TYPE_CHECKING:
    from cluster import Cluster

_DEFAULT = Shape()


def _field_types(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """FIELD=TYPE, each field once."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, kind = value.partition("=")
        if not name or not equals:
            raise click.BadParameter(
                f"{value!r} is no FIELD=TYPE: write it as year=date.", ctx, param
            )
        if found.setdefault(name, kind) != kind:
            raise click.BadParameter(f"{name!r} is given two types: keep one.", ctx, param)
        try:
            Shape(field_types={name: kind})
        except MappingError as error:
            raise click.BadParameter(str(error), ctx, param) from error
    return found


_SHAPE_OPTIONS = [
    click.option(
        "--analyzer",
        default=_DEFAULT.analyzer,
        show_default=True,
        help="Analyzer of text and title, such as english.",
    ),
    click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default=_DEFAULT.engine,
        show_default=True,
        help="k-NN engine (OpenSearch only). faiss needs OpenSearch 2.19 or newer with k-NN's "
        "native libraries, as official packages and images have them; the embedded node has none.",
    ),
    click.option(
        "--quantization",
        type=click.Choice(QUANTIZATIONS),
        default=_DEFAULT.quantization,
        show_default=True,
        help="Keep vectors in fewer bits; `tandem plan` shows which store has which, and what each "
        "takes. byte keeps nothing else of them, so nothing is scored again, and on faiss scores "
        "are inner products, not cosines.",
    ),
    click.option(
        "--m",
        type=click.IntRange(2, 512),
        default=_DEFAULT.m,
        show_default=True,
        help="HNSW: edges of a node.",
    ),
    click.option(
        "--ef-construction",
        type=click.IntRange(min=2),
        default=_DEFAULT.ef_construction,
        show_default=True,
        help="HNSW: candidates while building.",
    ),
    click.option(
        "--shards",
        type=click.IntRange(min=1),
        default=_DEFAULT.shards,
        show_default=True,
        help="Primary shards.",
    ),
    click.option(
        "--replicas",
        type=click.IntRange(min=0),
        default=_DEFAULT.replicas,
        show_default=True,
        help="Copies of each shard (the embedded node has none).",
    ),
    click.option(
        "--field-type",
        type=WORDS,
        multiple=True,
        callback=_field_types,
        metavar="FIELD=TYPE",
        help=f"Type of a field of metadata: {', '.join(TYPES)} or date:FORMAT (default: told by "
        "the first documents).",
    ),
    click.option(
        "--flatten",
        type=WORDS,
        multiple=True,
        metavar="FIELD",
        help="Keep an object of many fields as one field, a flat object.",
    ),
]


def tell_replicas(cluster: Cluster, shape: Shape) -> None:
    """Say that the embedded node keeps no replicas, where some were asked for."""
    source = click.get_current_context().get_parameter_source("replicas")
    asked = shape.replicas and source is not ParameterSource.DEFAULT
    if asked and cluster.capabilities.embedded:
        click.echo(
            f"Note: --replicas {shape.replicas} has no effect: the embedded node is one node, and "
            "a replica needs another.",
            err=True,
        )


def shape_options(command: Command) -> Command:
    """Add the options of a new index, and hand the command a `shape` made of them."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        analyzer: str,
        engine: Engine,
        quantization: Quantization,
        m: int,
        ef_construction: int,
        shards: int,
        replicas: int,
        field_type: dict[str, str],
        flatten: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        types = {**field_type, **dict.fromkeys(flatten, FLAT)}
        shape = Shape(
            analyzer=analyzer,
            engine=engine,
            quantization=quantization,
            m=m,
            ef_construction=ef_construction,
            shards=shards,
            replicas=replicas,
            field_types=types,
        )
        return command(*args, shape=shape, **kwargs)

    for option in reversed(_SHAPE_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
