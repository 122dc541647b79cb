"""Options that several commands share, and what they become."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from cluster import Cluster
    from cluster.credentials import Secret

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output."
)


class Number(click.FloatRange):
    """A finite number within bounds: click alone takes nan, and infinity where a bound is open."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; a usage error for anything else."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number


def index_name(
    *, new: bool = False, pattern: bool = False
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """A callback of an option or argument that refuses what no index or alias can be called.

    new: of an index that is to be made; pattern: several may be named.
    """

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        from mappings import fault_of_name, fault_of_pattern

        if value is None:
            return None
        fault = fault_of_pattern(value) if pattern else fault_of_name(value, new=new)
        if fault:
            message = f"{value!r} cannot be the name of an index: {fault}."
            raise click.BadParameter(message, ctx, param)
        return value

    return check


@dataclass(frozen=True)
class Target:
    """Where the cluster is and who we are there; without a url, the embedded node."""

    url: str | None
    user: str | None
    password: Secret | None
    api_key: Secret | None
    ca_certs: Path | None
    insecure: bool
    timeout: float

    def connect(self) -> Cluster:
        """Reach the cluster, starting the embedded node where there is no url.

        Raises cluster.errors.ClusterError with one sentence and the cure.
        """
        from cluster import connect
        from tandem.output.progress import download_progress

        with download_progress() as on_progress:
            return connect(
                self.url,
                user=self.user,
                password=self.password,
                api_key=self.api_key,
                ca_certs=self.ca_certs,
                verify=not self.insecure,
                timeout=self.timeout,
                on_progress=on_progress,
            )


def read_secret(ctx: click.Context, param: click.Parameter, value: Path | None) -> Secret | None:
    """What a file holds; neither it nor its name, which may be the secret itself, is ever shown."""
    from cluster.credentials import Secret

    if value is None:
        return None
    try:
        secret = value.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise click.BadParameter(
            f"cannot read that file: {said}. Give the path of a file that holds the secret alone.",
            ctx,
            param,
        ) from None
    if not secret:
        raise click.BadParameter("that file is empty: put the secret into it.", ctx, param)
    return Secret(secret)


def taken(variable: str) -> Secret | None:
    """A secret of the environment, taken out of it: no process that we start gets it."""
    from cluster.credentials import Secret

    value = os.environ.pop(variable, None)
    return Secret(value) if value else None


# Secrets come from the environment or a file, never from the command line, where `ps` shows them.
_CLUSTER_OPTIONS = [
    click.option(
        "--url",
        help="The cluster, such as https://search.example:9200 (default: the embedded node).",
    ),
    click.option(
        "--user",
        help="User name; the password comes from TANDEM_PASSWORD or --password-file.",
    ),
    click.option(
        "--password-file",
        "password_from_file",
        type=click.Path(path_type=Path),
        callback=read_secret,
        help="File holding the password.",
    ),
    click.option(
        "--api-key-file",
        "api_key_from_file",
        type=click.Path(path_type=Path),
        callback=read_secret,
        help="File holding an API key (or set TANDEM_API_KEY).",
    ),
    click.option(
        "--ca-certs",
        type=click.Path(path_type=Path),
        help="Certificate authority file (PEM) that signed the cluster's certificate.",
    ),
    click.option(
        "--insecure",
        is_flag=True,
        help="Do not verify the cluster's certificate. Only for a cluster you run yourself.",
    ),
    click.option(
        "--timeout",
        # More than a day is more than a socket can wait in some systems.
        type=Number(0.1, 86_400),
        default=30.0,
        show_default=True,
        help="Seconds for one request, to the last byte of its answer.",
    ),
]


def cluster_options(command: Command) -> Command:
    """Add the options that name a cluster, and hand the command a `target` made of them."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        url: str | None,
        user: str | None,
        password_from_file: Secret | None,
        api_key_from_file: Secret | None,
        ca_certs: Path | None,
        insecure: bool,
        timeout: float,
        **kwargs: Any,
    ) -> Any:
        password, api_key = taken("TANDEM_PASSWORD"), taken("TANDEM_API_KEY")
        from cluster.credentials import redacted

        if ca_certs and url and not url.lower().startswith("https:"):
            raise click.UsageError(
                f"--ca-certs is for TLS, and --url {redacted(url)} is not: write https://, or "
                "leave it out."
            )
        target = Target(
            url=url,
            user=user,
            password=password_from_file or password,
            api_key=api_key_from_file or api_key,
            ca_certs=ca_certs,
            insecure=insecure,
            timeout=timeout,
        )
        return command(*args, target=target, **kwargs)

    for option in reversed(_CLUSTER_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


def print_json(value: Any) -> None:
    """Write one JSON object and a line end to standard output."""
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode())
