"""What a Ray cluster must have: places for the workers, and a CPU beside them for who reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.errors import IngestError


@dataclass(frozen=True)
class Node:
    """What a machine of the cluster has in all."""

    cpus: float
    gpus: float = 0.0


def default_workers(nodes: Sequence[Node], worker_gpus: float) -> int:
    """One on each machine, or as many as the GPUs suffice for."""
    if worker_gpus:
        return max(1, sum(int(node.gpus // worker_gpus) for node in nodes))
    return max(1, len(nodes))


def cpus_of_a_worker(
    nodes: Sequence[Node], free: float, workers: int, worker_gpus: float = 0.0
) -> int:
    """The most CPUs that each worker can have, so that one is left for who reads.

    free: CPUs that nobody uses now. Workers that take all would wait for ever for rows. Raises
    IngestError with both numbers where there are too few CPUs or GPUs.
    """
    most = int(max((node.cpus for node in nodes), default=0))
    for cpus in range(most, 0, -1):
        if _places(nodes, cpus, worker_gpus) >= workers and free - workers * cpus >= 1:
            return cpus
    gpus = sum(node.gpus for node in nodes)
    if worker_gpus and _places(nodes, 0, worker_gpus) < workers:
        raise IngestError(
            f"`workers={workers}` with `worker_gpus={worker_gpus:g}` need GPUs: "
            f"{workers * worker_gpus:g}, and the Ray cluster has {gpus:g} (machines: "
            f"{len(nodes):,}): ask for fewer `workers`, or add machines."
        )
    raise IngestError(
        f"`workers={workers}` and a reader need {workers + 1:,} CPUs, and the Ray cluster has "
        f"{free:g} free (machines: {len(nodes):,}): ask for fewer `workers`, end other jobs, or "
        "add machines."
    )


def _places(nodes: Sequence[Node], cpus: int, gpus: float) -> float:
    """For how many workers of that size there is room."""
    return sum(
        min(
            node.cpus // cpus if cpus else float("inf"),
            node.gpus // gpus if gpus else float("inf"),
        )
        for node in nodes
    )
