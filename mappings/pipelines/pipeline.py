"""How the legs of a hybrid search are fused, and the OpenSearch search pipeline that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from mappings.errors import MappingError
from tandem.base.arguments import checked_arguments

Technique = Literal["min_max", "l2", "z_score", "rrf"]
Combination = Literal["arithmetic_mean", "geometric_mean", "harmonic_mean"]
RRF: Literal["rrf"] = "rrf"
TECHNIQUES = ("min_max", "l2", "z_score", RRF)
COMBINATIONS = ("arithmetic_mean", "geometric_mean", "harmonic_mean")
# Of BM25 and of kNN, from examples/. bench/quality.py shows what they give elsewhere: more for BM25
# suits SciFact better (0.5 on its training queries), and falls behind kNN alone on MS MARCO.
WEIGHTS = (0.3, 0.7)
# neural-search's RRFNormalizationTechnique.java: 1 to 10,000, 60 where nothing is said.
RANK_CONSTANT = 60
_RANK_CONSTANTS = range(1, 10_001)
# ScoreCombinationUtil.java lets the sum of the weights be so far from 1.
_SLACK = 0.01
# The mark of the pipelines that Tandem writes, and all that they consist of.
_OWN, _PARTS = "Tandem: ", {"description", "phase_results_processors"}
_NORMALIZE, _RANK = "normalization-processor", "score-ranker-processor"


@checked_arguments(MappingError)
@dataclass(frozen=True, kw_only=True)
class Fusion:
    """How two ranked lists, BM25's and kNN's, become one.

    technique: how scores are normalised, or "rrf" for ranks alone; combination: how normalised
    scores are averaged (rrf adds them); weights: of BM25 and of kNN, from 0 to 1 with the sum 1;
    None is (0.3, 0.7), and for rrf no weights; rank_constant: of rrf, 1 to 10,000.
    """

    technique: Technique = "min_max"
    combination: Combination = "arithmetic_mean"
    weights: Sequence[float] | None = None
    rank_constant: int = RANK_CONSTANT

    def __post_init__(self) -> None:
        """Refuse what the server's processors would refuse, with the same bounds."""
        if self.technique not in TECHNIQUES:
            raise MappingError(
                f"unknown fusion technique {self.technique!r}: use {', '.join(TECHNIQUES)}."
            )
        if self.combination not in COMBINATIONS:
            raise MappingError(
                f"unknown combination {self.combination!r}: use {', '.join(COMBINATIONS)}."
            )
        if self.technique in ("z_score", RRF) and self.combination != COMBINATIONS[0]:
            raise MappingError(
                f"{self.technique} has no {self.combination}: leave the combination out."
            )
        if self.rank_constant not in _RANK_CONSTANTS:
            raise MappingError(
                f"the rank constant is {self.rank_constant} and must be from 1 to 10,000."
            )
        self._check_weights()

    def _check_weights(self) -> None:
        if self.weights is None:
            return
        if len(self.weights) != 2:
            raise MappingError(
                f"{len(self.weights)} weights are given for 2 legs: give one for BM25 and one "
                "for kNN, such as 0.3,0.7."
            )
        total = sum(self.weights)
        if not all(0 <= weight <= 1 for weight in self.weights):
            raise MappingError(
                f"the weights are {self.weights[0]:g} and {self.weights[1]:g} and each must be "
                "from 0 to 1, such as 0.3,0.7."
            )
        if abs(total - 1) > _SLACK:
            raise MappingError(
                f"the weights {self.weights[0]:g} and {self.weights[1]:g} add up to {total:g}: "
                "give two numbers from 0 to 1 that add up to 1."
            )

    @property
    def effective_weights(self) -> tuple[float, float]:
        """The factors that the legs are multiplied by; rrf without weights adds whole scores."""
        if self.weights is None:
            return (1.0, 1.0) if self.technique == RRF else WEIGHTS
        of_words, of_vectors = self.weights
        return of_words, of_vectors


def is_own(definition: Mapping[str, Any]) -> bool:
    """Whether a pipeline of the cluster is as `pipeline_body` makes one, and nobody added to it."""
    described = str(definition.get("description", "")).startswith(_OWN)
    processors = definition.get("phase_results_processors")
    listed = processors if isinstance(processors, list) else ()
    return described and set(definition) == _PARTS and len(listed) == 1


def pipeline_body(fusion: Fusion) -> dict[str, Any]:
    """The body of PUT /_search/pipeline/NAME, or of `search_pipeline` in one search."""
    if fusion.technique == RRF:
        body = _template("rrf_pipeline")
        combination = body["phase_results_processors"][0][_RANK]["combination"]
        combination["rank_constant"] = fusion.rank_constant
        if fusion.weights:
            combination["parameters"] = {"weights": list(fusion.weights)}
        return body
    body = _template("normalization_pipeline")
    processor = body["phase_results_processors"][0][_NORMALIZE]
    processor["normalization"]["technique"] = fusion.technique
    processor["combination"]["technique"] = fusion.combination
    processor["combination"]["parameters"]["weights"] = list(fusion.effective_weights)
    return body


def _template(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(_read(name))
    return body


@cache
def _read(name: str) -> str:
    """A file's text, read once: every hybrid search asks for it."""
    return files("mappings.pipelines").joinpath(f"{name}.json").read_text("utf-8")


def read_pipeline(definition: Mapping[str, Any], name: str) -> Fusion | None:
    """The fusion that a search pipeline of the cluster does, or None where it sets score bounds.

    Raises MappingError where the pipeline has no processor that fuses a hybrid query, without which
    the server returns raw scores of about -9.5e9 (neural-search#1011).
    """
    for processor in definition.get("phase_results_processors", ()):
        if _NORMALIZE in processor:
            return _of_normalization(processor[_NORMALIZE] or {})
        if _RANK in processor:
            return _of_ranking(processor[_RANK] or {})
    raise MappingError(
        f"search pipeline {name!r} has neither a {_NORMALIZE} nor a {_RANK}, so it cannot fuse a "
        f"hybrid search: write one with `put_pipeline(cluster, name)`."
    )


def _of_normalization(processor: Mapping[str, Any]) -> Fusion | None:
    normalization = processor.get("normalization") or {}
    if normalization.get("parameters"):
        return None
    combination = processor.get("combination") or {}
    weights = (combination.get("parameters") or {}).get("weights")
    return Fusion(
        technique=normalization.get("technique", TECHNIQUES[0]),
        combination=combination.get("technique", COMBINATIONS[0]),
        weights=tuple(weights)
        if weights
        else (0.5, 0.5),  # without weights, each leg counts the same
    )


def _of_ranking(processor: Mapping[str, Any]) -> Fusion:
    combination = processor.get("combination") or {}
    weights = (combination.get("parameters") or {}).get("weights")
    return Fusion(
        technique=RRF,
        weights=tuple(weights) if weights else None,
        rank_constant=int(combination.get("rank_constant", RANK_CONSTANT)),
    )
