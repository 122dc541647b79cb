"""Fragments of a passage with the words that matched, in pieces that need no markup."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from query.target import Target

# Around a match, in the cluster's answer; no text of a user can hold what is drawn anew each time.
_OPEN, _CLOSE = (f"[{secrets.token_hex(8)}]" for _ in range(2))
_FRAGMENTS, _CHARACTERS = 2, 160

Fragment = list[tuple[str, bool]]


def highlight_body(clause: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """What asks the cluster for fragments; clause: the words, whatever the search looks for."""
    return {
        "pre_tags": [_OPEN],
        "post_tags": [_CLOSE],
        "highlight_query": clause,
        "number_of_fragments": _FRAGMENTS,
        "fragment_size": _CHARACTERS,
        "fields": {name: {} for name in target.text_fields},
    }


def highlights(hit: Mapping[str, Any]) -> dict[str, list[Fragment]]:
    """Field -> fragments of a hit, each a list of (text, whether it matched)."""
    found: Mapping[str, list[str]] = hit.get("highlight", {})
    return {field: [_pieces(fragment) for fragment in each] for field, each in found.items()}


def _pieces(fragment: str) -> Fragment:
    pieces = []
    for number, part in enumerate(fragment.split(_OPEN)):
        if number == 0:
            pieces.append((part, False))
            continue
        match, _, rest = part.partition(_CLOSE)
        pieces += [(match, True), (rest, False)]
    return [(text, matched) for text, matched in pieces if text]
