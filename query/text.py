r"""What can be sent and written as text: UTF-8, which has no lone surrogates.

Python makes them of bytes that are not UTF-8 on the command line, and of "\ud800" in JSON.
"""

from __future__ import annotations


def is_text(text: str) -> bool:
    """Whether text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def visible(text: str) -> str:
    r"""The same text, with what cannot be written shown as \ud800."""
    return text.encode("utf-8", "backslashreplace").decode()
