"""1,000 documents of which 37 are bad in 12 ways: 963 written, 37 refused, mended ones taken."""

import gzip
import json

import pytest

from ingest import (
    IngestError,
    Plan,
    Reading,
    RejectLimit,
    SourceError,
    TooManyRejectsError,
)
from tests.support.loads import documents, ingested, stored, write_jsonl
from tests.support.stubs import StubEncoder


def line(**changes):
    return json.dumps({"title": "Bad", "text": "A text.", "year": 1999, **changes}).encode()


# What is wrong -> the line (n makes ids unlike), and what the reason must say.
WAYS = {
    "broken JSON": (lambda n: b'{"id": "x%d", "text": "cut' % n, "broken JSON"),
    "a number for text": (lambda n: line(id=f"x{n}", text=17), "text is a number"),
    "missing id": (lambda n: line(), "no id"),
    "duplicate id": (lambda n: line(id="d7", text=f"Again {n}."), "the id is taken by line 8 of"),
    "empty text": (lambda n: line(id=f"x{n}", title="", text=""), "the text is empty"),
    "white space": (lambda n: line(id=f"x{n}", title=" ", text=" \t\n"), "only white space"),
    "lone surrogate": (lambda n: b'{"id": "x%d", "text": "a \\ud800 b"}' % n, "lone surrogate"),
    "NUL byte": (lambda n: line(id=f"x{n}", text="a\0b"), "NUL"),
    "20 MB text": (lambda n: line(id=f"x{n}", text="abcd " * 4_000_000), "at most 10,000,000"),
    "mapping conflict": (
        lambda n: line(id=f"x{n}", year="long ago"),
        "failed to parse field [year]",
    ),
    "invalid UTF-8": (lambda n: b'{"id": "x%d", "text": "caf\xe9 \xff"}' % n, "invalid UTF-8"),
    "an object for text": (lambda n: line(id=f"x{n}", text={"a": 1}), "text is an object"),
}
BAD = 37


@pytest.fixture
def corpus(tmp_path):
    """The file, and for each bad line its number and what is wrong with it."""
    good = [json.dumps(each).encode() for each in documents(1000 - BAD)]
    ways = list(WAYS)
    wrong = {}
    lines = good[:20]
    rest = good[20:]
    for n in range(BAD):
        # The year must be known as a number before one is none.
        lines += rest[:25]
        del rest[:25]
        way = ways[n % len(ways)]
        lines.append(WAYS[way][0](n))
        wrong[len(lines)] = way
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b"\n".join([*lines, *rest]) + b"\n")
    return path, wrong


def test_963_are_written_37_refused_and_mended_ones_taken(opensearch, index_name, corpus):
    path, wrong = corpus
    assert set(wrong.values()) == set(WAYS)
    report = ingested(path, cluster=opensearch, index=index_name, encoder=StubEncoder())
    assert (report.read, report.written, report.skipped, report.rejected) == (1000, 963, 0, 37)
    assert len(stored(opensearch, index_name)) == 963
    refused = path.with_name("corpus.jsonl.rejects")
    assert report.rejects == str(refused)
    rejects = [json.loads(each) for each in refused.read_bytes().splitlines()]
    assert {each["line"]: each["file"] for each in rejects} == dict.fromkeys(wrong, str(path))
    for each in rejects:
        assert WAYS[wrong[each["line"]]][1] in each["reason"], each["reason"][:200]
    # Stored is the first of two with one id.
    assert stored(opensearch, index_name)["d7"]["text"] == documents(8)[7]["text"]

    mended = path.with_name("mended.jsonl")
    write_jsonl(mended, (mend(each) for each in rejects))
    report = ingested(mended, cluster=opensearch, index=index_name, encoder=StubEncoder())
    assert (report.read, report.written, report.rejected) == (37, 37, 0)
    assert len(stored(opensearch, index_name)) == 1000


def mend(reject):
    good = {"id": f"m{reject['line']}", "text": "Mended.", "year": 2000}
    if "raw" in reject:
        return {**reject, "raw": json.dumps(good)}
    return {**reject, "document": {**reject["document"], **good}}


