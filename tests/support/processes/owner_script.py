"""Somebody who keeps writing into an index while it is enriched, and knows what should be there.

Arguments: URL NAME FOLDER COUNT. Documents "0" to COUNT-1 are there; FOLDER/begun is made after the
first writes, and at FOLDER/stop it writes what should be there to FOLDER/truth: id -> text. What is
refused for the moment is sent again, as clients do, so that no write is given up.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from cluster import connect

# Of what passes: a version that an enrichment wrote meanwhile, and an index that takes no writes.
AGAIN = (403, 409, 429, 503)
LONGEST = 900.0
PAUSE = 0.02


class Owner:
    """texts: what should be there; live: their ids in no order."""

    def __init__(self, client: Any, name: str, texts: dict[str, str]) -> None:
        self.client, self.name, self.texts = client, name, texts
        self.live, self.random, self.made = list(texts), Random(7), 0

    def write(self) -> None:
        """Twenty changes in one request, each of another document."""
        lines: dict[str, list[Any]] = {}
        for _ in range(20):
            self.made += 1
            kind, text = self.random.random(), f"of the owner, number {self.made}"
            if kind < 0.2:
                name = f"late-{self.made}"
                self.live.append(name)
                lines[name] = [{"index": {"_id": name}}, {"body": text}]
            else:
                at = self.random.randrange(len(self.live))
                name = self.live[at]
                if name in lines:
                    continue
                if kind < 0.3:
                    self.live[at] = self.live[-1]
                    self.live.pop()
                    del self.texts[name]
                    lines[name] = [{"delete": {"_id": name}}]
                    continue
                lines[name] = [{"update": {"_id": name}}, {"doc": {"body": text}}]
            self.texts[name] = text
        self.send(lines)

    def send(self, lines: dict[str, list[Any]]) -> None:
        deadline = time.monotonic() + 120
        while lines and time.monotonic() < deadline:
            body = [line for each in lines.values() for line in each]
            try:
                answer = self.client.bulk(index=self.name, body=body, require_alias=True)
            except Exception as error:
                if getattr(error, "status_code", None) not in AGAIN:
                    raise
                time.sleep(0.1)
                continue
            results = [next(iter(item.values())) for item in answer["items"]]
            wrong = [r for r in results if r["status"] >= 300 and r["status"] not in AGAIN]
            assert not wrong, wrong
            again = {r["_id"] for r in results if r["status"] >= 300}
            lines = {name: each for name, each in lines.items() if name in again}
        assert not lines, "these could not be written for two minutes"


def main() -> None:
    url, name, folder, count = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    deadline = time.monotonic() + LONGEST
    with connect(url, timeout=60) as cluster:
        owner = Owner(cluster.client, name, {str(n): f"text {n}" for n in range(count)})
        while not (folder / "stop").exists() and time.monotonic() < deadline:
            owner.write()
            (folder / "begun").touch()
            time.sleep(PAUSE)
    (folder / "truth").write_text(json.dumps(owner.texts))


if __name__ == "__main__":
    main()
