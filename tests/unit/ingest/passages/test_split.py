"""Cutting long texts: nothing lost, nothing too long, sentences kept whole where possible."""

import random
from itertools import pairwise

import pytest

from encoder import Encoder
from ingest.passages.split import Splitter, cut
from ingest.read.documents import DocumentMaker
from ingest.records import Document, Origin, Row
from ingest.settings import Reading, Splitting
from mappings import Fields
from tests.support.stubs import StubEncoder

ENCODER = StubEncoder(max_length=22)


def pieces(text, room, overlap):
    return [text[a:b] for a, b in cut(text, ENCODER.token_spans(text), room, overlap)]


def document(text, title=None, after=""):
    before = f"{title}\n" if title else ""
    return Document(0, "a", text, title, {}, before, after, Origin("f", 1), {})


def split(text, title=None, after="", **settings):
    truncated = []
    splitter = Splitter(ENCODER, Splitting(**settings), Fields(), truncated.append)
    (passages,) = splitter.split(iter([document(text, title, after)]))
    return passages, sum(truncated)


def test_by_hand():
    text = "One two three. Four five six. Seven eight nine."
    assert pieces(text, 6, 0) == ["One two three. Four five six.", "Seven eight nine."]
    assert pieces(text, 6, 3) == [
        "One two three. Four five six.",
        "Four five six. Seven eight nine.",
    ]
    assert pieces(text, 100, 10) == [text]


def test_without_sentences_words_are_kept_whole():
    text = " ".join(f"w{n}" for n in range(10))
    assert pieces(text, 4, 0) == ["w0 w1 w2 w3", "w4 w5 w6 w7", "w8 w9"]
    assert pieces(text, 4, 1) == ["w0 w1 w2 w3", "w3 w4 w5 w6", "w6 w7 w8 w9"]


def test_without_words_tokens_are_kept_whole():
    text = "abcdefgh"
    letters = [(n, n + 1) for n in range(8)]
    assert [text[a:b] for a, b in cut(text, letters, 3, 0)] == ["abc", "def", "gh"]


def test_no_tokens_are_one_passage():
    assert cut("¤¤¤", [], 5, 2) == [(0, 3)]


