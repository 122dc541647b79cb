"""Requests signed for Amazon's services, by Signature Version 4.

Source: AWS General Reference, "Create a signed AWS API request".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from cluster.errors import AccessError, ClusterError
from tandem.base.errors import one_line

# Managed clusters, and Serverless.
SERVICES = ("es", "aoss")
_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:es|aoss|on)\.(?:amazonaws\.com|aws)")
_CURE = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or log in with the AWS "
    "command line"
)


class Signer:
    """Signs each request as it goes over the wire, with what credentials are good for then.

    service: es or aoss; region: None for that of the host name, else that of AWS_REGION or boto3.
    Credentials are found as by all of Amazon's tools: environment, profile, role. Raises
    ClusterError where there is no boto3, region or credential.
    """

    def __init__(self, service: str, region: str | None, host: str) -> None:
        if service not in SERVICES:
            raise ClusterError(f"`aws` is {service!r} and must be {' or '.join(SERVICES)}.")
        try:
            import boto3
            from botocore.exceptions import BotoCoreError
        except ImportError as error:
            raise ClusterError(
                "signing for Amazon's services needs the package boto3, which is not installed: "
                "pip install 'tandem-search[aws]'."
            ) from error
        try:
            session = boto3.Session()
            self._credentials = session.get_credentials()
        except BotoCoreError as error:
            raise _no_credentials(error) from error
        if self._credentials is None:
            raise AccessError(f"no credentials for Amazon's services are found: {_CURE}.")
        found = _REGION.search(host)
        # boto3 itself reads AWS_DEFAULT_REGION alone.
        usual = os.environ.get("AWS_REGION") or session.region_name
        self._region = region or (found[1] if found else usual)
        if not self._region:
            raise ClusterError(
                f"the region of {host} is not known: name it with `aws_region`, or set AWS_REGION."
            )
        self._service = service

    def signed(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        """(the URL to send to, all headers to send); raises AccessError without credentials.

        url: absolute; its query is written anew as Amazon reads it, so that both hash the same.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError

        try:
            credentials = self._credentials.get_frozen_credentials()
        except BotoCoreError as error:  # they had to be fetched anew
            raise _no_credentials(error) from error
        url = _canonical(url)
        # What a proxy may change on the way is left out.
        covered = {k: v for k, v in headers.items() if k.lower().startswith("x-amz-")}
        request: Any = AWSRequest(method=method, url=url, data=body, headers=covered)
        by = SigV4Auth(credentials, self._service, self._region)
        # Serverless takes no request without it.
        request.headers["X-Amz-Content-SHA256"] = by.payload(request)
        by.add_auth(request)
        return url, {**headers, **dict(request.headers.items())}


def _no_credentials(error: Exception) -> AccessError:
    said = one_line(error)
    return AccessError(f"no credentials for Amazon's services are to be had ({said}): {_CURE}.")


def _canonical(url: str) -> str:
    parts = urlsplit(url)
    pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
    return urlunsplit(parts._replace(query=query))


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
