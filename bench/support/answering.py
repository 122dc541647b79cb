"""A server that only answers: it remembers of each document what a later load asks for.

Bulk requests, look-ups and counts are answered from memory; all else goes to a real node, which so
has the index and its settings, and no documents. `python -m bench.support.answering URL` prints
where it listens.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import httpx
import orjson
import uvicorn

_PASSED_ON = ("content-type", "accept")


class Answering:
    """An ASGI application; stored: index -> id -> content hash."""

    def __init__(self, node: str) -> None:
        self._node = httpx.AsyncClient(base_url=node, timeout=60)
        self._stored: dict[str, dict[str, str]] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await _body(receive)
        index, _, verb = scope["path"].strip("/").rpartition("/")
        known = {"_bulk": self._bulk, "_mget": self._mget, "_count": self._count}
        if index and verb in known:
            status = 200
            data = orjson.dumps(known[verb](unquote(index), body))
        else:
            status, data = await self._passed_on(scope, body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    def _bulk(self, index: str, body: bytes) -> dict[str, Any]:
        stored, lines, items = self._stored.setdefault(index, {}), body.split(b"\n"), []
        for head, source in zip(lines[::2], lines[1::2], strict=False):
            ((action, where),) = orjson.loads(head).items()
            if "if_seq_no" in where and where["_id"] not in stored:  # as a load tries its right
                refused = {"type": "version_conflict_engine_exception", "reason": "none is there"}
                items.append({action: {"_index": index, "status": 409, "error": refused}})
                continue
            stored[where["_id"]] = orjson.loads(source)["content_hash"]
            done = {"_index": index, "_id": where["_id"], "status": 201, "result": "created"}
            items.append({action: done})
        return {"errors": False, "items": items}

    def _mget(self, index: str, body: bytes) -> dict[str, Any]:
        stored = self._stored.get(index, {})
        return {"docs": [_found(each, stored.get(each)) for each in orjson.loads(body)["ids"]]}

    def _count(self, index: str, body: bytes) -> dict[str, Any]:
        shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
        return {"count": len(self._stored.get(index, {})), "_shards": shards}

    async def _passed_on(self, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
        query = scope["query_string"].decode()
        path = scope["raw_path"].decode() + (f"?{query}" if query else "")
        told = {k.decode(): v.decode() for k, v in scope["headers"] if k.decode() in _PASSED_ON}
        answer = await self._node.request(scope["method"], path, content=body, headers=told)
        return answer.status_code, answer.content


def _found(name: str, content_hash: str | None) -> dict[str, Any]:
    if content_hash is None:
        return {"_id": name, "found": False}
    # Short documents have one passage each, whose id is the document's.
    source = {"content_hash": content_hash, "document_id": name}
    return {"_id": name, "found": True, "_seq_no": 0, "_primary_term": 1, "_source": source}


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


@contextmanager
def answering(node: str) -> Iterator[str]:
    """The URL of such a server, in a process of its own."""
    command = [sys.executable, "-m", "bench.support.answering", node]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=60)


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as door:
        print(f"http://127.0.0.1:{door.getsockname()[1]}", flush=True)
        settings = uvicorn.Config(Answering(sys.argv[1]), log_level="warning", access_log=False)
        uvicorn.Server(settings).run(sockets=[door])
