"""Hard negatives: searched, judged, and written as training scripts read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from evaluation.errors import EvaluationError
from evaluation.measure.judgements import Judgements
from evaluation.mine.candidates import Searching, cases
from evaluation.mine.journal import (
    NEGATIVES,
    SCORES,
    TRIPLES,
    digest,
    mined_lines,
    open_journal,
    whole,
)
from evaluation.mine.judging import choose
from evaluation.mine.records import Judge, Mining
from query import Query, Tuning
from tandem.base.arguments import checked_arguments


@dataclass(frozen=True)
class Mined:
    """What came of a mining.

    dropped: how many candidates are no negatives, by why; without: queries that have none;
    failures: (query id, reason) of those that could not be mined.
    """

    queries: int
    negatives: int
    by_system: Mapping[str, int]
    dropped: Mapping[str, int]
    without: int
    failures: Sequence[tuple[str, str]] = field(default=())


@checked_arguments(EvaluationError)
def mine(
    searcher: Searching,
    queries: Sequence[Query],
    judgements: Judgements,
    folder: Path,
    *,
    index: str,
    judge: Judge | None,
    mining: Mining | None = None,
    tuning: Tuning | None = None,
    batch: int = 32,
    on_mined: Callable[[int], None] = lambda count: None,
) -> Mined:
    """Mine negatives for every query that has a positive, into a folder.

    judge: None keeps what the rules leave, unjudged; batch: queries that are searched and judged
    together. Writes mined.jsonl with texts and scores, which `train` reads, and from it
    hard-negatives.jsonl, triples.tsv and, of judged ones, scores.tsv. After a kill the same call
    goes on, to the same result if the index is the same. Raises what searches and the judge raise.
    """
    mining, tuning = mining or Mining(), tuning or Tuning()
    asked = _with_positives(queries, judgements, mining)
    judged = [(*query, sorted(judgements[query.id].items())) for query in asked]
    settings = {
        "index": index,
        "judge": judge.name if judge else None,
        **asdict(mining),
        "tuning": asdict(tuning),
        "batch": batch,
        "digest": digest(judged),
    }
    with open_journal(folder, settings) as journal:
        done = journal.resume(batch, len(asked))
        on_mined(done)
        for at in range(done, len(asked), batch):
            some = cases(searcher, asked[at : at + batch], judgements, mining, tuning)
            choose(some, judge, mining)
            journal.add([case.line() for case in some])
            on_mined(len(some))
        return _written(folder, judged=judge is not None)


def _with_positives(
    queries: Sequence[Query], judgements: Judgements, mining: Mining
) -> list[Query]:
    """The queries that have a positive; raises EvaluationError where none has."""
    asked = [
        query
        for query in queries
        if any(grade >= mining.relevant for grade in judgements.get(query.id, {}).values())
    ]
    if not asked:
        raise EvaluationError(
            f"none of the {len(queries):,} queries has a positive: judge some documents with grade "
            f"{mining.relevant} or more."
        )
    return asked


def _written(folder: Path, *, judged: bool) -> Mined:
    """Write what scripts read of the finished queries, and count them; nothing is held."""
    dropped: Counter[str] = Counter()
    systems: Counter[str] = Counter()
    queries = without = 0
    failures: list[tuple[str, str]] = []
    with _files(folder, judged) as (negatives, triples, scores):
        for line in mined_lines(folder):
            queries += 1
            dropped.update(line["dropped"])
            systems.update(each["system"] for each in line["neg"])
            if line["error"]:
                failures.append((line["qid"], line["error"]))
            elif not line["neg"]:
                without += 1
            else:
                negatives.write(orjson.dumps(_ids(line), option=orjson.OPT_APPEND_NEWLINE))
                triples.writelines(_triples(line))
                if scores:
                    scores.writelines(_scores(line))
    counts = dict(sorted(systems.items()))
    return Mined(queries, systems.total(), counts, dict(dropped), without, failures)


@contextmanager
def _files(folder: Path, judged: bool) -> Iterator[tuple[Any, Any, Any]]:
    with whole(folder / NEGATIVES) as negatives, whole(folder / TRIPLES) as triples:
        if not judged:
            yield negatives, triples, None
            return
        with whole(folder / SCORES) as scores:
            yield negatives, triples, scores


def _ids(line: Mapping[str, Any]) -> dict[str, Any]:
    by_system: dict[str, list[str]] = {}
    for each in line["neg"]:
        by_system.setdefault(each["system"], []).append(each["pid"])
    return {"qid": line["qid"], "pos": [each["pid"] for each in line["pos"]], "neg": by_system}


def _triples(line: Mapping[str, Any]) -> Iterator[bytes]:
    for positive, negative in _pairs(line):
        yield _row(line["query"], positive["text"], negative["text"])


def _scores(line: Mapping[str, Any]) -> Iterator[bytes]:
    for positive, negative in _pairs(line):
        numbers = (f"{each['score']:.6f}" for each in (positive, negative))
        yield _row(*numbers, line["qid"], positive["pid"], negative["pid"])


def _pairs(line: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return ((positive, negative) for positive in line["pos"] for negative in line["neg"])


def _row(*cells: str) -> bytes:
    """Cells with tabs between them; a text's own white space is one blank each."""
    return ("\t".join(" ".join(cell.split()) for cell in cells) + "\n").encode()
