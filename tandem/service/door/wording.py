"""Sentences of the rooms as the service says them to who sent a request."""

from __future__ import annotations

import re

import click

from tandem.output.flags import in_flags

# Parameter -> the field of a request that sets it, where that has another name.
FIELDS = {"place": "fusion_at", "Knn.field": "vector_field", "Rerank.depth": "rerank_depth"}
# Without options, so that in_flags shows commands for calls and leaves parameters alone.
_NO_OPTIONS = click.Command("serve")
_MARKED = re.compile(rf"`({'|'.join(map(re.escape, FIELDS))})(?=[`=])")
_AGAIN = "run the same command again"
# What a request said is told, but not all of it where it was very long.
_HEAD, _TAIL = 1_000, 500


def in_requests(text: str) -> str:
    """A room's sentence with the fields of a request, and with commands for calls."""
    text = in_flags(text.replace(_AGAIN, "send the same request again"), _NO_OPTIONS)
    text = _MARKED.sub(lambda match: f"`{FIELDS[match[1]]}", text)
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]} ... {text[-_TAIL:]}"
