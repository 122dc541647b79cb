"""What `tandem serve` costs: many callers of one short text, searches over HTTP, and a long load.

Embeddings: 64 callers, each with one connection and one text a request, beside
`Encoder.encode_passages` on the same texts, and beside another service where --peer names one, in
turn. Searches: GET /search beside Searcher.search, of the same texts in turn, none of which was
asked before. Load: the 64 callers for --minutes; memory after the first tenth, and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import orjson

from bench.encode import passages
from bench.search import EXAMPLES, load_examples
from bench.support.report import verdict
from cluster import Cluster, connect
from encoder import Encoder
from query import Searcher
from tests.servers.served import MODEL, Served

CALLERS = 64
SHARE, SEARCH_MS, GROWTH = 0.6, 3.0, 1.1


async def _caller(address: tuple[str, int], requests: Iterator[bytes], found: Counter[int]) -> None:
    """Send one request after the other, and count the answers by their status."""
    reader, writer = await asyncio.open_connection(*address)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        found[int(head[9:12])] += 1
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        assert length, head
        await reader.readexactly(int(length[1]))
    writer.close()


def called(url: str, model: str, texts: Iterator[str]) -> Counter[int]:
    """All texts asked for by 64 callers: status -> answers."""
    at = urlsplit(url)
    found: Counter[int] = Counter()

    def requests() -> Iterator[bytes]:
        for text in texts:
            body = orjson.dumps({"input": [text], "model": model})
            head = f"POST {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: {len(body)}"
            yield f"{head}\r\nContent-Type: application/json\r\n\r\n".encode() + body

    async def all_of_them() -> None:
        shared = requests()
        address = (at.hostname or "", at.port or 80)
        await asyncio.gather(*(_caller(address, shared, found) for _ in range(CALLERS)))

    asyncio.run(all_of_them())
    return found


def embeddings(
    url: str, peer: str | None, encoder: Encoder, texts: Sequence[str], rounds: int
) -> None:
    """Texts a second, each way in turn; the first round warms up."""
    rates: dict[str, list[float]] = {}
    ways = {
        "Encoder.encode_passages": lambda: Counter({200: len(encoder.encode_passages(texts))}),
        "tandem serve": lambda: called(f"{url}/v1/embeddings", MODEL, iter(texts)),
    }
    if peer:
        ways["peer"] = lambda: called(f"{peer}/embeddings", "model", iter(texts))
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            answers = way()
            if answers[200] != len(texts):
                raise SystemExit(f"{name} answered {dict(answers)} for {len(texts)} texts.")
            if turn:
                rates.setdefault(name, []).append(len(texts) / (time.perf_counter() - began))
    middle = {name: statistics.median(each) for name, each in rates.items()}
    for name, each in middle.items():
        print(f"{name}: {each:.0f} short texts a second")
    own = middle["tandem serve"]
    share = own / middle["Encoder.encode_passages"]
    verdict(f"{CALLERS} callers, over encode_passages", share, SHARE, at_least=True)
    if peer:
        verdict(f"{CALLERS} callers, over the peer", own / middle["peer"], 1.0, at_least=True)


def searches(cluster: Cluster, url: str, encoder: Encoder, texts: Sequence[str]) -> None:
    """What HTTP adds to a search, at the median."""
    searcher = Searcher(cluster, EXAMPLES, encoder=encoder)
    seconds: dict[str, list[float]] = {"Searcher.search": [], "GET /search": []}
    with httpx.Client() as client:
        for turn, text in enumerate(texts):
            ways = {
                "Searcher.search": lambda text=text: searcher.search(text),
                "GET /search": lambda text=text: client.get(
                    f"{url}/search?{urlencode({'q': text})}"
                ).raise_for_status(),
            }
            for name in sorted(ways, reverse=turn % 2 == 0):
                began = time.perf_counter()
                ways[name]()
                if turn >= len(texts) // 5:
                    seconds[name].append(1000 * (time.perf_counter() - began))
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    for name, each in middle.items():
        print(f"{name}: {each:.1f} ms at the median")
    added = middle["GET /search"] - middle["Searcher.search"]
    verdict("HTTP adds, in ms", added, SEARCH_MS, at_least=False)


def load(url: str, process: int, texts: Sequence[str], minutes: float) -> None:
    """Full load for so long: what was answered, and the memory of the service."""
    began, first = time.monotonic(), 0
    ending = began + 60 * minutes

    def asked() -> Iterator[str]:
        nonlocal first
        while time.monotonic() < ending:
            yield from texts
            if not first and time.monotonic() > began + 6 * minutes:
                first = resident(process)

    answers = called(f"{url}/v1/embeddings", MODEL, asked())
    last = resident(process)
    print(f"{minutes:g} minutes: {dict(answers)} by status, {first} to {last} MB resident")
    verdict("memory, end over beginning", last / first, GROWTH, at_least=False)
    others = sum(n for status, n in answers.items() if status not in (200, 429))
    verdict("answers that are neither 200 nor 429", others, 0, at_least=False)


def resident(process: int) -> int:
    """Megabytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) // 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--peer", help="URL of another service with OpenAI's /embeddings")
    given = parser.parse_args()
    texts = [
        " ".join(text.split()[: 5 + n % 6]) for n, text in enumerate(passages(given.texts, 60))
    ]
    with connect() as cluster:
        encoder = Encoder.load(MODEL)
        load_examples(cluster, encoder)
        home = {name: value for name, value in os.environ.items() if name == "TANDEM_HOME"}
        served = Served(cluster.url, "--index", EXAMPLES, **home)
        with contextlib.closing(served) as service:
            embeddings(service.url, given.peer, encoder, texts, given.rounds)
            searches(cluster, service.url, encoder, texts[:500])
            if given.minutes:
                load(service.url, service.process.pid, texts, given.minutes)


if __name__ == "__main__":
    main()
