"""A model trained on mined negatives, by sentence-transformers' trainer."""

from __future__ import annotations

import hashlib
import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from encoder.model.locate import canonical, locate
from evaluation.errors import EvaluationError
from evaluation.mine.journal import MINED, read_settings
from evaluation.train.card import card
from evaluation.train.examples import passages, read_examples, split
from evaluation.train.records import NDCG, Trained, Training
from evaluation.train.subjects import Subject, bi_encoder, cross_encoder
from evaluation.train.workplace import Workplace, finished, open_workplace
from tandem.base.arguments import checked_arguments

# Called with what there is to tell: what is about to be done, and each epoch's figure.
OnTold = Callable[[str], None]


@checked_arguments(EvaluationError)
def train(
    mined: Path,
    model: str | Path,
    folder: Path,
    *,
    training: Training | None = None,
    as_cross_encoder: bool = False,
    device: str | None = None,
    on_told: OnTold = lambda said: None,
) -> Trained:
    """Train a model on what `mine` wrote into a folder, and write it into another, with its card.

    model: the start; as_cross_encoder: make a judge of it; device: as torch names it, None for the
    best there is. A training that was killed goes on at the end of its last whole epoch. Raises
    EvaluationError, and EncoderError for a start that cannot be found.
    """
    import_training()
    training = training or Training()
    what = {"model": canonical(model), "cross_encoder": as_cross_encoder}
    settings = {**what, "mined": _digest(mined / MINED), **asdict(training)}
    if record := finished(folder, settings):
        return _trained(folder, record)
    examples, held_out = split(read_examples(mined, training), training.holdout)
    with open_workplace(folder, settings) as place, _seeded(training.seed):
        make = cross_encoder if as_cross_encoder else bi_encoder
        with _silent():
            subject = make(locate(model), training, examples, held_out, device)
        on_told(f"training on {len(examples):,} queries, measuring {len(held_out):,} others")
        record = {
            "queries": len(examples),
            "held_out": len(held_out),
            "passages": len(passages([*examples, *held_out])),
            **_fit(subject, training, place, on_told),
            "settings": settings,
        }
        _save(subject, place, card(record, read_settings(mined)))
        place.finish(record)
    return _trained(folder, record)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """What is drawn at random follows the seed; afterwards all is as the program had it."""
    import torch
    from transformers import set_seed

    python, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            set_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)


@contextmanager
def _silent() -> Iterator[None]:
    """For the loading of a model, of which its library tells what is no news to us."""
    from encoder.model.quiet import quiet

    logger = logging.getLogger("sentence_transformers")
    level = logger.level
    try:
        with quiet():
            logger.setLevel(logging.ERROR)
            yield
    finally:
        logger.setLevel(level)


def _fit(subject: Subject, training: Training, place: Workplace, on_told: OnTold) -> dict[str, Any]:
    """Train, from the last checkpoint where there is one; what came of it."""
    from datasets import Dataset

    from encoder.model.quiet import quiet

    # As if there were examples for its own card already, for which it would read the rows.
    subject.model.model_card_data.widget = [{}]
    trainer = subject.trainer(
        model=subject.model,
        args=_arguments(subject, training, place),
        train_dataset=Dataset.from_list(subject.rows),
        loss=subject.loss,
        evaluator=subject.evaluator,
    )
    _quiet(trainer, subject.metric, on_told)
    start = float(subject.evaluator(subject.model)[subject.metric])
    on_told(f"at the start: {NDCG} {start:.4f}")
    began = time.monotonic()
    with quiet(), _reading(subject.model, training.max_length):
        trainer.train(resume_from_checkpoint=place.checkpoint())
    history = [each for each in trainer.state.log_history if f"eval_{subject.metric}" in each]
    return {
        "start": start,
        "steps": trainer.state.global_step,
        "figures": [(each["step"], each[f"eval_{subject.metric}"]) for each in history],
        "seconds": round(time.monotonic() - began, 1),
    }


def _arguments(subject: Subject, training: Training, place: Workplace) -> Any:
    """The trainer's own options; an epoch of ours is a share of its only one."""
    import torch

    on_gpu = subject.model.device.type == "cuda"
    bfloat16 = on_gpu and torch.cuda.is_bf16_supported()
    steps = math.ceil(len(subject.rows) / training.batch)
    each = math.ceil(steps / training.epochs)
    return subject.arguments(
        output_dir=str(place.checkpoints),
        num_train_epochs=1,
        per_device_train_batch_size=training.batch,
        learning_rate=training.learning_rate,
        warmup_steps=math.ceil(training.warmup * steps),
        weight_decay=0.01,
        bf16=bfloat16,
        fp16=on_gpu and not bfloat16,
        use_cpu=subject.model.device.type == "cpu",
        batch_sampler="no_duplicates" if subject.prompts is not None else "batch_sampler",
        seed=training.seed,
        eval_strategy="steps",
        eval_steps=each,
        save_strategy="steps",
        save_steps=each,
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=on_gpu,
        **({"prompts": subject.prompts} if any((subject.prompts or {}).values()) else {}),
    )


def _quiet(trainer: Any, metric: str, on_told: OnTold) -> None:
    """Have the trainer tell its figures to `on_told`, and print nothing."""
    from transformers import PrinterCallback, TrainerCallback

    class Telling(TrainerCallback):  # type: ignore[misc]
        def on_evaluate(self, args: Any, state: Any, control: Any, **extra: Any) -> None:
            value = extra["metrics"][f"eval_{metric}"]
            on_told(f"step {state.global_step:,} of {state.max_steps:,}: {NDCG} {value:.4f}")

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Telling())


@contextmanager
def _reading(model: Any, length: int) -> Iterator[None]:
    """Have a model read no more than so many tokens of a text for the while."""
    before = model.max_seq_length
    limited = before is not None and length < before < math.inf
    if limited:
        model.max_seq_length = length
    try:
        yield
    finally:
        if limited:
            model.max_seq_length = before


def _save(subject: Subject, place: Workplace, page: str) -> None:
    subject.model.save_pretrained(str(place.model), create_model_card=False)
    (place.model / "README.md").write_text(page, "utf-8")


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                found.update(block)
        return found.hexdigest()[:16]
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be read ({error.strerror}): name a folder that was mined into."
        ) from error


def _trained(folder: Path, record: Mapping[str, Any]) -> Trained:
    return Trained(folder, **record)


def import_training() -> None:
    """Raise EvaluationError where what trains is not installed."""
    try:
        import accelerate  # noqa: F401
        import datasets  # noqa: F401
        import sentence_transformers  # noqa: F401
    except ImportError as error:
        raise EvaluationError(
            f"{error.name} is not installed, which training needs: pip install "
            "'tandem-search[train]'."
        ) from error
