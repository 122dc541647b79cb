"""Kills, stops and restarts at moments that a seed chooses; afterwards all is as if nothing was.

`make campaign` runs 200 moments and prints a table; a test runs a slice. After each moment the same
command is run until it is done: then the index equals that of an uninterrupted load, settings and
notes are clean, no lease is left, and nothing of others has changed.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster import Cluster, connect_embedded
from ingest import ingest
from mappings import LOADING
from tests.servers.servers import OpenSearchServer
from tests.support.loads import ROOT, documents, meta_of, settings_of, stored, write_jsonl
from tests.support.stubs import StubEncoder

SCENARIOS = ("ingest", "alias", "prune", "switch", "two loaders")
KINDS = ("kill", "terminate", "stop and continue", "restart of the node")
# A restart takes a quarter of a minute, so that there are fewer of them.
OFTEN = (8, 5, 5, 2)
COUNT = 300
SCRIPT = "tests.support.processes.campaign_script"
TRIES = 4
STARTED_SECONDS, ENDED_SECONDS = 120, 300
FOREIGN_ALIAS = {"filter": {"term": {"year": 1901}}, "routing": "1"}


@dataclass
class Campaign:
    """One node, and what was found; seed: of the moments."""

    server: OpenSearchServer
    folder: Path
    seed: int = 1
    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    in_time: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def run(self, moments: int, tell: Any = lambda text: None) -> None:
        """Do so many moments, one after another."""
        dice = random.Random(self.seed)
        with connect_embedded(self.server.node, timeout=120) as cluster:
            for number in range(moments):
                scenario = SCENARIOS[number % len(SCENARIOS)]
                (kind,) = dice.choices(KINDS, OFTEN)
                moment = _Moment(self, cluster, f"c{number}", scenario, kind, dice.random())
                found = moment.happen()
                self.done[scenario, kind] += 1
                self.faults += [f"{number} {scenario}, {kind}: {fault}" for fault in found]
                tell(f"{number + 1}/{moments} {scenario}, {kind}: {found or 'as it should be'}")

    def table(self) -> str:
        """How often each was done, in time to hit the command at work, and what was wrong."""
        lines = [f"{'scenario':<12} {'kind':<22} {'moments':>8} {'at work':>8}"]
        for (scenario, kind), count in sorted(self.done.items()):
            hit = self.in_time[scenario, kind]
            lines.append(f"{scenario:<12} {kind:<22} {count:>8} {hit:>8}")
        total, hit = sum(self.done.values()), sum(self.in_time.values())
        lines.append(f"{'all':<35} {total:>8} {hit:>8}")
        return "\n".join([*lines, f"faults: {len(self.faults)}", *self.faults])


@dataclass
class _Moment:
    campaign: Campaign
    cluster: Cluster
    name: str
    scenario: str
    kind: str
    when: float

    def happen(self) -> list[str]:
        self._prepare()
        before = self._foreign()
        first = self._start()
        second = self._start() if self.scenario == "two loaders" else None
        # Most of the time a process of Python begins; a load takes about a second.
        time.sleep(self.when * (0.5 if self.scenario == "switch" else 2.5))
        if first.poll() is None:
            self.campaign.in_time[self.scenario, self.kind] += 1
            self._harm(first)
        ended = [_ended(each) for each in (first, second) if each]
        faults = [said for code, said in ended if "Traceback" in said]
        said = ""
        for _ in range(TRIES):
            code, said = _ended(self._start())
            if code == 0:
                break
        else:
            faults.append(f"the same command does not end well: {said.strip()[-300:]}")
        return faults + self._wrong(before)

    def _prepare(self) -> None:
        client, name = self.cluster.client, self.name
        client.indices.delete(index="*", params={"expand_wildcards": "open,hidden"})
        client.indices.create(index=f"{name}-20200101000000", body={"aliases": {}})
        client.indices.create(index="others", body={"aliases": {"view": FOREIGN_ALIAS}})
        for n in range(5):
            for index in (f"{name}-20200101000000", "others"):
                body = {"text": f"not ours {n}", "year": 1900 + n}
                client.index(index=index, id=f"d{n}", body=body)
        client.indices.refresh(index="_all")
        folder = self.campaign.folder
        self.source = write_jsonl(folder / f"{name}.jsonl", documents(COUNT, first=20))
        old = documents(COUNT // 2)
        given: dict[str, Any] = {"cluster": self.cluster, "encoder": StubEncoder()}
        if self.scenario in ("ingest", "prune"):
            ingest(old, index=name, **given)
        else:
            self.old = ingest(old, alias=name, **given).index
        if self.scenario == "switch":
            changed = [each | {"text": "new"} for each in documents(COUNT)]
            self.new = ingest(changed, alias=name, **given).index
        self.settings = {each: _own(settings_of(self.cluster, each)) for each in ("others",)}

    def _asked(self) -> dict[str, Any]:
        asked: dict[str, Any] = {"url": self.cluster.url, "source": str(self.source)}
        if self.scenario in ("ingest", "prune"):
            return asked | {"index": self.name, "prune": self.scenario == "prune"}
        if self.scenario == "switch":
            return asked | {"alias": self.name, "switch": self.old}
        return asked | {"alias": self.name}

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", SCRIPT, json.dumps(self._asked())],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if process.stdout is None or process.stdout.readline() != "began\n":
            raise RuntimeError(_ended(process)[1])
        return process

    def _harm(self, process: subprocess.Popen[str]) -> None:
        if self.kind == "kill":
            process.kill()
        elif self.kind == "terminate":
            process.send_signal(signal.SIGTERM)
        elif self.kind == "stop and continue":
            process.send_signal(signal.SIGSTOP)
            time.sleep(1.0)
            process.send_signal(signal.SIGCONT)
        else:
            self.campaign.server.kill()
            self.campaign.server.start()

    def _foreign(self) -> dict[str, Any]:
        names = ("others", f"{self.name}-20200101000000")
        found: dict[str, Any] = {each: stored(self.cluster, each) for each in names}
        return found | {"view": self.cluster.client.indices.get_alias(name="view")}

    def _wrong(self, before: dict[str, Any]) -> list[str]:
        """What is not as it should be."""
        cluster, faults = self.cluster, []
        if self._foreign() != before:
            faults.append("something foreign changed")
        live = list(cluster.client.indices.get(index=self.name))
        if len(live) != 1:
            return [*faults, f"{self.name} is {live}"]
        if self.scenario == "switch" and live != [self.old]:
            faults.append(f"the alias points to {live}, not to {self.old}")
        if set(stored(cluster, live[0])) != self._expected():
            faults.append("the index does not hold what an uninterrupted load leaves")
        if self.scenario != "switch" and (wrong := self._texts(live[0])):
            faults.append(wrong)
        for index in cluster.client.indices.get(index=f"{self.name}*"):
            if index.endswith("-20200101000000"):
                continue
            if _own(settings_of(cluster, index)):
                faults.append(f"{index} is still relaxed: {_own(settings_of(cluster, index))}")
            if index == live[0] and LOADING in meta_of(cluster, index):
                faults.append(f"{index} keeps a note")
        aliases = cluster.client.indices.get_alias(params={"expand_wildcards": "all"})
        leases = [a for each in aliases.values() for a in each["aliases"] if "-loading-" in a]
        return faults + [f"the lease {each} is left" for each in leases]

    def _expected(self) -> set[str]:
        new = {each["id"] for each in documents(COUNT, first=20)}
        if self.scenario == "switch":
            return {each["id"] for each in documents(COUNT // 2)}
        if self.scenario == "ingest":
            return new | {each["id"] for each in documents(COUNT // 2)}
        return new

    def _texts(self, index: str) -> str | None:
        """Every document that was loaded holds its own text and vector."""
        found, encoder = stored(self.cluster, index), StubEncoder()
        for each in documents(COUNT, first=20):
            kept = found.get(each["id"], {})
            vector = encoder.vector(f"{each['title']}\n{each['text']}")
            if kept.get("text") != each["text"] or max(abs(vector - kept["vector"])) > 1e-5:
                return f"document {each['id']} is not as it was loaded"
        return None


def _own(settings: dict[str, Any]) -> dict[str, Any]:
    """What a load relaxes, and whoever made these indexes did not set."""
    return {k: v for k, v in settings.items() if k in ("refresh_interval", "auto_expand_replicas")}


def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=ENDED_SECONDS)
    return process.returncode, out + err


def main() -> int:
    import tempfile

    moments, seed = int(sys.argv[1]), int(sys.argv[2])
    server = OpenSearchServer()
    try:
        server.start()
        with tempfile.TemporaryDirectory() as folder:
            campaign = Campaign(server, Path(folder), seed)
            campaign.run(moments, tell=lambda text: print(text, file=sys.stderr, flush=True))  # noqa: T201
            sys.stdout.write(campaign.table() + "\n")
    finally:
        server.close()
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main())
