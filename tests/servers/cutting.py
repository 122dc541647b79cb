"""A proxy of TCP that cuts connections, whatever is spoken over them."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class CuttingProxy:
    """Forwards to `url`; of what comes back, `cuts` connections get no more than `after` bytes."""

    def __init__(self, url: str, cuts: int, after: int) -> None:
        self._target = urlsplit(url)
        self.cuts, self._after = cuts, after
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> CuttingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection((self._target.hostname, self._target.port or 80))
        with client, server:
            back = threading.Thread(target=self._back, args=(server, client), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while data := client.recv(1 << 16):
                    server.sendall(data)
            back.join(60)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 14):
                passed += len(data)
                if passed > self._after and self.cuts > 0:
                    self.cuts -= 1
                    break
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
