"""Passages that say the same in the same words."""

from __future__ import annotations

import re
import unicodedata

# Words that follow one another, of which passages are compared; and the share of all of two
# passages' that makes one a copy. A. Broder, "On the resemblance and containment of documents",
# 1997, who took 50 % for pages that are roughly the same; 80 % leaves paraphrases alone.
SHINGLE = 3
ALIKE = 0.8

Words = tuple[str, ...]


def words_of(text: str) -> Words:
    """Its words, without case, marks and the differences that Unicode calls compatible."""
    return tuple(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def near_copy(one: Words, other: Words) -> bool:
    """Whether the words are the same, or at least 80 % of all runs of three words are in both.

    Texts of fewer than three words are compared whole, and two without any are copies.
    """
    if one == other:
        return True
    mine, theirs = _shingles(one), _shingles(other)
    shared = len(mine & theirs)
    return shared > 0 and shared >= ALIKE * len(mine | theirs)


def _shingles(words: Words) -> set[Words]:
    return {words[at : at + SHINGLE] for at in range(len(words) - SHINGLE + 1)}
