"""The options that say how a cluster is reached; secrets come from the environment or from files.

Never from the command line, where `ps` shows them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tandem.config import WORDS, Number, Profiles, typed

if TYPE_CHECKING:
    from cluster.access.credentials import Secret

Header = tuple[str, "Secret"]
Decorator = Callable[[Any], Any]
# Characters; more is no secret, and some files have no end.
_LONGEST_SECRET = 1_000_000


def read_secret(ctx: click.Context, param: click.Parameter, value: Path | None) -> Secret | None:
    """What a file holds; neither it nor its name, which may be the secret itself, is ever shown."""
    from cluster.access.credentials import Secret

    if value is None:
        return None
    try:
        with value.open(encoding="utf-8-sig") as file:
            secret = file.read(_LONGEST_SECRET).strip()
    except (OSError, ValueError) as error:  # also of a path that none can be
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
    from cluster.access.credentials import Secret

    value = os.environ.pop(variable, None)
    return Secret(value) if value else None


def _read_headers(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[Header, ...]:
    from cluster.access.credentials import Secret, Unshown

    # Secrets stand in the variable: what is typed, or lies in the file of options, is none.
    told = ctx.get_parameter_source(str(param.name)) is click.core.ParameterSource.ENVIRONMENT
    kind = Secret if told else Unshown
    found = tuple(_header(ctx, param, line, kind) for line in value)
    for name, _ in found:
        if typed(ctx, str(param.name)) and name.lower() in ("authorization", "cookie"):
            raise click.BadParameter(
                f"{name} holds a secret, which everybody on this machine can read on the command "
                "line: put it into --header-file, or into TANDEM_HEADER.",
                ctx,
                param,
            )
    return found


def _read_header_file(
    ctx: click.Context, param: click.Parameter, value: Path | None
) -> tuple[Header, ...]:
    from cluster.access.credentials import Secret

    secret = read_secret(ctx, param, value)
    lines = secret.reveal().splitlines() if secret else ()
    return tuple(_header(ctx, param, line, Secret) for line in lines if line.strip())


def _header(ctx: click.Context, param: click.Parameter, line: str, kind: type[Secret]) -> Header:
    name, colon, value = line.partition(":")
    if not colon:  # the whole of it may be the secret
        raise click.BadParameter("a header is written as 'Name: value'.", ctx, param)
    return name.strip(), kind(value.strip())


def _read_proxy(ctx: click.Context, param: click.Parameter, value: str | None) -> Secret | None:
    from cluster.access.credentials import Secret

    if value and "@" in value and typed(ctx, str(param.name)):
        raise click.BadParameter(
            "it holds a password, which everybody on this machine can read on the command line: "
            "put it into TANDEM_PROXY.",
            ctx,
            param,
        )
    return Secret(value) if value else None


def _use_profile(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Let the options of the profile count, and none that the file has for reaching others."""
    if value is None:
        return None
    if ctx.get_parameter_source("profile") is click.core.ParameterSource.DEFAULT_MAP:
        raise click.BadParameter(
            "the file itself names one: use --profile or TANDEM_PROFILE; what stands at its top "
            "holds without either.",
            ctx,
            param,
        )
    profiles: Profiles = ctx.find_root().obj or Profiles(None, {})
    names = {option.name for option in connection_options()}
    rest = {k: v for k, v in (ctx.default_map or {}).items() if k not in names}
    ctx.default_map = {**rest, **profiles.of(value)}
    return value


def _secret_file(name: str, what: str) -> Decorator:
    """A file that holds a secret, whose variable is TANDEM_NAME."""
    variable = f"TANDEM_{name.upper()}"
    return click.option(
        f"--{name.replace('_', '-')}-file",
        f"{name}_from_file",
        type=click.Path(path_type=Path),
        callback=read_secret,
        help=f"File holding {what} (or set {variable}).",
    )


