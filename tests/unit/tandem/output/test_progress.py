"""What is said of a load while it goes on."""

from ingest import Report
from tandem.output import progress


def lines(monkeypatch, capsys, reports):
    """What is said of each."""
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    told, said = progress.IngestProgress(None), []
    for report in reports:
        told(report)
        said.append(capsys.readouterr().err.strip())
    return said


def test_no_time_is_guessed_while_nothing_is_accepted_nor_from_that_time_after_it(
    monkeypatch, capsys
):
    outage = "no cluster answers at http://127.0.0.1:9200 since 12 s, waiting up to 600 s"
    working = [Report("i", read=n, seconds=n, done=n / 100) for n in (10, 20)]
    waiting = [Report("i", read=20, seconds=s, done=0.2, outage=outage) for s in (40, 60)]
    working_again = [Report("i", read=n, seconds=40 + n, done=n / 100) for n in (21, 31)]
    said = lines(monkeypatch, capsys, [*working, *waiting, *working_again])
    assert "20%, 80 s left" in said[1] or "20%, 1 min left" in said[1]
    for each in said[2:4]:
        assert outage in each
        assert "left" not in each
    assert "left" not in said[4]
    assert "31%, 1 min left" in said[5]


def test_an_outage_is_told_at_once(capsys):
    told = progress.IngestProgress(None)
    told(Report("i", seconds=1))
    told(Report("i", seconds=2, outage="no cluster answers"))
    told(Report("i", seconds=3, outage="no cluster answers"))
    assert capsys.readouterr().err.count("no cluster answers") == 1
