"""How a model is trained, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Literal

from evaluation.errors import EvaluationError
from tandem.base.arguments import checked_arguments

Loss = Literal["mnrl", "margin-mse"]
LOSSES: tuple[Loss, ...] = ("mnrl", "margin-mse")
MNRL, MARGIN_MSE = LOSSES
# By which a cosine is multiplied in both losses.
SCALE = 20.0
# Of sentence-transformers' evaluators.
NDCG = "nDCG@10"


@checked_arguments(EvaluationError)
@dataclass(frozen=True)
class Training:
    """How a model is trained; the defaults are those of the MS MARCO models.

    epochs: passes over the queries, each with the next positive and negative of every query; batch:
    queries in a step; warmup: share of all steps in which the rate of learning rises; loss: "mnrl",
    multiple negatives ranking, or "margin-mse", by which 20 times the difference of two cosines
    comes near the difference of the judge's log-odds; negatives: False leaves only those that are
    the positives of other queries of the batch; max_length: tokens of a text that are read while it
    trains; holdout: share of the queries that are kept for measuring.
    """

    _: KW_ONLY
    epochs: int = 10
    batch: int = 64
    learning_rate: float = 2e-5
    warmup: float = 0.1
    loss: Loss = MNRL
    negatives: bool = True
    max_length: int = 300
    holdout: float = 0.1
    seed: int = 42

    def __post_init__(self) -> None:
        """Refuse numbers out of range and an unknown loss."""
        for name in ("epochs", "batch", "max_length"):
            if getattr(self, name) < 1:
                raise EvaluationError(f"{name} is {getattr(self, name)} and must be at least 1.")
        if not 0 < self.learning_rate < 1:
            raise EvaluationError(
                f"the learning rate is {self.learning_rate:g} and must be between 0 and 1."
            )
        if not (0 <= self.warmup < 1 and 0 < self.holdout < 1):
            raise EvaluationError(
                f"warm-up {self.warmup:g} and holdout {self.holdout:g} must be shares below 1, and "
                "some queries must be held out."
            )
        if self.loss not in LOSSES:
            raise EvaluationError(f"unknown loss {self.loss!r}: use {', '.join(LOSSES)}.")
        if self.loss == MARGIN_MSE and not self.negatives:
            raise EvaluationError("margin-mse needs negatives: train with them, or by mnrl.")


@dataclass(frozen=True)
class Trained:
    """A trained model.

    queries, held_out: trained on, and kept for measuring; start, figures: nDCG@10 of the held-out
    queries among all mined passages before, and after steps of so many numbers, about one an epoch
    (of a cross-encoder, of reranking what was mined); seconds: of this run's training alone.
    """

    folder: Path
    queries: int
    held_out: int
    passages: int
    steps: int
    start: float
    figures: Sequence[tuple[int, float]]
    seconds: float
    settings: Mapping[str, object]
