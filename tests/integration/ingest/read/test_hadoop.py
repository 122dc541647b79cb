"""Sources in Hadoop's file system: a real NameNode and DataNode, on loopback."""

import gzip
import json

import pytest
from hdfs_native import Client

from ingest import Reading, SourceError
from ingest.read.rows import Rows
from tandem.cli import main
from tests.servers.stores.hadoop import hadoop
from tests.support.files import read
from tests.unit.ingest.read.sources.test_remote import DOCUMENTS, FILES

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    files = {
        **{f"/all{path}": data for path, data in FILES.items()},
        "/books/part#1.jsonl": b'{"id": "y", "text": "A cat."}\n',
        "/books/deeper/part-2.jsonl.gz": gzip.compress(b'{"id": "z", "text": "A dog."}\n'),
        "/books/part-3.csv": b"id,text\nc1,Birds\nc2\n",
    }
    with hadoop(tmp_path_factory.mktemp("hadoop"), files) as found:
        yield found


@pytest.mark.parametrize("path", FILES)
def test_each_kind_of_file_is_read_as_it_is_from_a_disk(store, path):
    rows = Rows(f"{store[0]}/all{path}", Reading())
    assert [str(row.value["id"]) for row in rows] == [each["id"] for each in DOCUMENTS]
    assert rows.position.share == 1


@pytest.mark.parametrize(
    ("named", "names"),
    [
        ("books", ["deeper/part-2.jsonl.gz", "part#1.jsonl", "part-3.csv"]),
        ("books/", ["deeper/part-2.jsonl.gz", "part#1.jsonl", "part-3.csv"]),
        ("books/*.jsonl*", ["part#1.jsonl"]),
        ("books/**/part-*", ["deeper/part-2.jsonl.gz", "part-3.csv"]),
    ],
)
def test_a_folder_and_a_pattern_are_their_files(store, named, names):
    rows = read(f"{store[0]}/{named}")
    assert {row.origin.file for row in rows} == {f"{store[0]}/books/{each}" for each in names}


def test_where_it_is_and_who_reads_is_told_by_hadoops_own_configuration(store, monkeypatch):
    monkeypatch.setenv("HADOOP_CONF_DIR", str(store[1]))
    assert len(read("hdfs:///all/a.jsonl")) == len(DOCUMENTS)
    Client(store[0]).set_permission("/all/a.csv", 0o600)
    monkeypatch.setenv("HADOOP_USER_NAME", "nobody")
    with pytest.raises(SourceError, match=r"a\.csv cannot be read .*ermission.*HADOOP_USER_NAME"):
        read(f"{store[0]}/all/a.csv")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("{}/none.jsonl", r"none\.jsonl cannot be read \(there is no such file\): .*HADOOP_CONF"),
        ("{}/none*", r"^no file matches hdfs://127.0.0.1:\d+/none\*: check the pattern\.$"),
        ("hdfs://127.0.0.1:9/a.csv", r"127\.0\.0\.1:9/a\.csv cannot be read \(Connection refused"),
        ("hdfs://me:hush@h/a.csv", r"^hdfs://\*\*\*@h/a\.csv takes neither a user nor options"),
        ("hdfs://h:x/a.csv", r"write hdfs://HOST:PORT/PATH"),
    ],
)
def test_what_is_not_there_is_one_sentence_without_secrets(store, address, said):
    with pytest.raises(SourceError, match=said) as told:
        read(address.format(store[0]))
    assert "hush" not in str(told.value)


def test_a_folder_is_loaded_through_the_command_line(
    store, opensearch, opensearch_server, index_name, minilm, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TANDEM_HOME", opensearch_server.environment["TANDEM_HOME"])
    monkeypatch.chdir(tmp_path)
    words = ["ingest", f"{store[0]}/books/", "--index", index_name, "--model", minilm, "--json"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--max-rejects", "100%"])
    report = json.loads(capsys.readouterr().out)
    assert (ended.value.code, report["written"], report["rejected"]) == (3, 3, 1)
