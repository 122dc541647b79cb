"""Errors of this room: each message is one sentence with what was wrong, where, and the cure."""


class ClusterError(Exception):
    """Base of every error of reaching or running a cluster; the command line prints it and exits with 1."""
