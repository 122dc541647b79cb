"""The options that say how a hybrid search is fused, and the mappings.Fusion they become."""

from __future__ import annotations

import functools
import math
from typing import Any

import click
from click.core import ParameterSource

from mappings import Fusion, MappingError
from mappings.pipelines.pipeline import COMBINATIONS, TECHNIQUES, WEIGHTS, Combination, Technique
from query.idle import FUSION_NAMES
from tandem.options.cluster import Command
from tandem.output.flags import in_flags

_DEFAULT = Fusion()


def _weights(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        return tuple(_finite(part) for part in value.split(","))
    except ValueError as error:
        message = f"{value!r} is not two numbers: write BM25's and kNN's, such as 0.3,0.7."
        raise click.BadParameter(message, ctx, param) from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_OPTIONS = [
    click.option(
        "--fusion",
        "technique",
        type=click.Choice(TECHNIQUES),
        default=_DEFAULT.technique,
        show_default=True,
        help="Hybrid: how scores are normalised, or rrf for ranks alone.",
    ),
    click.option(
        "--combination",
        type=click.Choice(COMBINATIONS),
        default=_DEFAULT.combination,
        show_default=True,
        help="Hybrid: the mean of normalised scores; the geometric and the harmonic one fell below "
        "the better leg on nine of ten sets.",
    ),
    click.option(
        "--weights",
        callback=_weights,
        metavar="BM25,KNN",
        help=f"Hybrid: of the legs (default: {WEIGHTS[0]:g},{WEIGHTS[1]:g}; none for rrf).",
    ),
    click.option(
        "--rank-constant",
        type=click.IntRange(1, 10_000),
        default=_DEFAULT.rank_constant,
        show_default=True,
        help="Hybrid: of rrf.",
    ),
]


def fusion_options(command: Command) -> Command:
    """Add the options of a fusion, and hand the command a `fusion` made of them.

    It is None where none of them was set, so that the index's own can count.
    """

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        technique: Technique,
        combination: Combination,
        weights: Any,
        rank_constant: int,
        **kwargs: Any,
    ) -> Any:
        context = click.get_current_context()
        if all(context.get_parameter_source(n) is ParameterSource.DEFAULT for n in FUSION_NAMES):
            return command(*args, fusion=None, **kwargs)
        try:
            fusion = Fusion(
                technique=technique,
                combination=combination,
                weights=weights,
                rank_constant=rank_constant,
            )
        except MappingError as error:
            raise click.UsageError(in_flags(str(error))) from error
        return command(*args, fusion=fusion, **kwargs)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
