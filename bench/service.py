"""What `tandem serve` costs: many callers of one short text, searches over HTTP, and a long load.

Embeddings: 64 callers, each with one connection and one text a request, beside
`Encoder.encode_passages` on the same texts, and with --infinity beside infinity-emb, which runs the
same model by its own defaults, in turn. The callers' own work is counted in. Searches: GET /search
beside Searcher.search, of the same texts in turn, none of which was asked before. Load: the 64
callers for --minutes; memory after the first tenth, and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import numpy as np
import orjson

from bench.encode import passages
from bench.search import EXAMPLES, load_examples
from bench.support.environments.making import INFINITY, peers_python
from bench.support.report import verdict
from cluster import Cluster, connect
from encoder import Encoder
from encoder.model.locate import locate
from query import Searcher
from tests.servers.served import MODEL, Served

CALLERS = 64
SHARE, SEARCH_MS, GROWTH = 0.6, 3.0, 1.1
# Loading torch and the model, and its own warming up.
START_SECONDS, COSINE = 300, 0.9999


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
        ways["infinity-emb"] = lambda: called(f"{peer}/embeddings", "model", iter(texts))
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
        verdict(
            f"{CALLERS} callers, over infinity", own / middle["infinity-emb"], 1.0, at_least=True
        )


@contextlib.contextmanager
def infinity(folder: Path, encoder: Encoder) -> Iterator[str]:
    """The URL of infinity-emb with the same model, whose vectors are looked at first."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [peers_python(folder, INFINITY).with_name("infinity_emb"), "v2", "--port", str(port)]
    words += ["--model-id", locate(MODEL), "--served-model-name", "model", "--device", "cpu"]
    silent = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen(
            [*map(str, words), "--host", "127.0.0.1"],
            env={**os.environ, **silent},
            stdout=log,
            stderr=log,
        )
        try:
            url, asked = f"http://127.0.0.1:{port}", {"input": ["bees"], "model": "model"}
            ending = time.monotonic() + START_SECONDS
            while not _answers(url):
                if started.poll() is not None or time.monotonic() > ending:
                    log.seek(0)
                    raise SystemExit(f"infinity-emb does not start: {log.read()[-2000:].decode()}")
                time.sleep(1)
            vector = httpx.post(f"{url}/embeddings", json=asked).json()["data"][0]["embedding"]
            cosine = float(np.array(vector) @ encoder.encode_passages(["bees"])[0])
            verdict("cosine of its vector and ours", cosine, COSINE, at_least=True)
            yield url
        finally:
            started.terminate()
            started.wait(timeout=60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


def searches(cluster: Cluster, url: str, encoder: Encoder, texts: Sequence[str]) -> None:
    """What HTTP adds to a search, at the median."""
    searcher = Searcher(cluster, EXAMPLES, encoder=encoder)
    seconds: dict[str, list[float]] = {"Searcher.search": [], "GET /search": []}
    # httpx would take a millisecond of its own.
    with contextlib.closing(HTTPConnection(urlsplit(url).netloc)) as client:

        def get(text: str) -> None:
            client.request("GET", f"/search?{urlencode({'q': text})}")
            answer = client.getresponse()
            told = answer.read()
            if answer.status != HTTPStatus.OK:
                raise SystemExit(told.decode())

        for turn, text in enumerate(texts):
            ways = {
                "Searcher.search": lambda text=text: searcher.search(text),
                "GET /search": lambda text=text: get(text),
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
    parser.add_argument(
        "--infinity", type=Path, metavar="FOLDER", help="its environment, made once"
    )
    given = parser.parse_args()
    texts = [
        " ".join(text.split()[: 5 + n % 6]) for n, text in enumerate(passages(given.texts, 60))
    ]
    with connect() as cluster:
        encoder = Encoder.load(MODEL)
        load_examples(cluster, encoder)
        home = {name: value for name, value in os.environ.items() if name == "TANDEM_HOME"}
        served = Served(cluster.url, "--index", EXAMPLES, **home)
        beside = infinity(given.infinity, encoder) if given.infinity else contextlib.nullcontext()
        with contextlib.closing(served) as service:
            with beside as peer:
                embeddings(service.url, peer, encoder, texts, given.rounds)
            searches(cluster, service.url, encoder, texts[:500])
            if given.minutes:
                load(service.url, service.process.pid, texts, given.minutes)


if __name__ == "__main__":
    main()
