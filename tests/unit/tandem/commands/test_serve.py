"""`tandem serve` before any request."""

import socket

from tandem.commands.serve import listening


def test_an_answer_does_not_wait_for_the_head_to_be_acknowledged():
    with listening("127.0.0.1", 0) as sock, socket.create_connection(sock.getsockname()):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
