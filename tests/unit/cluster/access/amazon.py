"""What Amazon's services do with a signature: recompute it, with their own library."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.servers.wrong import Answerer, Asked, Reply

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "session-token"
REFUSAL = "The request signature we calculated does not match the signature you provided."
# As AWS's own tools find them.
ENVIRON = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": TOKEN,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
}


def checking(answer: Answerer, service: str, region: str = "eu-west-1") -> Answerer:
    """Answer only what is signed for this service and region by SECRET."""

    def reply(asked: Asked) -> Reply:
        if not _genuine(asked, service, region):
            return Reply({"message": REFUSAL}, status=403)
        return answer(asked)

    return reply


def _genuine(asked: Asked, service: str, region: str) -> bool:
    headers = {name.lower(): value for name, value in asked.headers.items()}
    said = re.fullmatch(
        rf"AWS4-HMAC-SHA256 Credential={KEY}/(\d{{8}})/{region}/{service}/aws4_request, "
        r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})",
        headers.get("authorization", ""),
    )
    if said is None or headers["x-amz-content-sha256"] != hashlib.sha256(asked.body).hexdigest():
        return False
    signed = said[2].split(";")
    if {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"} - set(signed):
        return False
    path, _, query = asked.path.partition("?")
    request = AWSRequest(
        method=asked.method,
        url=f"http://{headers['host']}{path}",
        # As it reads a query: decoded, and encoded anew. It takes no + for a blank.
        params=[tuple(map(unquote, pair.partition("=")[::2])) for pair in query.split("&") if pair],
        headers={name: headers[name] for name in signed},
        data=asked.body,
    )
    request.context["timestamp"] = headers["x-amz-date"]
    by = SigV4Auth(Credentials(KEY, SECRET, TOKEN), service, region)
    return (
        by.signature(by.string_to_sign(request, by.canonical_request(request)), request) == said[3]
    )
