"""Errors of this room: each message is one sentence with what was wrong, where, and the cure.

ClusterError
├── AccessError         the cluster refused who we are, or what we may do
│   └── MissingRightError   a permission that we lack, by its name
├── MissingIndexError   the index is not there
├── NodeError           the embedded node could not be fetched, started, stopped, or has died
│   ├── DownloadError   a part of it could not be fetched, or is not what was pinned
│   └── JavaError       no Java on this machine can run it
└── UnreachableError    nothing answered, or not in a way that a cluster does, or not now
"""

from tandem.base.errors import TandemError


class ClusterError(TandemError):
    """Base of every error of reaching or running a cluster; `tandem` prints it, exits 1."""


class AccessError(ClusterError):
    """The cluster refused who we are (401), or what we may do (403)."""


class MissingRightError(AccessError):
    """We lack permissions; permissions: their names, as the cluster calls them."""

    def __init__(self, sentence: str, permissions: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.permissions = permissions


class MissingIndexError(ClusterError):
    """The index is not there (404).

    what: the sentence without its cure and full stop, for who knows a better cure.
    """

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}: {cure}.")
        self.what = what


class NodeError(ClusterError):
    """The embedded node could not be fetched, started or stopped, or has died."""


class DownloadError(NodeError):
    """A part of the embedded node could not be fetched, or is not what was pinned."""


class JavaError(NodeError):
    """No Java on this machine can run the embedded node."""


class UnreachableError(ClusterError):
    """Nothing answered, or not in a way that a cluster does, or it has too much to do now.

    status: of the answer, None where a cluster gave none; retry_after: seconds after which it asks
    to be asked again, None where it did not.
    """

    def __init__(
        self, message: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


def cause_of(told: Exception, error: Exception) -> Exception | None:
    """What to raise `told` from: nothing where its sentence says all that the client's error does.

    Any other answer may be a defect of ours, which the client's error helps to find.
    """
    expected = (AccessError, MissingIndexError, UnreachableError)
    return None if isinstance(told, expected) else error
