"""`tandem serve`: search, embeddings and documents over HTTP."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tandem.base.errors import TandemError
from tandem.config import Number
from tandem.options.cluster import ClusterTarget, cluster_options, index_name
from tandem.options.connection import read_secret, taken
from tandem.options.encoder import EncoderChoice, encoder_options, recorded_encoder

if TYPE_CHECKING:
    from cluster.access.credentials import Secret
    from tandem.service.app import Doors
    from tandem.service.parts import Parts

# So long requests that are under way may go on after the service was asked to end.
GRACE_SECONDS = 10


class ServeError(TandemError):
    """The service cannot start."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option(
    "--index",
    callback=index_name(pattern=True),
    help="Searched and written where a request names none; its model is loaded.",
)
@click.option("--rerank", metavar="MODEL", help="Cross-encoder of /rerank and of searches.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    callback=read_secret,
    help="File holding the key to search (or set TANDEM_SERVE_KEY); needed off loopback.",
)
@click.option(
    "--write-key-file",
    type=click.Path(path_type=Path),
    callback=read_secret,
    help="File holding the key to write documents (or set TANDEM_SERVE_WRITE_KEY); without one "
    "none are written.",
)
@click.option(
    "--allow-host",
    multiple=True,
    help="A name that this service is called by; repeat for more (default on loopback: localhost "
    "alone; elsewhere any).",
)
@click.option("--max-body-mb", type=Number(0.001, 1000), default=10, show_default=True)
@click.option("--max-seconds", type=Number(0.1, 3600), default=60, show_default=True)
@click.option("--max-requests", type=click.IntRange(1, 10_000), default=256, show_default=True)
@encoder_options(required=False)
@cluster_options
def command(
    host: str,
    port: int,
    index: str | None,
    rerank: str | None,
    key_file: Secret | None,
    write_key_file: Secret | None,
    allow_host: tuple[str, ...],
    max_body_mb: float,
    max_seconds: float,
    max_requests: int,
    encoder_choice: EncoderChoice,
    target: ClusterTarget,
) -> int:
    """Answer searches, embeddings and documents over HTTP until Ctrl-C.

    Loopback by default; another address needs a key. /openapi.json describes the requests.
    """
    try:
        from tandem.service.app import Doors
        from tandem.service.door.access import LOCAL_NAMES, Access, is_loopback
        from tandem.service.door.limits import Bounds
    except ImportError as error:
        raise ServeError(
            f"the service needs the package {error.name}, which is not installed: "
            "pip install 'tandem-search[serve]'."
        ) from error

    # Taken out of the environment even where a file wins.
    keys = taken("TANDEM_SERVE_KEY"), taken("TANDEM_SERVE_WRITE_KEY")
    read, write = key_file or keys[0], write_key_file or keys[1]
    if not is_loopback(host) and read is None:
        raise click.UsageError(
            f"--host {host} can be reached from other machines: give --key-file, which searches "
            "then need, or leave --host out."
        )
    hosts = (*LOCAL_NAMES, *allow_host) if is_loopback(host) or allow_host else ()
    bounds = Bounds(round(max_body_mb * 1e6), max_seconds, max_requests)
    with _parts(target, encoder_choice, index, rerank) as parts:
        return _run(parts, Doors(Access(read, write, hosts), bounds), host, port)


@contextlib.contextmanager
def _parts(
    target: ClusterTarget, choice: EncoderChoice, index: str | None, rerank: str | None
) -> Iterator[Parts]:
    from encoder import CrossEncoder
    from tandem.service.parts import Parts

    with target.connect() as cluster:
        record = recorded_encoder(cluster, index) if index and not choice.model else None
        encoder = choice.load(record)
        reranker = CrossEncoder.load(rerank) if rerank else None
        yield Parts(cluster, encoder, index, reranker)


def _run(parts: Parts, doors: Doors, host: str, port: int) -> int:
    import uvicorn

    from tandem.service.app import make_app
    from tandem.service.door.observe import log_as_json
    from tandem.service.door.wire import Protocol

    log_as_json()
    app = make_app(parts, doors, version("tandem-search"))
    config = uvicorn.Config(
        app,
        http=Protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with listening(host, port) as sock:
        name, at = sock.getsockname()[:2]
        click.echo(
            f"Tandem listens at http://{f'[{name}]' if ':' in name else name}:{at}", err=True
        )
        # uvicorn ends in order and then hands the signal on, which is no failure.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[sock])
    return 0


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; raises ServeError where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ServeError(
            f"cannot listen at {host} port {port} ({error.strerror or error}): name a free port "
            "with --port, and an address of this machine with --host."
        ) from error
    # Connections inherit it. asyncio sets it only for sockets whose protocol is named, and without
    # it an answer's body waits 40 ms until the caller has acknowledged the head.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
