"""What people write into a search beside words: "a phrase" and -a word that is not wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from query.question import KNN, Question

# A minus counts before a letter or a quote, and where a word could begin: not in well-known,
# 1990-2000, -5 or a list's dash. Telephones write typographic quotes, each in its language.
_QUOTE = '"“”„‟«»'
_SIGN = re.compile(rf"[-{_QUOTE}]")
_PART = re.compile(
    rf"(?:(?<!\S)(?P<minus>-))?(?:[{_QUOTE}](?P<phrase>[^{_QUOTE}]*)[{_QUOTE}]"
    r"|(?P<word>[^\W\d_]\S*))|\S+"
)


@dataclass(frozen=True)
class Written:
    """A query taken apart.

    plain: the wanted words without signs, phrases among them; phrases: each to be found as it is;
    unwanted: words and phrases of which none may be there; whole: nothing but such was said, so
    that the text was left as it is.
    """

    plain: str
    phrases: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    whole: bool = False


@lru_cache(maxsize=256)
def taken_apart(text: str) -> Written:
    """What a query asks for; one without signs, or of nothing but unwanted words, is left whole.

    An odd quote is a mark like others.
    """
    if not _SIGN.search(text):  # as nearly all
        return Written(text)
    wanted, phrases, unwanted = [], [], []
    for part in _PART.finditer(text):
        phrase, word = part["phrase"], part["word"]
        if part["minus"] and (said := (phrase or word or "").strip()):
            unwanted.append(said)
        elif phrase is not None and phrase.strip():
            phrases.append(phrase.strip())
            wanted.append(phrase.strip())
        else:
            wanted.append(part[0])
    if not wanted or not (phrases or unwanted):
        return Written(text, whole=bool(unwanted))
    return Written(" ".join(wanted), tuple(phrases), tuple(unwanted))


def plain_text(question: Question) -> str:
    """What is encoded of a question and read by a cross-encoder: in mode knn, all that it says."""
    return question.text if question.mode == KNN else taken_apart(question.text).plain