@pytest.mark.parametrize("seed", range(30))
def test_any_text_is_whole_and_short_enough(seed):
    dice = random.Random(seed)
    marks = ["", ".", "!", "?", ",", "。", '."', "\n"]
    words = [f"w{n}{dice.choice(marks)}" for n in range(dice.randint(1, 300))]
    text = dice.choice(["", "  "]) + " ".join(words)
    room = dice.randint(1, 40)
    overlap = dice.randint(0, room // 2)
    found = cut(text, ENCODER.token_spans(text), room, overlap)
    assert all(len(text[a:b].split()) <= room for a, b in found)
    covered = set()
    for a, b in found:
        covered |= set(range(a, b))
    assert all(text[n].isspace() for n in range(len(text)) if n not in covered)
    assert [a for a, _ in found] == sorted({a for a, _ in found})
    for (_, before), (start, _) in pairwise(found):
        assert len(text[start:before].split()) <= overlap


def test_a_short_document_is_one_passage_under_its_own_id():
    passages, truncated = split("Short text.", "Title")
    assert [(p.id, p.position, p.count, p.encoded) for p in passages] == [
        ("a", 0, 1, "Title\nShort text.")
    ]
    assert "position" not in passages[0].body
    assert truncated == 0


def test_a_long_document_repeats_its_title_and_numbers_its_passages():
    text = " ".join(f"Word{n}." for n in range(60))
    passages, truncated = split(text, "My title", overlap=4)
    assert [p.id for p in passages] == ["a", *(f"a##{n}" for n in range(1, len(passages)))]
    assert [p.body["position"] for p in passages] == list(range(len(passages)))
    assert all(p.encoded.startswith("My title\n") for p in passages)
    assert not any(p.body["text"].startswith("My title") for p in passages)
    assert max(ENCODER.count_tokens([p.encoded for p in passages])) <= ENCODER.max_length
    assert truncated == 0


def numbered(letter, count):
    return " ".join(f"{letter}{n}" for n in range(count))


def test_what_stands_around_is_repeated_up_to_a_quarter_of_the_room():
    # 20 tokens of room: 5 around each passage, 15 of the text.
    title, text, after = numbered("t", 3), numbered("w", 30), " e0 e1"
    passages, truncated = split(text, title, after, overlap=0)
    assert [p.encoded for p in passages] == [
        f"{title}\n{part} e0 e1" for part in (numbered("w", 15), text[len(numbered("w", 15)) + 1 :])
    ]
    assert [p.body["text"] for p in passages] == [p.encoded[9:-6] for p in passages]
    assert truncated == 0


@pytest.mark.parametrize(("before", "text", "after"), [(4, 30, 2), (50, 30, 0), (50, 3, 0)])
def test_longer_surroundings_are_cut_with_the_text_and_nothing_is_lost(before, text, after):
    title, told = numbered("t", before), f" {numbered('e', after)}"
    passages, truncated = split(numbered("w", text), title, told, overlap=0)
    words = f"{title} {numbered('w', text)}{told}".split()
    assert " ".join(p.encoded for p in passages).split() == words
    assert len(passages) <= len(words) / 10
    assert max(len(p.encoded.split()) for p in passages) <= 20
    # What is found can be shown: the title stays whole in its own field too.
    assert all(p.body["text"] == p.encoded and p.body["title"] == title for p in passages)
    assert truncated == 0


def test_two_long_fields_of_a_template_make_passages_not_hundreds():
    sentences = " ".join(f"Sentence number {n} says more." for n in range(60))
    template, row = "{text} {notes}", {"id": 1, "text": sentences, "notes": sentences.upper()}
    (found,) = DocumentMaker(Reading(template=template), Fields()).make(
        iter([Row(Origin("f", 1), row)])
    )
    truncated = []
    splitter = Splitter(ENCODER, Splitting(overlap=0), Fields(), truncated.append)
    (passages,) = splitter.split(iter([found]))
    assert " ".join(p.encoded for p in passages) == f"{sentences} {sentences.upper()}"
    assert len(passages) == 30
    assert sum(truncated) == 0


def test_without_splitting_what_is_cut_off_is_counted():
    passages, truncated = split("word " * 100, split=False)
    assert (len(passages), truncated) == (1, 1)


class Merging(StubEncoder):
    """Counts one token more in a part than the whole gave it, as byte-level tokenizers may."""

    def count_tokens(self, texts):
        return [n + 1 for n in super().count_tokens(texts)]


def test_tokens_that_appear_at_a_cut_make_the_passages_shorter():
    truncated = []
    splitter = Splitter(Merging(max_length=12), Splitting(), Fields(), truncated.append)
    (passages,) = splitter.split(iter([document(" ".join(f"w{n}" for n in range(50)))]))
    assert max(Merging().count_tokens([p.encoded for p in passages])) <= 12
    assert sum(truncated) == 0


PROSE = (
    "Lighthouse keepers logged every ship: its name, its flag, and the hour it passed. "
    "Dr. Müller's étude — “naïve”, he said… — was never found! ภาษาไทยไม่มีช่องว่าง 日本語の文。"
    "Supercalifragilisticexpialidocious 3,141.59 https://example.org/a/b?c=d 🙂🚀\n"
)


@pytest.mark.parametrize("overlap", [0, 32])
def test_the_real_tokenizer_loses_nothing_and_exceeds_nothing(minilm, overlap):
    encoder = Encoder.load(minilm)
    text = "".join(f"{n}. {PROSE}" for n in range(60)) + "x" * 3000
    truncated = []
    splitter = Splitter(encoder, Splitting(overlap=overlap), Fields(), truncated.append)
    (passages,) = splitter.split(iter([document(text, "A title of its own")]))
    assert len(passages) > 10
    assert max(encoder.count_tokens([p.encoded for p in passages])) <= encoder.max_length
    assert sum(truncated) == 0
    # Each passage goes on where the one before ended, or earlier.
    reached = 0
    for passage in passages:
        part = passage.body["text"]
        start = text.find(part, max(0, reached - 2000))
        assert start >= 0
        assert text[reached:start].strip() == ""
        reached = max(reached, start + len(part))
    assert text[reached:].strip() == ""
