"""From a wish to engines: measure the ways to run a model, once on each machine, and take one."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from encoder.cache import cache_folder, read_notes, write_notes
from encoder.choice import (
    Candidate,
    Choice,
    Measured,
    Wish,
    best_device,
    candidates,
    choose,
    from_notes,
    to_notes,
)
from encoder.engine import Engine
from encoder.errors import EncoderError
from encoder.specs import Blueprint, StaticSpec
from encoder.tokens import Tokens
from encoder.workshop import OnProgress, Workshop, check_texts

ROUNDS = 2
_NOTES = "measured.json"
# Needs no measuring where it is all that was asked for.
_REFERENCE = Candidate("torch", "float32")


@dataclass(frozen=True)
class Way:
    """What a text goes through: the tokenizer with its prompt, and the engine."""

    tokens: Tokens
    engine: Engine


@dataclass(frozen=True)
class Opened:
    """A model that is ready to run."""

    choice: Choice
    queries: Way
    passages: Way


def open_ways(
    blueprint: Blueprint, fingerprint: str, wish: Wish, on_progress: OnProgress
) -> Opened:
    """The ways of queries and of passages, by the fastest engine that was asked for.

    Raises EncoderError where none can run.
    """
    folder = cache_folder() / fingerprint
    passages = Workshop(blueprint.passages, folder / "passages", on_progress)
    queries = passages
    if blueprint.queries != blueprint.passages:
        queries = Workshop(blueprint.queries, folder / "queries", on_progress)
    choice = choose(wish, _measured(passages, blueprint, folder / _NOTES, wish, on_progress))
    engine = passages.engine(choice.taken)
    return Opened(
        choice,
        Way(
            queries.tokens(blueprint.query_prompt),
            engine if queries is passages else queries.engine(choice.taken),
        ),
        Way(passages.tokens(blueprint.passage_prompt), engine),
    )


def _measured(
    shop: Workshop, blueprint: Blueprint, notes: Path, wish: Wish, on_progress: OnProgress
) -> list[Measured]:
    """Measurements of all candidates that were asked for, from the notes or made now."""
    if isinstance(blueprint.passages.first, StaticSpec):
        # One table, one way to read it.
        return [Measured(Candidate(wish.backend or "torch", "float32"), 1.0, 1.0)]
    known = {each.candidate: each for each in from_notes(read_notes(notes))}
    device = wish.device or best_device()
    wanted = [each for each in candidates(device) if wish.allows(each)]
    missing = [each for each in wanted if each not in known]
    if len(wanted) == 1 and missing and wanted[0] == _REFERENCE:
        return [Measured(_REFERENCE, 1.0, 1.0)]
    if missing:
        on_progress("measuring which way of encoding is fastest on this machine, once a model")
        known |= {each: _measure(shop, each) for each in missing}
        # Where it cannot be kept, it is measured again. What failed may not fail the next time.
        with suppress(OSError):
            write_notes(notes, to_notes([each for each in known.values() if not each.fault]))
    return [known[each] for each in wanted]


def _measure(shop: Workshop, candidate: Candidate) -> Measured:
    try:
        engine = shop.engine(candidate)
        agreement = shop.agreement(engine)
        seconds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            shop.check(engine)
            seconds.append(time.perf_counter() - began)
    except EncoderError as error:
        return Measured(candidate, fault=str(error))
    except (RuntimeError, MemoryError) as error:
        said = " ".join(str(error).split())[:200]
        return Measured(candidate, fault=f"{candidate} fails here ({said}): choose another way.")
    return Measured(candidate, agreement, len(check_texts()) / min(seconds))
