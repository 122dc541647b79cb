"""What is trained: a bi-encoder or a cross-encoder, each with its rows, loss and evaluator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encoder import EncoderError
from encoder.model.folder import read_model_spec
from encoder.model.modules import read_config
from encoder.model.schema import read_json
from evaluation.errors import EvaluationError
from evaluation.train.examples import Example, pairs, passages, triples
from evaluation.train.records import MARGIN_MSE, SCALE, Training
from tandem.base.errors import one_line

if TYPE_CHECKING:
    from pathlib import Path

# Weights of half precision are trained in whole, and nothing is fetched or run that is not here.
_LOADING: dict[str, Any] = {
    "local_files_only": True,
    "trust_remote_code": False,
    "model_kwargs": {"dtype": "float32", "use_kernels": False},
}
# What computes attention, as far as transformers brings it; any other name is code of the hub.
_ATTENTION = (None, "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")
_COMPUTING = ("attn_implementation", "_attn_implementation", "_experts_implementation")


@dataclass(frozen=True)
class Subject:
    """A model of sentence-transformers, and what its trainer is given.

    rows: of the training; evaluator: of the held-out queries, and `metric` what it calls nDCG@10.
    """

    model: Any
    trainer: Any
    arguments: Any
    loss: Any
    rows: list[dict[str, Any]]
    evaluator: Any
    metric: str
    prompts: dict[str, str] | None = None


@contextmanager
def _loading(folder: Path) -> Iterator[None]:
    """Have no file of a model choose code; raises EvaluationError where it cannot be loaded."""
    read_config(folder)
    for path in sorted(folder.rglob("*config*.json")):
        if names := [each for each in _implementations(read_json(path)) if each not in _ATTENTION]:
            raise EvaluationError(
                f"{path} asks for the implementation {names[0]!r}, which is code of a hub and is "
                "never run: take it out of the file, or choose another model."
            )
    try:
        yield
    except (EncoderError, EvaluationError):
        raise
    except Exception as error:  # of transformers, torch and safetensors
        raise EvaluationError(
            f"the model in {folder} cannot be loaded ({one_line(error)}): choose another model, or "
            "fetch it again."
        ) from error


def _implementations(value: Any) -> Iterator[Any]:
    """What a model's settings say of how it is computed, on any level."""
    if isinstance(value, dict):
        yield from (value[name] for name in _COMPUTING if name in value)
        for inner in value.values():
            yield from _implementations(inner)


def bi_encoder(
    folder: Path,
    training: Training,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    device: str | None,
) -> Subject:
    """A bi-encoder, compared by cosine; it reads the prompts of its own settings."""
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )

    with _loading(folder):
        read_model_spec(folder)
        model = SentenceTransformer(str(folder), device=device, **_LOADING)
    query, passage = _prompts(model)
    return Subject(
        model,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
        _loss(model, training),
        list(triples(examples, training)),
        _retrieval([*examples, *held_out], held_out, training.batch, query, passage),
        "cosine_ndcg@10",
        {"query": query, "positive": passage, "negative": passage},
    )


def _prompts(model: Any) -> tuple[str, str]:
    """Of queries and of passages, by the names that models give them."""
    given = model.prompts or {}
    passage = (given.get(name) for name in ("passage", "document", "corpus"))
    return given.get("query") or "", next(filter(None, passage), "")


def _loss(model: Any, training: Training) -> Any:
    from sentence_transformers.sentence_transformer.losses import (
        MarginMSELoss,
        MultipleNegativesRankingLoss,
    )
    from sentence_transformers.util import pairwise_cos_sim

    if training.loss == MARGIN_MSE:
        return MarginMSELoss(model, similarity_fct=lambda a, b: SCALE * pairwise_cos_sim(a, b))
    return MultipleNegativesRankingLoss(model, scale=SCALE)


def _retrieval(
    known: Sequence[Example], held_out: Sequence[Example], batch: int, query: str, passage: str
) -> Any:
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
    from sentence_transformers.util import cos_sim

    return InformationRetrievalEvaluator(
        {each.qid: each.query for each in held_out},
        passages(known),
        {each.qid: {positive["pid"] for positive in each.positives} for each in held_out},
        accuracy_at_k=[1],
        precision_recall_at_k=[10],
        batch_size=batch,
        write_csv=False,
        score_functions={"cosine": cos_sim},
        main_score_function="cosine",
        query_prompt=query or None,
        corpus_prompt=passage or None,
    )


def cross_encoder(
    folder: Path,
    training: Training,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    device: str | None,
) -> Subject:
    """A cross-encoder with one score, from any encoder; its figure is of reranking what was mined.

    Raises EvaluationError where it would have no negatives.
    """
    if not training.negatives:
        raise EvaluationError("a cross-encoder learns from negatives too: train it with them.")
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder import (
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
    )
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    with _loading(folder):
        model = CrossEncoder(str(folder), num_labels=1, device=device, **_LOADING)
    samples: list[dict[str, Any]] = [
        {
            "query": each.query,
            "positive": [positive["text"] for positive in each.positives],
            "negative": [negative["text"] for negative in each.negatives],
        }
        for each in held_out
    ]
    return Subject(
        model,
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
        BinaryCrossEntropyLoss(model),
        list(pairs(examples, training)),
        CrossEncoderRerankingEvaluator(samples, batch_size=training.batch, write_csv=False),
        "ndcg@10",
    )
