"""The page that goes with a trained model: its data, its settings, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = """---
library_name: sentence-transformers
pipeline_tag: {task}
base_model: {base}
tags: [sentence-transformers, {kind}]
---

# A {kind}, trained from {base}

Made by Tandem, on mined negatives. {usage}

## Data

{data}

## Measured

{figures}

These are figures of the held-out queries among the mined passages alone, which are few and chosen:
they tell one epoch from another. What the model is worth, judged queries on a whole index say.

## Settings

{settings}
"""


def card(record: Mapping[str, Any], mining: Mapping[str, Any]) -> str:
    """The README.md of a model; record: as in its training.json, mining: as in mining.json."""
    settings, cross = record["settings"], record["settings"]["cross_encoder"]
    judge = mining.get("judge")
    data = (
        f"{record['queries']:,} queries to train on and {record['held_out']:,} held out, with "
        f"negatives mined from the index `{mining.get('index')}` by "
        f"{', '.join(mining.get('systems', ()))}; "
        + (f"judged by `{judge}`." if judge else "no cross-encoder judged them.")
    )
    rows = [f"| start | {record['start']:.4f} |"]
    rows += [f"| step {n:,} of {record['steps']:,} | {v:.4f} |" for n, v in record["figures"]]
    usage = "It scores a query and a passage together." if cross else "Compare vectors by cosine."
    return _HEAD.format(
        task="text-ranking" if cross else "sentence-similarity",
        kind="cross-encoder" if cross else "bi-encoder",
        base=settings["model"],
        usage=usage,
        data=data,
        figures="\n".join(["| | nDCG@10 |", "|---|---|", *rows]),
        settings="\n".join(f"- {name}: {value}" for name, value in settings.items()),
    )
