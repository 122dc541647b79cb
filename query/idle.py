"""Options of a search that would change nothing, which are refused and not passed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mappings import Fusion
from mappings.pipelines.pipeline import RRF
from query.question import BM25, HYBRID, KNN, Mode

# Which say how a hybrid search is fused: the fields of mappings.Fusion.
FUSION_NAMES = ("technique", "combination", "weights", "rank_constant")
_FUSED = (*FUSION_NAMES, "fusion_at")
_HYBRID = (*_FUSED, "pipeline")
_WORDS = ("fields", "operator", "minimum_should_match", "phrase_boost", "fuzziness")
_NEIGHBOURS = ("vector_field", "ef_search", "oversample", "min_cosine", "depth")
# Options that change nothing in a mode, and what they are for.
_IDLE = {
    BM25: dict.fromkeys(_HYBRID, "hybrid searches") | dict.fromkeys(_NEIGHBOURS, "kNN"),
    KNN: dict.fromkeys(_HYBRID, "hybrid searches") | dict.fromkeys(_WORDS, "BM25"),
    HYBRID: {},
}
_CURE = "leave out one of them."


def fault_of_idle(
    said: Sequence[str], asked: Mapping[str, Any], called: Callable[[str], str]
) -> str | None:
    """Which of the options that somebody said would change nothing, and why; None where all count.

    asked: by name, what these may depend on, said or not: mode, or modes where one search is made
    in each, sort, boost, rerank, pipeline, operator and technique; called: what he knows an option
    by.
    """
    modes: Sequence[Mode] = asked.get("modes") or (asked.get("mode", HYBRID),)
    pipeline = asked.get("pipeline")
    for name in said:
        purposes = {_IDLE[mode].get(name) for mode in modes}
        # So many hits are raised.
        if None not in purposes and not (asked.get("boost") and name == "depth"):
            return (
                f"{called(name)} is for {' and '.join(sorted(map(str, purposes)))} and changes "
                f"nothing in {called('mode')} {', '.join(modes)}: {_CURE}"
            )
        if asked.get("sort") and name in _FUSED:
            return (
                f"{called(name)} is for scores that are fused, which order nothing beside "
                f"{called('sort')}: {_CURE}"
            )
        if pipeline is not None and name in FUSION_NAMES:
            return (
                f"{called('pipeline')} {pipeline} fuses in its own way, so {called(name)} would "
                f"do nothing: {_CURE}"
            )
    return _fault_of_lone(said, asked, called)


def _fault_of_lone(
    said: Sequence[str], asked: Mapping[str, Any], called: Callable[[str], str]
) -> str | None:
    """The same, of what is for one value of another option alone."""
    if "rerank_depth" in said and not asked.get("rerank"):
        return (
            f"{called('rerank_depth')} is for {called('rerank')} and changes nothing without it: "
            f"leave it out, or give {called('rerank')} too."
        )
    technique = asked.get("technique") or Fusion().technique
    if "rank_constant" in said and technique != RRF:
        return (
            f"{called('rank_constant')} is for {RRF} and changes nothing in "
            f"{called('technique')} {technique}: {_CURE}"
        )
    if "minimum_should_match" in said and asked.get("operator") == "and":
        return (
            f"{called('minimum_should_match')} is for some of the words and changes nothing in "
            f"{called('operator')} and, which asks for all: {_CURE}"
        )
    return None
