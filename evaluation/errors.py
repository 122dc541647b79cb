"""The error of this room: its message is one sentence with what was wrong, where, and the cure."""

from tandem.base.errors import TandemError


class EvaluationError(TandemError):
    """Judgements, a run or a request for figures that cannot be used."""
