"""What the terminal shows: tables that fit, and no text that the terminal obeys."""

from dataclasses import replace

import pytest

from query.answer.results import (
    Explanation,
    Facet,
    FacetValue,
    Hit,
    LegScore,
    Reranked,
    Result,
    Total,
)
from tandem.output.hits import show_result


def hit(rank=1, text="A text.", title="A title", **more):
    return Hit(rank, f"d{rank}", 0.5, text, {"title": title, "text": text}, title, **more)


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize(
    "evil",
    ["\x1b[31mred", "\x1b]0;title\x07", "a\x00b", "\x9b31m", "a\u202eb", "a\rb\nc\td", "\x08\x7f"],
)
def test_nothing_that_a_terminal_obeys_is_printed(evil, capsys):
    explanation = Explanation(
        (LegScore("bm25", 1, 1.0),), 0.5, "0.5", {"text": [[(evil, False), (evil, True)]]}
    )
    found = hit(text=evil, title=evil, explanation=explanation)
    show_result(Result("bm25", (found,), 1, partial=evil, notes=(evil,)), evil, "books")
    out, err = capsys.readouterr()
    for text in (out, err):
        assert not any(
            ord(c) < 32 or 0x7F <= ord(c) <= 0x9F or c == "\u202e" for c in set(text) - {"\n"}
        )


def test_markup_in_texts_is_shown_and_not_obeyed(capsys):
    text = "[bold red]Buy[/bold red] [link=http://x]y[/link] [/] :smile:"
    show_result(Result("bm25", (hit(text=text, title=text),), 1), text, "books")
    out = capsys.readouterr().out
    assert "[bold red]Buy[/bold red]" in out
    assert ":smile:" in out


def test_every_line_fits_a_terminal_of_100_columns(capsys):
    legs = (
        LegScore("bm25", 12, 123.4567, 0.1234, 0.3),
        LegScore("knn", None, None, 0.0, 0.7),
    )
    explanation = Explanation(legs, 0.037, "(0.3 x 0.1234 + 0.7 x 0.0000) / 1", {})
    fusion = {
        "place": "server",
        "reason": "the cluster has neural-search",
        "depth": 100,
        "technique": "min_max",
        "combination": "arithmetic_mean",
        "weights": {"bm25": 0.3, "knn": 0.7},
        "normalised_by": {"bm25": {"minimum": 1.5, "maximum": 9.25}, "knn": {}},
    }
    many = tuple(hit(n, "word " * 200, "t" * 90, explanation=explanation) for n in (1, 2))
    show_result(Result("hybrid", many, 1, fusion), "q " * 80, "books")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "not found" in text
    assert "rank 12, score 123.4567" in text
    assert "BM25 0.3, kNN 0.7" in text
    assert "BM25 scores: minimum 1.5, maximum 9.25" in text
    assert "kNN scores: none" in text


def test_columns_name_what_the_numbers_are(capsys):
    def shown(mode, **more):
        show_result(Result(mode, (hit(**more),), 1), "q", "books")
        return capsys.readouterr().out

    assert "BM25 score" in shown("bm25", raw_score=0.5)
    knn = shown("knn", raw_score=0.75, cosine=0.5)
    assert "Cosine" in knn
    assert "Engine score" in knn
    assert "0.7500" in knn
    assert "kNN score" in shown("knn", raw_score=0.5)
    assert "Score" in shown("hybrid")
    assert "up 3, was 4" in shown("hybrid", before=Reranked(4, 0.1))
    assert "d1  in maps" in shown("bm25", raw_score=1.0, index="maps")
    assert "and 3 more of this document" in shown("bm25", raw_score=1.0, others=3)


def test_counts_are_told_and_whether_they_are_exact(capsys):
    values = (FacetValue("en", 1200), FacetValue("[b]de", 7))
    facets = (Facet("lang", values, more=True, exact=False), Facet("kind", (), False, True))
    result = Result("bm25", (hit(raw_score=1.0),), 1, total=Total(1234, True), facets=facets)
    show_result(result, "q", "books")
    show_result(replace(result, total=Total(50_000, False), collapsed=True), "q", "books")
    out = " ".join(capsys.readouterr().out.split())
    assert "In all 1,234 passages." in out
    assert "lang: en 1,200, [b]de 7, and more (counts are near, not exact)" in out
    assert "kind: no values" in out
    assert "In all about 50,000 documents." in out


def test_nothing_found_names_the_filter(capsys):
    show_result(Result("bm25", (), 1), "wool", "books", ["lang=xx", '{"term": {}}'])
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Nothing in books matches 'wool' where lang=xx and {\"term\": {}}")


def test_nothing_found_and_incomplete_are_said(capsys):
    show_result(Result("bm25", (), 1, partial="1 of 3 shards failed (x)"), "[b]q", "books")
    out, err = capsys.readouterr()
    assert "Nothing in books matches '[b]q'" in out
    assert "incomplete: 1 of 3 shards failed" in err
