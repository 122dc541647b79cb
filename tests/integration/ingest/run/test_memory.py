"""Memory does not grow with the corpus."""

import json

import pytest

from tests.support.loads import documents, start_script, write_jsonl

pytestmark = pytest.mark.long

FEW, MANY = 20_000, 200_000


def peak(cluster, index, source, log):
    process = start_script(cluster.url, index, str(source), str(log), "0")
    out, err = process.communicate()
    assert process.returncode == 0, err
    report = json.loads(out.splitlines()[-1])
    return report


def test_ten_times_the_documents_in_the_same_memory(opensearch, index_name, tmp_path):
    few = write_jsonl(tmp_path / "few.jsonl", documents(FEW))
    many = write_jsonl(tmp_path / "many.jsonl", documents(MANY))
    small = peak(opensearch, f"{index_name}-few", few, tmp_path / "log")
    large = peak(opensearch, f"{index_name}-many", many, tmp_path / "log")
    assert (small["written"], large["written"]) == (FEW, MANY)
    assert large["peak_kib"] < 1.1 * small["peak_kib"]