SECRETS = {
    "password": _secret_file("password", "the password"),
    "api_key": _secret_file("api_key", "an API key"),
    "bearer_token": _secret_file("bearer_token", "a bearer token, a JWT for instance"),
    "client_key_password": _secret_file("client_key_password", "the password of --client-key"),
}
_PATH = click.Path(path_type=Path)
profile_option = click.option(
    "--profile",
    is_eager=True,
    callback=_use_profile,
    help="Reach the cluster as [profiles.NAME] of the TOML file says.",
)
# What a profile may hold.
CONNECTION: list[Decorator] = [
    click.option(
        "--url",
        multiple=True,
        type=WORDS,
        help="The cluster, such as https://search.example:9200 (default: the embedded node); "
        "repeat for more of its hosts.",
    ),
    click.option("--user", help="User name; the password comes from TANDEM_PASSWORD or a file."),
    *SECRETS.values(),
    click.option(
        "--aws",
        type=click.Choice(["es", "aoss"]),
        help="Sign requests for Amazon OpenSearch Service (es) or Serverless (aoss), with the "
        "credentials that AWS's own tools find.",
    ),
    click.option("--aws-region", help="Where that is (default: as the host name says)."),
    click.option(
        "--ca-certs",
        type=_PATH,
        help="Certificate authority file (PEM) that signed the cluster's certificate.",
    ),
    click.option(
        "--insecure",
        is_flag=True,
        help="Do not verify the cluster's certificate. Only for a cluster you run yourself.",
    ),
    click.option(
        "--client-cert", type=_PATH, help="Certificate (PEM) that says to the cluster who you are."
    ),
    click.option("--client-key", type=_PATH, help="Its key, where that is another file."),
    click.option(
        "--proxy",
        callback=_read_proxy,
        help="HTTP proxy, such as http://proxy.example:3128 (default: HTTPS_PROXY, HTTP_PROXY, "
        "NO_PROXY).",
    ),
    click.option(
        "--header",
        multiple=True,
        type=WORDS,
        callback=_read_headers,
        help="Header for each request, as 'Name: value'; repeat for more.",
    ),
    click.option(
        "--header-file",
        type=_PATH,
        callback=_read_header_file,
        help="File holding headers, one a line, where a value is secret.",
    ),
    click.option(
        "--compress/--no-compress",
        default=None,
        help="Compress requests and answers, or not (default: for all but loopback).",
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


def connection_options() -> list[click.Option]:
    """The options themselves, as every command that talks to a cluster has them."""

    def bare() -> None:
        """Nothing but the options."""

    for option in reversed(CONNECTION):
        option(bare)
    return [each for each in click.command(bare).params if isinstance(each, click.Option)]


def access_of(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options of a connection out of those of a command: options of `connect`.

    Raises click.UsageError for what would not count.
    """
    values = {str(option.name): given.pop(str(option.name)) for option in connection_options()}
    # Taken out of the environment even where a file wins.
    variables = {name: taken(f"TANDEM_{name.upper()}") for name in SECRETS}
    _forget_variables("header", "proxy")
    files = {name: values.pop(f"{name}_from_file") for name in SECRETS}
    secrets = {name: files[name] or variables[name] for name in SECRETS}
    _check_tls(values)
    headers: Mapping[str, Secret] = dict((*values.pop("header_file"), *values.pop("header")))
    insecure, url = values.pop("insecure"), values.pop("url") or None
    return {**values, **secrets, "url": url, "verify": not insecure, "headers": headers}


def _forget_variables(*names: str) -> None:
    """Take options that may hold secrets out of the environment, as `taken` does."""
    for option in click.get_current_context().command.params:
        if option.name in names:
            for variable in option.envvar or ():
                os.environ.pop(variable, None)


def _check_tls(values: Mapping[str, Any]) -> None:
    from tandem.base.process.redact import redacted

    plain = [url for url in values["url"] if not url.lower().startswith("https:")]
    for name in ("ca_certs", "client_cert"):
        if values[name] and plain:
            raise click.UsageError(
                f"--{name.replace('_', '-')} is for TLS, and --url {redacted(plain[0])} is not: "
                "write https://, or leave it out."
            )


def check_profile(ctx: click.Context, profile: str | None) -> None:
    """Refuse a second cluster, which would get the credentials of the profile's."""
    if profile is None or "url" not in (ctx.default_map or {}):
        return
    if ctx.get_parameter_source("url") is not click.core.ParameterSource.DEFAULT_MAP:
        raise click.UsageError(
            f"--profile {profile} names a cluster, and so does --url or TANDEM_URL: leave one out, "
            "for the credentials are those of the profile."
        )
