"""The options of `tandem ingest` that say what loads the batches: this process, or Ray."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tandem.config import Number
from tandem.options.cluster import Command

if TYPE_CHECKING:
    from cluster import Cluster
    from encoder import Encoder
    from ingest import RayRunner
    from ingest.read.rows import Rows
    from mappings import EncoderRecord
    from tandem.options.cluster import ClusterTarget
    from tandem.options.encoder import EncoderChoice

_RAY_ONLY = ("address", "workers", "worker_gpus")


@dataclass(frozen=True)
class RunnerChoice:
    """Who loads: None for this process; the rest as of RayRunner."""

    runner: str | None = None
    address: str | None = None
    workers: int | None = None
    worker_gpus: float = 0.0

    def check(self, rows: Rows, target: ClusterTarget, encoder: EncoderChoice) -> None:
        """Refuse what processes elsewhere cannot do, before anything is reached or loaded.

        Raises click.UsageError and IngestError.
        """
        if self.runner is None:
            return
        if self.address and target.embedded:
            raise click.UsageError(
                "the embedded node answers on its own machine alone: name a cluster that all "
                "machines reach with --url, or leave --address out."
            )
        if encoder.device and any(mark in encoder.device for mark in ":,"):
            raise click.UsageError(
                f"--device {encoder.device} names devices of one machine: give each worker its "
                "own with --worker-gpus."
            )
        from ingest.run.ray.runner import check_for_ray

        check_for_ray(rows)

    def make(
        self, target: ClusterTarget, encoder: EncoderChoice, record: EncoderRecord | None
    ) -> RayRunner | None:
        """The runner, whose workers reach the same cluster and load the same model.

        record: as of EncoderChoice.load.
        """
        if self.runner is None:
            return None
        from ingest import RayRunner

        model, options = encoder.arguments(record)
        return RayRunner(
            connect=partial(_connect, dict(target.options)),
            load_encoder=partial(_load, model, options),
            address=self.address,
            workers=self.workers,
            worker_gpus=self.worker_gpus,
        )


def _connect(access: dict[str, Any]) -> Cluster:
    from cluster import connect

    return connect(**access)


def _load(model: str, options: dict[str, Any]) -> Encoder:
    from encoder import Encoder

    return Encoder.load(model, **options)


_OPTIONS = [
    click.option(
        "--runner",
        type=click.Choice(["ray"]),
        help="Load on Ray, in parallel on this machine or on many (default: in this process).",
    ),
    click.option(
        "--address",
        metavar="HOST[:PORT]",
        help="With --runner: of the Ray cluster's head, or auto (default: Ray of this machine, for "
        "this run alone).",
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="With --runner: processes with an encoder each (default: one on each machine).",
    ),
    click.option(
        "--worker-gpus",
        type=Number(min=0),
        default=0.0,
        show_default=True,
        help="With --runner: GPUs of each worker, such as 1 or 0.5.",
    ),
]


def runner_options(command: Command) -> Command:
    """Add the options, and hand over a `runner_choice`."""

    @functools.wraps(command)
    def wrapped(*args: Any, **given: Any) -> Any:
        choice = RunnerChoice(given.pop("runner"), *(given.pop(name) for name in _RAY_ONLY))
        if choice.runner is None and choice != RunnerChoice():
            raise click.UsageError("--address, --workers and --worker-gpus are for --runner ray.")
        return command(*args, runner_choice=choice, **given)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
