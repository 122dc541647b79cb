"""Searches an index, then forks children that search it all at the same time, and the parent too.

Arguments: URL INDEX MODEL CHILDREN SEARCHES, the searches in each mode by turns. Gives as JSON how
many hits were another query's, how many searches failed, and how each child ended.
"""

from __future__ import annotations

import json
import os
import random
import sys
from typing import Any

from cluster import connect
from encoder import Encoder
from query import Searcher
from tests.support.searches import queries

MODES = ("knn", "bm25", "hybrid")
TEXTS = 40


def main() -> None:
    url, index, model, children, searches = sys.argv[1:]
    encoder = Encoder.load(model, only_queries=True)
    with connect(url) as cluster, Searcher(cluster, index, encoder=encoder, cache=0) as searcher:
        asked = [(text, mode) for text in queries()[:TEXTS] for mode in MODES]
        right = {each: _ids(searcher, each) for each in asked}
        reading, writing = os.pipe()
        for number in range(int(children)):
            if not os.fork():
                told = _search(searcher, right, int(searches), number)
                os.write(writing, json.dumps(told).encode() + b"\n")
                sys.exit(0)  # as a server's worker ends, with all that runs at the end
        own = _search(searcher, right, int(searches), -1)
        codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(int(children))]
        os.close(writing)
        with os.fdopen(reading) as lines:
            found = [own, *map(json.loads, lines)]
    sys.stdout.write(json.dumps({"searched": found, "codes": codes}))


def _search(searcher: Searcher, right: Any, searches: int, seed: int) -> dict[str, int]:
    dice, told = random.Random(seed), {"right": 0, "wrong": 0, "failed": 0}
    for number in range(searches):
        text, mode = dice.choice(list(right))[0], MODES[number % len(MODES)]
        try:
            same = _ids(searcher, (text, mode)) == right[text, mode]
            told["right" if same else "wrong"] += 1
        except Exception:
            told["failed"] += 1
    return told


def _ids(searcher: Searcher, asked: tuple[str, str]) -> list[str]:
    text, mode = asked
    return [hit.id for hit in searcher.search(text, mode=mode, k=5)]


if __name__ == "__main__":
    main()
