"""Long documents become passages by the model's own tokens, cut at sentence ends."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

from ingest.records import PAUSE, Document, Passage, PassageEncoder, passage_id, stamp
from ingest.settings import Splitting
from mappings import Fields

WINDOW = 64
WINDOW_CHARACTERS = 500_000
# Tokens counted in one text may be one or two more than in the parts around a cut.
_TRIES = 4
# After the end of a sentence, in most scripts, or at a line's end.
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n\s*")

Span = tuple[int, int]
# What stands before and after a text in what is encoded of it.
Around = tuple[str, str]


class Splitter:
    """Cuts documents for one encoder; `on_truncated` is told of passages that stay too long."""

    def __init__(
        self,
        encoder: PassageEncoder,
        settings: Splitting,
        fields: Fields,
        on_truncated: Callable[[int], None],
    ) -> None:
        self._encoder = encoder
        self._settings = settings
        self._fields = fields
        self._on_truncated = on_truncated

    def split(self, documents: Iterator[Document]) -> Iterator[list[Passage]]:
        """The passages of each document, in order; tokens are counted for many at a time.

        A PAUSE among the documents is one among them.
        """
        for window in _windows(documents):
            if not window:
                yield PAUSE
                continue
            whole = [d.before + d.text + d.after for d in window]
            counts = self._encoder.count_tokens(whole)
            for document, tokens in zip(window, counts, strict=True):
                yield self._passages(document, tokens)

    def _passages(self, document: Document, tokens: int) -> list[Passage]:
        most = self._encoder.max_length
        around, texts, counts = (document.before, document.after), [document.text], [tokens]
        if tokens > most and self._settings.split:
            around, texts, counts = self._cut(document)
        self._on_truncated(sum(count > most for count in counts))
        return [
            self._passage(document, around, text, position, len(texts))
            for position, text in enumerate(texts)
        ]

    def _cut(self, document: Document) -> tuple[Around, list[str], list[int]]:
        """What goes around each text, the texts, and the tokens of each passage."""
        encoder = self._encoder
        around, whole, room = self._laid_out(document)
        spans = encoder.token_spans(whole)
        for _ in range(_TRIES):
            overlap = min(self._settings.overlap, room // 2)
            texts = [whole[a:b] for a, b in cut(whole, spans, room, overlap)]
            counts = encoder.count_tokens([around[0] + text + around[1] for text in texts])
            if max(counts) <= encoder.max_length or room == 1:
                break
            room = max(1, room - (max(counts) - encoder.max_length))
        return around, texts, counts

    def _laid_out(self, document: Document) -> tuple[Around, str, int]:
        """What is repeated around each part, the text to cut, and the tokens of one part.

        Title and template go around every part where a quarter of the room holds them. Longer ones
        would leave too little for the text, so all that is encoded is cut as one text.
        """
        encoder = self._encoder
        before, text, after = document.before, document.text, document.after
        room = encoder.max_length - encoder.count_tokens([before + after])[0]
        if encoder.passage_room - room > encoder.passage_room // 4:
            return ("", ""), before + text + after, encoder.passage_room
        return (before, after), text, max(1, room)

    def _passage(
        self, document: Document, around: Around, text: str, position: int, count: int
    ) -> Passage:
        fields = self._fields
        body = {**document.metadata, fields.text: text, fields.document_id: document.id}
        if document.title:
            body[fields.title] = document.title
        if count > 1:
            body[fields.position] = position
        encoded = around[0] + text + around[1]
        mark = stamp(self._encoder.fingerprint, encoded, body, count)
        return Passage(
            document, passage_id(document.id, position), position, count, encoded, body, mark
        )


def _windows(documents: Iterator[Document]) -> Iterator[list[Document]]:
    """Many at a time; none for a PAUSE."""
    window: list[Document] = []
    characters = 0
    for document in documents:
        if document is PAUSE:
            if window:
                yield window
            yield []
            window, characters = [], 0
            continue
        window.append(document)
        characters += len(document.text)
        if len(window) == WINDOW or characters >= WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window


def cut(text: str, spans: list[Span], room: int, overlap: int) -> list[Span]:
    """Character spans of passages of at most `room` tokens that together hold the whole text.

    spans: the characters of each token; overlap: most tokens that a passage repeats of the one
    before. A passage ends at the last sentence end in its second half, else between words, else
    between tokens. No tokens give one passage.
    """
    starts = [start for start, _ in spans]
    sentences = [bisect_left(starts, match.end()) for match in _SENTENCE.finditer(text)]
    words = [i for i in range(1, len(spans)) if spans[i][0] > spans[i - 1][1]]
    passages, first = [], 0
    while True:
        last = first + room
        if last >= len(spans):
            passages.append(_trimmed(text, starts[first] if first else 0, len(text)))
            return passages
        end = _last_in(sentences, first + max(1, room // 2), last) or _last_in(
            words, first + 1, last
        )
        end = end or last
        passages.append(_trimmed(text, starts[first] if first else 0, starts[end]))
        again = max(first + 1, end - overlap)
        first = _first_in(sentences, again, end) or _first_in(words, again, end) or end


def _last_in(marks: list[int], low: int, high: int) -> int:
    """The greatest mark from low to high, or 0."""
    at = bisect_right(marks, high) - 1
    return marks[at] if at >= 0 and marks[at] >= max(low, 1) else 0


def _first_in(marks: list[int], low: int, high: int) -> int:
    """The smallest mark from low to high, or 0."""
    at = bisect_left(marks, low)
    return marks[at] if at < len(marks) and marks[at] <= high else 0


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, max(start + left, start + len(piece.rstrip()))
