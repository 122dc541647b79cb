"""The options that choose a model and how it runs, and the encoder they load."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from tandem.options import Command

if TYPE_CHECKING:
    from encoder import Encoder

BACKENDS = ("torch", "openvino")
PRECISIONS = ("float32", "bfloat16", "float16", "int8")


@dataclass(frozen=True)
class EncoderChoice:
    """A model and how to run it; None leaves a choice to the encoder."""

    model: str
    backend: str | None = None
    precision: str | None = None
    device: str | None = None
    truncate_dim: int | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None

    def load(self) -> Encoder:
        """Load the encoder, telling on standard error what takes long; raises EncoderError."""
        from dataclasses import asdict

        from encoder import Encoder
        from tandem.progress import tell

        options = asdict(self)
        encoder = Encoder.load(options.pop("model"), on_progress=tell, **options)
        for note in encoder.notes:
            click.echo(f"Warning: {note}", err=True)
        return encoder


def encoder_options(default_model: str | None) -> Callable[[Command], Command]:
    """Add the options and hand over an `encoder_choice`; without a default, --model is needed."""
    # A default of None would count as given: click asks for --model only where none is named.
    unset: dict[str, Any] = {"required": True}
    model = click.option(
        "--model",
        help="Name of a sentence-transformers or Hugging Face model, or its folder.",
        **({"default": default_model, "show_default": True} if default_model else unset),
    )

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(*args: Any, **given: Any) -> Any:
            choice = EncoderChoice(**{each.name: given.pop(each.name) for each in _FIELDS})
            return command(*args, encoder_choice=choice, **given)

        for option in reversed([model, *_OPTIONS]):
            wrapped = option(wrapped)
        return wrapped  # type: ignore[return-value]

    return decorate


_FIELDS = fields(EncoderChoice)
_OPTIONS = [
    click.option(
        "--backend",
        type=click.Choice(BACKENDS),
        help="What runs the model (default: the fastest that agrees with float32 here).",
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        help="Numbers to encode with (default: the fastest that agrees with float32 here).",
    ),
    click.option(
        "--device",
        help="cpu, cuda, cuda:1, mps, or several: cuda:0,cuda:1 (default: the best there is).",
    ),
    click.option(
        "--truncate-dim",
        type=click.IntRange(min=1),
        help="Keep so many of the first components, for models that were trained for it.",
    ),
    click.option("--query-prompt", help="Put before each query (default: the model's own)."),
    click.option("--passage-prompt", help="Put before each passage (default: the model's own)."),
]
