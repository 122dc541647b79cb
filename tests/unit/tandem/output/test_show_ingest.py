"""What `tandem ingest` says at its end."""

from ingest import Report
from tandem.commands.documents.ingest import _remarks


def test_the_cure_for_what_is_cut_off_is_told_where_it_is_one():
    report = Report("i", truncated=2)
    cut_off = "2 passages cut off, being longer than the model reads"
    assert _remarks(report, split=False) == [f"{cut_off} (leave out --no-split to split them)"]
    assert _remarks(report, split=True) == [cut_off]


def test_what_was_done_once_before_is_told_with_its_seconds():
    report = Report("i", preparation={"convert": 5.04, "measure": 9.0})
    said = "before that, once a model on this machine: convert 5.0 s, measure 9.0 s"
    assert _remarks(report, split=True) == [said]
    assert report.to_json()["preparation"] == {"convert": 5.04, "measure": 9.0}
