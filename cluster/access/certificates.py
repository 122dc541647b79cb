"""Whose certificates are believed, and the one that says who we are."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cluster.access.credentials import Secret, secret
from cluster.errors import ClusterError
from tandem.base.arguments import settle


@dataclass(frozen=True)
class Certificates:
    """PEM files of TLS.

    ca_certs: the only authorities that are believed, None for those of this machine; verify: False
    believes anybody; client_cert: our own, with its chain; client_key: its key, None where it is in
    the same file; client_key_password: of a key that is encrypted.
    """

    ca_certs: Path | str | None = None
    verify: bool = True
    client_cert: Path | str | None = None
    client_key: Path | str | None = None
    client_key_password: Secret | str | None = None

    def __post_init__(self) -> None:
        """Refuse a key without its certificate, and a password without what it opens."""
        settle(self, client_key_password=secret(self.client_key_password))
        for name in ("ca_certs", "client_cert", "client_key"):
            if "\0" in str(getattr(self, name)):
                raise ClusterError(f"`{name}` holds a zero byte, as no path does: name a file.")
        if self.client_key and not self.client_cert:
            raise ClusterError(
                "a client's key is given without its certificate: name it with `client_cert`."
            )
        if self.client_key_password and not self.client_cert:
            raise ClusterError(
                "a password of a client's key is given without a certificate: name it with "
                "`client_cert`."
            )

    def context(self) -> ssl.SSLContext:
        """What connections check and show; raises ClusterError for a file that does not do."""
        context = self._believing()
        if self.client_cert:
            self._show(context, Path(self.client_cert))
        return context

    def _believing(self) -> ssl.SSLContext:
        if not self.verify:
            # Not by the client's own options, which silence warnings for the whole process.
            unverified = ssl.create_default_context()
            unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
            return unverified
        if self.ca_certs is not None:
            return _authority(Path(self.ca_certs))
        return trusted()

    def _show(self, context: ssl.SSLContext, certificate: Path) -> None:
        key, asked = Path(self.client_key or certificate), False

        def password() -> str:
            nonlocal asked
            asked = True
            # Without this, OpenSSL would ask at the terminal.
            if not isinstance(self.client_key_password, Secret):
                raise ClusterError(
                    f"the key in {key} is encrypted: give its password in `client_key_password`."
                )
            return self.client_key_password.reveal()

        try:
            context.load_cert_chain(certificate, self.client_key, password)
        except ssl.SSLError as error:
            if asked:
                raise ClusterError(
                    f"the password does not open the key in {key}: correct `client_key_password`."
                ) from None
            raise ClusterError(_fault(error, certificate, key)) from None
        except OSError as error:
            raise ClusterError(
                f"the client certificate {certificate}, or its key {key}, cannot be read: "
                f"{error.strerror}."
            ) from error


def trusted() -> ssl.SSLContext:
    """Checks certificates as this machine does."""
    import certifi
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As pip does: a slim container has no store of its own.
    context.load_verify_locations(certifi.where())
    return context


def _fault(error: ssl.SSLError, certificate: Path, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return (
            f"the key in {key} is not that of the certificate in {certificate}: name the right one "
            "with `client_key`."
        )
    return (
        f"{certificate} and {key} are no certificate and key in PEM form: name PEM files with "
        "`client_cert` and `client_key`."
    )


def _authority(ca_certs: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_certs))
    except ssl.SSLError as error:
        raise ClusterError(
            f"{ca_certs} holds no certificate in PEM form: name the authority's PEM file."
        ) from error
    except OSError as error:
        raise ClusterError(
            f"the certificate file {ca_certs} cannot be read: {error.strerror}."
        ) from error
