"""Every file of tests/files comes to what its table says, through the command line."""

import json
import re
from pathlib import Path

import click
import pytest

from ingest import Reading, SourceError
from ingest.read.rows import Rows
from tandem.cli import cli, main
from tandem.output.flags import in_flags

FILES = Path(__file__).parents[3] / "files"
TABLE = json.loads((FILES / "expected.json").read_text("utf-8"))
REFUSED = [case for case in TABLE if "says" in case]
FLAGS = {
    "encoding": "--encoding",
    "delimiter": "--delimiter",
    "drop_fields": "--drop-field",
    "id_field": "--id-field",
    "text_fields": "--text-field",
}


def options(case):
    """A case's options as flags."""
    for name, value in case.get("reading", {}).items():
        for each in value if isinstance(value, list) else [value]:
            yield from (FLAGS[name], each)


@pytest.fixture
def ingest(monkeypatch, capsys):
    """Runs `tandem ingest` in this process; gives exit code, standard output and error."""

    def run(environment, *words):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main(["ingest", *map(str, words)])
        return ended.value.code, *capsys.readouterr()

    return run


def test_all_files_are_read_or_refused(
    ingest, opensearch, opensearch_server, index_name, minilm, tmp_path
):
    where = ("--index", index_name, "--model", minilm, "--json", "--max-rejects", "100%")
    where = (*where, "--rejects", tmp_path / "rejects")
    plain, given = [], []
    for case in TABLE:
        if "documents" in case:
            (given if "reading" in case else plain).append(case)
    for cases in (plain, *([case] for case in given)):
        files = [FILES / case["file"] for case in cases]
        environment = {"TANDEM_HOME": opensearch_server.environment["TANDEM_HOME"]}
        code, out, err = ingest(environment, *files, *where, *options(cases[0]))
        assert code == 0, err
        report = json.loads(out)
        assert report["written"] == sum(len(case["documents"]) for case in cases)
        assert all(
            any(re.search(case.get("warns", "$^"), said) for case in cases)
            for said in report["warnings"]
        )
    opensearch.client.indices.refresh(index=index_name)
    found = opensearch.client.search(index=index_name, body={"size": 1000})["hits"]["hits"]
    stored = {hit["_id"]: hit["_source"]["text"] for hit in found}
    expected = {
        str(FILES / case["file"]) if name == "PATH" else name: text
        for case in TABLE
        for name, text in case.get("documents", {}).items()
    }
    assert stored == expected


def test_rows_that_are_none_are_rejected_with_the_reason(
    ingest, opensearch, opensearch_server, index_name, minilm, tmp_path
):
    cases = [case for case in TABLE if "rejects" in case]
    where = ("--index", index_name, "--model", minilm, "--max-rejects", "100%")
    files = [FILES / case["file"] for case in cases]
    code, _, err = ingest(
        {"TANDEM_HOME": opensearch_server.environment["TANDEM_HOME"]},
        *files,
        *where,
        "--rejects",
        tmp_path / "r",
    )
    assert code == 3, err
    lines = [json.loads(line) for line in (tmp_path / "r").read_text("utf-8").splitlines()]
    for case in cases:
        reasons = [each["reason"] for each in lines if each["file"] == str(FILES / case["file"])]
        assert re.search(case["rejects"], reasons[0])


@pytest.mark.parametrize("case", REFUSED, ids=[case["file"] for case in REFUSED])
def test_what_is_refused_says_why_before_a_cluster_is_looked_for(ingest, case):
    nowhere = ("--url", "http://127.0.0.1:1", "--index", "x", "--model", "none")
    code, out, err = ingest({}, FILES / case["file"], *nowhere)
    with pytest.raises(SourceError) as told:
        list(Rows(FILES / case["file"], Reading()))
    assert (code, out) == (1, "")
    assert in_flags(str(told.value), cli.get_command(click.Context(cli), "ingest")) in err
