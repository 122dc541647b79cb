"""The base of all errors, so that one `except` catches whatever Tandem has to say.

TandemError
├── ClusterError      reaching or running a cluster          (cluster/errors.py)
├── EncoderError      loading or running a model             (encoder/errors.py)
├── EvaluationError   judgements or a run that is no such    (evaluation/errors.py)
├── IngestError       an ingestion that cannot go on         (ingest/errors.py)
├── MappingError      an index body or record that is wrong  (mappings/errors.py)
└── QueryError        a search that cannot be made           (query/errors.py)
"""

import os
import re
import sys


class TandemError(Exception):
    """Base of every error of every room: one sentence with what was wrong, where, and the cure."""


def one_line(error: BaseException, most: int = 200) -> str:
    """What an error says, on one line and without a full stop; its name where it says nothing."""
    return " ".join(str(error).split())[:most].rstrip(". ") or type(error).__name__


# What TLS says of a certificate that is not believed, as a pattern, most telling first.
OTHER_NAME = r"[Hh]ostname mismatch|doesn't match|not valid for|IP address mismatch"
EXPIRED = r"certificate has expired"
UNTRUSTED = r"CERTIFICATE_VERIFY_FAILED|self.signed certificate|unable to get .*issuer"


def untrusted(said: str) -> str | None:
    """What is wrong with a certificate by what TLS says of it, with the cure; None for else."""
    if "CERTIFICATE_VERIFY_FAILED" not in said:
        return None
    if re.search(EXPIRED, said):
        return "its certificate has expired, or this machine's clock is wrong"
    if re.search(OTHER_NAME, said):
        return "its certificate is for another host name"
    return (
        "its certificate is signed by an authority that this machine does not trust, so "
        f"{own_authority('in SSL_CERT_FILE')}"
    )


def own_authority(by: str) -> str:
    """How to have an authority trusted; by: what else takes its PEM file, with a preposition.

    TLS passes over a file that is not there without a word, so that is told here.
    """
    named, first = os.environ.get("SSL_CERT_FILE"), "add that to the machine's trust store"
    if named and not os.path.isfile(named):
        first = f"correct SSL_CERT_FILE, which names {named!r}, where no file is"
    return f"{first}, or name its PEM file {by}"


def debugging() -> bool:
    """Whether a defect's traceback is wanted: `tandem --debug`, or TANDEM_DEBUG."""
    return "--debug" in sys.argv or bool(os.environ.get("TANDEM_DEBUG"))
