"""Errors of this room: each message is one sentence with what was wrong, where, and the cure."""


class ClusterError(Exception):
    """Base of every error of reaching or running a cluster; `tandem` prints it, exits 1."""