def test_unmended_ones_are_refused_again(opensearch, index_name, corpus):
    path, _ = corpus
    ingested(path, cluster=opensearch, index=index_name, encoder=StubEncoder())
    refused = path.with_name("corpus.jsonl.rejects")
    again = ingested(refused, cluster=opensearch, index=index_name, encoder=StubEncoder())
    # All but the first of those whose id was taken: among these it is not.
    assert (again.rejected, again.written) == (36, 1)


def test_an_earlier_rejects_file_is_kept(opensearch, index_name, corpus):
    path, _ = corpus
    refused = path.with_name("corpus.jsonl.rejects")
    refused.write_text("precious\n")
    ingested(path, cluster=opensearch, index=index_name, encoder=StubEncoder())
    assert path.with_name("corpus.jsonl.rejects~").read_text() == "precious\n"
    # The same command again overwrites nothing with nothing: same rejects, nothing written.
    report = ingested(path, cluster=opensearch, index=index_name, encoder=StubEncoder())
    assert (report.skipped, report.rejected, report.written) == (963, 37, 0)


def test_a_run_that_refuses_nothing_puts_the_earlier_rejects_away(opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [*documents(3), {"id": "bad"}])
    given = {"cluster": opensearch, "index": index_name, "encoder": StubEncoder()}
    assert ingested(source, **given).rejects == f"{source}.rejects"
    write_jsonl(source, documents(3))

    def failing():
        yield from documents(3)
        raise RuntimeError("the source broke")

    refused = tmp_path / "a.jsonl.rejects"
    with pytest.raises(RuntimeError):
        ingested(failing(), plan=Plan(rejects=refused), **given)
    assert refused.exists()
    report = ingested(source, **given)
    assert report.rejects is None
    assert report.warnings[-1] == (
        f"nothing was rejected: {refused} of an earlier run is {refused}~ now."
    )
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.jsonl", "a.jsonl.rejects~"]
    assert ingested(source, **given).warnings == report.warnings[:-1]


def test_too_many_rejects_stop_the_run_early(opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "bad.jsonl", ({"id": n, "txet": "x"} for n in range(5000)))
    reports = []
    with pytest.raises(TooManyRejectsError, match=r"101 of \d+ .*no text.*`max_rejects`"):
        ingested(
            source,
            cluster=opensearch,
            index=index_name,
            encoder=StubEncoder(),
            reports=reports,
        )
    assert reports[-1].rejected == 101
    assert len((tmp_path / "bad.jsonl.rejects").read_text().splitlines()) == 101


def test_what_stands_before_a_damage_is_loaded(opensearch, index_name, tmp_path):
    whole = write_jsonl(tmp_path / "whole.jsonl", documents(2000))
    cut = tmp_path / "cut.jsonl.gz"
    packed = gzip.compress(whole.read_bytes())
    cut.write_bytes(packed[: len(packed) // 2])
    reports = []
    with pytest.raises(SourceError, match=r"cut short after line (\d+)") as caught:
        ingested(
            cut,
            cluster=opensearch,
            index=index_name,
            encoder=StubEncoder(),
            reports=reports,
        )
    lines = int(str(caught.value).split("after line ")[1].split()[0])
    assert reports[-1].read == reports[-1].written == lines > 500
    assert len(stored(opensearch, index_name)) == lines
    report = ingested(whole, cluster=opensearch, index=index_name, encoder=StubEncoder())
    assert (report.skipped, report.written) == (lines, 2000 - lines)


def test_a_wrong_template_is_told_before_anything_is_made(opensearch, index_name):
    plan = Plan(reading=Reading(template="{nope"))
    with pytest.raises(IngestError, match="template"):
        ingested([], cluster=opensearch, index=index_name, encoder=StubEncoder(), plan=plan)
    assert not opensearch.client.indices.exists(index=index_name)


def test_a_limit_of_none_stops_at_the_first(opensearch, index_name, tmp_path):
    plan = Plan(max_rejects=RejectLimit(share=None, number=0), rejects=tmp_path / "r")
    with pytest.raises(TooManyRejectsError):
        ingested(
            [{"id": 1}], cluster=opensearch, index=index_name, encoder=StubEncoder(), plan=plan
        )
