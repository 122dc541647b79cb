"""The options that choose a model and how it runs, and the encoder they load."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from tandem.base.process.running import BACKENDS, PRECISIONS
from tandem.options.cluster import Command
from tandem.output.flags import in_flags

if TYPE_CHECKING:
    from cluster import Cluster
    from encoder import Encoder
    from mappings import EncoderRecord

DEFAULT_MODEL = "sentence-transformers/msmarco-distilbert-base-v3"


@dataclass(frozen=True)
class EncoderChoice:
    """A model and how to run it; None leaves a choice to the index and to the encoder."""

    model: str | None = None
    backend: str | None = None
    precision: str | None = None
    device: str | None = None
    truncate_dim: int | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None

    def arguments(self, record: EncoderRecord | None = None) -> tuple[str, dict[str, Any]]:
        """The model and the options of `Encoder.load`.

        record: of the index that is there, whose model and settings stand for those not given.
        """
        from dataclasses import asdict

        options = {name: value for name, value in asdict(self).items() if value is not None}
        recorded = record is not None and self.model is None
        if record and recorded:
            options = {"model": record.model, **record.settings, **options}
        return options.pop("model", DEFAULT_MODEL), {**options, "recorded": recorded}

    def load(self, record: EncoderRecord | None = None) -> Encoder:
        """Load the encoder, telling on standard error what takes long; raises EncoderError.

        record: as of `arguments`.
        """
        from encoder import Encoder
        from tandem.output.progress import tell

        model, options = self.arguments(record)
        encoder = Encoder.load(model, on_progress=tell, **options)
        for note in encoder.notes:
            click.echo(f"Warning: {in_flags(note)}", err=True)
        return encoder


def recorded_encoder(cluster: Cluster, name: str) -> EncoderRecord | None:
    """Who encoded an index, or the one that an alias writes into; None where neither is known.

    Raises ClusterError, IndexRefusedError for a name that no index can have, and MappingError for
    a damaged record.
    """
    from ingest.index.aliases.written import written
    from ingest.index.describe import find_index
    from mappings import read_record

    found = find_index(cluster, name)
    index = written(found, name) if found else None
    record = read_record(found[index]["mappings"], index) if index else None
    return record.encoder if record else None


def encoder_options(*, required: bool) -> Callable[[Command], Command]:
    """Add the options and hand over an `encoder_choice`; required: --model must be given.

    Where it need not, the index's own model is meant, or DEFAULT_MODEL for a new index.
    """
    unnamed = "" if required else f" (default: the index's own; of a new one, {DEFAULT_MODEL})"
    model = click.option(
        "--model",
        required=required,
        help=f"Name of a sentence-transformers or Hugging Face model, or its folder{unnamed}.",
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
