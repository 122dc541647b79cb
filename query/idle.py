"""Options of a search that would change nothing, which are refused and not passed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from query.question import BM25, HYBRID, KNN, Mode

# Which say how a hybrid search is fused: the fields of mappings.Fusion.
FUSION_NAMES = ("technique", "combination", "weights", "rank_constant")
_HYBRID = (*FUSION_NAMES, "fusion_at", "pipeline")
_WORDS = ("fields", "operator", "minimum_should_match", "phrase_boost", "fuzziness")
_NEIGHBOURS = ("vector_field", "ef_search", "oversample", "min_cosine", "depth")
# Options that change nothing in a mode, and what they are for.
_IDLE = {
    BM25: dict.fromkeys(_HYBRID, "hybrid searches") | dict.fromkeys(_NEIGHBOURS, "kNN"),
    KNN: dict.fromkeys(_HYBRID, "hybrid searches") | dict.fromkeys(_WORDS, "BM25"),
    HYBRID: {},
}


def fault_of_idle(
    said: Sequence[str],
    called: Callable[[str], str],
    *,
    mode: Mode = HYBRID,
    boosted: bool = False,
    pipeline: str | None = None,
) -> str | None:
    """Which of the options that somebody said would change nothing, and why; None where all count.

    called: what he knows an option by; boosted: whether anything raises scores.
    """
    for name in said:
        purpose = _IDLE[mode].get(name)
        # So many hits are raised.
        if purpose and not (boosted and name == "depth"):
            return (
                f"{called(name)} is for {purpose} and changes nothing in {called('mode')} {mode}: "
                "leave out one of them."
            )
    fusion = [name for name in said if name in FUSION_NAMES]
    if pipeline is not None and fusion:
        return (
            f"{called('pipeline')} {pipeline} fuses in its own way, so {called(fusion[0])} would "
            "do nothing: leave out one of them."
        )
    return None
