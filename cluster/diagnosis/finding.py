"""One line of what `tandem doctor` says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    cure: what to do, None where nothing is needed; needed: whether Tandem cannot work without it;
    used: False for what is merely there.
    """

    section: str
    name: str
    value: str
    cure: str | None = None
    needed: bool = True
    used: bool = True

    @property
    def bad(self) -> bool:
        """Whether something that is needed is missing."""
        return self.needed and self.cure is not None
