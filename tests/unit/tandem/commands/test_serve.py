"""`tandem serve` before any request."""

import asyncio
import socket

import uvicorn

from tandem.commands.serve import listening
from tandem.service.door.wire import Protocol
from tests.support.commands import tandem

LENGTH = [(b"content-length", b"8")]


def test_an_answer_does_not_wait_for_the_head_to_be_acknowledged():
    with listening("127.0.0.1", 0) as sock, socket.create_connection(sock.getsockname()):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_off_loopback_it_needs_a_key():
    done = tandem("serve", "--host", "0.0.0.0", "--model", "none")
    assert (done.code, "--key-file" in done.err) == (2, True)


def test_an_answer_leaves_whole_and_its_caller_wakes_up_once():
    async def told(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": LENGTH})
        await send({"type": "http.response.body", "body": b"the body"})

    async def asked():
        config = uvicorn.Config(told, http=Protocol, lifespan="off", log_config=None)
        served = uvicorn.Server(config)
        with listening("127.0.0.1", 0) as sock:
            serving = asyncio.create_task(served.serve([sock]))
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            for _ in range(2):
                writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
                assert (await reader.read(10_000)).endswith(b"the body")
            # What ends with its answer ends after it.
            writer.write(b"GET / HTTP/1.0\r\nHost: here\r\n\r\n")
            assert (await reader.read()).endswith(b"the body")
            writer.close()
            await writer.wait_closed()
            served.should_exit = True
            await serving

    asyncio.run(asked())
