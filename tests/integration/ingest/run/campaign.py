"""Kills, stops and restarts at moments that a seed chooses; afterwards all is as if nothing was.

`make campaign` runs 200 moments and prints a table; a test runs a slice. After each moment the same
command is run until it is done: then the index equals that of an uninterrupted load, settings and
notes are clean, no lease is left, every report adds up, and nothing of others has changed.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cluster import Cluster, connect_embedded
from ingest import ingest
from mappings import LOADING
from tests.servers.servers import OpenSearchServer
from tests.support.loads import (
    ROOT,
    documents,
    first_line,
    lines_of,
    meta_of,
    settings_of,
    silence,
    stored,
    write_jsonl,
)
from tests.support.stubs import StubEncoder

# A take-over: a loader sleeps, another one of its alias takes its place and suffers what the kind
# says, and then the first one wakes up.
SCENARIOS = (
    *("ingest", "alias", "prune", "switch", "rejects"),
    *("two loaders", "two of an index", "take-over"),
)
OF_AN_INDEX = ("ingest", "prune", "rejects", "two of an index")
KINDS = ("kill", "terminate", "stop and continue", "restart of the node")
# A restart takes a quarter of a minute, so that there are fewer of them.
OFTEN = (8, 5, 5, 2)
COUNT = 300
SCRIPT = "tests.support.processes.campaign_script"
TRIES = 4
STARTED_SECONDS, ENDED_SECONDS = 120, 300
# What cannot be loaded, and what only a loader that sleeps has.
BAD = [{"id": f"bad{n}", "text": ""} for n in range(5)]
LATE = [{"id": f"late{n}", "text": "of the one that slept"} for n in range(COUNT)]
LOST = "LostPlaceError"
FOREIGN_ALIAS = {"filter": {"term": {"year": 1901}}, "routing": "1"}


@dataclass
class Campaign:
    """One node, and what was found; seed: of the moments."""

    server: OpenSearchServer
    folder: Path
    seed: int = 1
    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    in_time: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost_places: int = 0
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
        lines.append(f"loaders that woke up and found their place taken: {self.lost_places}")
        return "\n".join([*lines, f"faults: {len(self.faults)}", *self.faults])


@dataclass
class _Moment:
    campaign: Campaign
    cluster: Cluster
    name: str
    scenario: str
    kind: str
    when: float
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def happen(self) -> list[str]:
        self._prepare()
        before = self._foreign()
        try:
            faults = self._loads()
        finally:
            for process in self.started:
                process.kill()  # if it has not ended
        return faults + self._wrong(before)

    def _loads(self) -> list[str]:
        """What is wrong with how the loads end."""
        sleeper = self._asleep() if self.scenario == "take-over" else None
        first = self._start()
        second = self._start() if self.scenario.startswith("two") else None
        self._wait()
        if first.poll() is None:
            self.campaign.in_time[self.scenario, self.kind] += 1
            self._harm(first)
        if sleeper:
            sleeper.send_signal(signal.SIGCONT)
        ended = [_ended(each) for each in (sleeper, first, second) if each]
        self.campaign.lost_places += LOST in ended[0].err
        for _ in range(TRIES):
            ended.append(_ended(self._start()))
            if ended[-1].code == 0:
                break
        faults = [each.err for each in ended if "Traceback" in each.err]
        if ended[-1].code != 0:
            faults.append(f"the same command does not end well: {ended[-1].err.strip()[-300:]}")
        elif self.scenario == "rejects":
            faults += _kept(ended[-1].report)
        return faults + [fault for each in ended for fault in _adds_up(each.report)]

    def _wait(self) -> None:
        # Most of the time a process of Python begins; a load takes about a second.
        time.sleep(self.when * (0.5 if self.scenario == "switch" else 2.5))

    def _asleep(self) -> subprocess.Popen[str]:
        """A loader of the alias that sleeps since a moment ago, as if it slept for long."""
        process = self._start(source=self.late)
        self._wait()
        process.send_signal(signal.SIGSTOP)
        for index in self.cluster.client.indices.get(index=f"{self.name}-*"):
            silence(self.cluster, index)
        return process

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
        new = documents(COUNT, first=20)
        if self.scenario == "rejects":
            for place, bad in enumerate(BAD):
                new.insert(60 * place, bad)
        self.source = write_jsonl(folder / f"{name}.jsonl", new)
        self.late = write_jsonl(folder / f"{name}-late.jsonl", LATE)
        old = documents(COUNT // 2)
        given: dict[str, Any] = {"cluster": self.cluster, "encoder": StubEncoder()}
        if self.scenario in OF_AN_INDEX:
            ingest(old, index=name, **given)
        else:
            self.old = ingest(old, alias=name, **given).index
        if self.scenario == "switch":
            changed = [each | {"text": "new"} for each in documents(COUNT)]
            self.new = ingest(changed, alias=name, **given).index
        self.settings = {each: _own(settings_of(self.cluster, each)) for each in ("others",)}

    def _asked(self, source: Path) -> dict[str, Any]:
        asked: dict[str, Any] = {"url": self.cluster.url, "source": str(source)}
        if self.scenario in OF_AN_INDEX:
            return asked | {"index": self.name, "prune": self.scenario == "prune"}
        if self.scenario == "switch":
            return asked | {"alias": self.name, "switch": self.old}
        return asked | {"alias": self.name}

    def _start(self, source: Path | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", SCRIPT, json.dumps(self._asked(source or self.source))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if first_line(process, STARTED_SECONDS) != "began\n":
            raise RuntimeError(_ended(process).err)
        self.started.append(process)
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
        if self.scenario in OF_AN_INDEX and self.scenario != "prune":
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


class _Ended(NamedTuple):
    """How a command ended, with its last report if it made one."""

    code: int
    report: dict[str, Any] | None
    err: str


def _ended(process: subprocess.Popen[str]) -> _Ended:
    out, err = process.communicate(timeout=ENDED_SECONDS)
    return _Ended(process.returncode, json.loads(out or "null"), err)


def _adds_up(report: dict[str, Any] | None) -> list[str]:
    counts = ("written", "skipped", "rejected")
    right = report is None or report["read"] == sum(report[each] for each in counts)
    return [] if right else [f"a report does not add up: {report}"]


def _kept(report: dict[str, Any] | None) -> list[str]:
    """Whether a whole load's rejects file holds what was refused, and that alone."""
    if report is None or report["rejected"] != len(BAD):
        return [f"not all bad documents were rejected: {report}"]
    kept = [each["id"] for each in lines_of(report["rejects"])]
    right = kept == [each["id"] for each in BAD]
    return [] if right else [f"the rejects file holds {kept}"]


def main() -> int:
    import tempfile

    moments, seed = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the server is closed then too
    with closing(OpenSearchServer()) as server:
        server.start()
        with tempfile.TemporaryDirectory() as folder:
            campaign = Campaign(server, Path(folder), seed)
            try:
                campaign.run(moments, tell=lambda text: print(text, file=sys.stderr, flush=True))  # noqa: T201
            finally:  # also of one that is broken off
                sys.stdout.write(campaign.table() + "\n")
                sys.stdout.flush()
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main())
