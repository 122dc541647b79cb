"""A first load that fails leaves no empty index behind, and takes nothing of anybody else's."""

import pytest

from ingest import IngestError
from ingest.index.open import create_index
from tests.support.loads import documents, ingested, stored
from tests.support.stubs import StubEncoder


class FailingEncoder(StubEncoder):
    """Fails before the first vector; whoever is told what else happens meanwhile."""

    def __init__(self, meanwhile=lambda: None):
        super().__init__()
        self.meanwhile = meanwhile

    def stream_passages(self, texts, stopping=None):
        self.meanwhile()
        raise IngestError("the encoder failed")
        yield


def failed(cluster, encoder=None, **where):
    with pytest.raises(IngestError, match="the encoder failed"):
        ingested(documents(40), cluster=cluster, encoder=encoder or FailingEncoder(), **where)


def test_an_aborted_first_load_leaves_no_empty_index(opensearch, index_name):
    failed(opensearch, index=index_name)
    assert not opensearch.client.indices.exists(index=index_name)
    failed(opensearch, alias=index_name)
    assert not opensearch.client.indices.get(index=f"{index_name}*")


def test_an_index_that_was_there_stays_though_empty(opensearch, index_name):
    create_index(opensearch, index_name, StubEncoder())
    failed(opensearch, index=index_name)
    assert opensearch.client.indices.exists(index=index_name)


def test_what_others_wrote_meanwhile_stays(opensearch, index_name):
    def write():
        opensearch.client.index(index=index_name, id="theirs", body={"text": "of others"})

    failed(opensearch, FailingEncoder(write), index=index_name)
    assert stored(opensearch, index_name).keys() == {"theirs"}


def test_an_index_made_anew_by_others_meanwhile_stays(opensearch, index_name):
    def replace():
        opensearch.client.indices.delete(index=index_name)
        opensearch.client.indices.create(index=index_name)

    failed(opensearch, FailingEncoder(replace), index=index_name)
    assert opensearch.client.indices.exists(index=index_name)
