"""Training examples from a folder of mined negatives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.errors import EvaluationError
from evaluation.mine.journal import MINED, mined_lines
from evaluation.train.records import MARGIN_MSE, Training

# Negatives for each positive, of a cross-encoder's examples: as in the scripts for MS MARCO.
NEGATIVES_OF_A_POSITIVE = 4


@dataclass(frozen=True)
class Example:
    """A query with its positives and negatives: id, text and log-odds of each, None unjudged."""

    qid: str
    query: str
    positives: Sequence[Mapping[str, Any]]
    negatives: Sequence[Mapping[str, Any]]


def read_examples(folder: Path, training: Training) -> list[Example]:
    """The queries of a folder that `mine` wrote, without those that failed or lack negatives.

    The latter are left in where no negatives are trained on. Raises EvaluationError where fewer
    than two are left, or scores are needed and missing.
    """
    found = [
        Example(line["qid"], line["query"], line["pos"], line["neg"])
        for line in mined_lines(folder)
        if line["pos"] and not line["error"] and (line["neg"] or not training.negatives)
    ]
    if len(found) < 2:
        raise EvaluationError(
            f"{folder / MINED} has {len(found)} queries with negatives, and training needs two at "
            "least: mine more queries, or with looser limits."
        )
    if training.loss == MARGIN_MSE and any(
        each["score"] is None for example in found for each in example.negatives
    ):
        raise EvaluationError(
            f"the negatives in {folder} were not judged, and margin-mse learns from scores: mine "
            "with a judge, or train by mnrl."
        )
    return found


def split(examples: Sequence[Example], holdout: float) -> tuple[list[Example], list[Example]]:
    """Those to train on, and those held out: by the hash of their ids, so whatever the seed is."""
    count = min(len(examples) - 1, max(1, round(holdout * len(examples))))
    hashes = {each.qid: hashlib.sha256(each.qid.encode()).digest() for each in examples}
    held = set(sorted(hashes, key=lambda qid: hashes[qid])[:count])
    return (
        [each for each in examples if each.qid not in held],
        [each for each in examples if each.qid in held],
    )


def triples(examples: Sequence[Example], training: Training) -> Iterator[dict[str, Any]]:
    """A row a query and epoch: in each, the next of its positives and the next of its negatives."""
    for epoch in range(training.epochs):
        for each in examples:
            positive = each.positives[epoch % len(each.positives)]
            row = {"query": each.query, "positive": positive["text"]}
            if training.negatives:
                negative = each.negatives[epoch % len(each.negatives)]
                row["negative"] = negative["text"]
                if training.loss == MARGIN_MSE:
                    row["label"] = positive["score"] - negative["score"]
            yield row


def pairs(examples: Sequence[Example], training: Training) -> Iterator[dict[str, Any]]:
    """Rows of query, passage and label: each epoch a positive, with the next four negatives."""
    for epoch in range(training.epochs):
        for each in examples:
            positive = each.positives[epoch % len(each.positives)]
            yield {"query": each.query, "passage": positive["text"], "label": 1.0}
            count = min(NEGATIVES_OF_A_POSITIVE, len(each.negatives))
            for number in range(count):
                negative = each.negatives[(epoch * count + number) % len(each.negatives)]
                yield {"query": each.query, "passage": negative["text"], "label": 0.0}


def passages(examples: Sequence[Example]) -> dict[str, str]:
    """Every passage that was mined, positives and negatives, by its id."""
    return {
        passage["pid"]: passage["text"]
        for each in examples
        for passage in (*each.positives, *each.negatives)
    }
