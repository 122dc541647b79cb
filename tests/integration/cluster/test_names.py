"""Names of indexes, as the clusters themselves judge them, and indexes that are not as usual."""

import pytest

from cluster import ClusterError
from ingest import IngestError, Plan, ingest
from ingest.index.aliases.alias import switch
from ingest.index.open import create_index
from mappings import Shape, fault_of_name
from query import Searcher, TargetError
from tests.support.commands.forking import run_tandem
from tests.support.loads import ROOT, documents
from tests.support.stubs import StubEncoder

FORBIDDEN = ("a b", 'a"b', "a\\b", "a/b", "a<b", "a>b", "a|b", "a#b", "a:b", "_a", "-a", "+a", "..")


def taken(cluster, name):
    """Whether the cluster makes an index of that name; it is gone afterwards."""
    try:
        cluster.client.indices.create(index=name)
    except Exception:  # any refusal
        return False
    cluster.client.indices.delete(index=name)
    return True


@pytest.mark.parametrize("server", ["opensearch", "elasticsearch"])
def test_the_clusters_agree(server, request, index_name):
    cluster = request.getfixturevalue(server)
    for mark in ("", "-", "_", "ü", ";", "a" * (255 - len(index_name))):
        assert fault_of_name(index_name + mark, new=True) is None
        assert taken(cluster, index_name + mark), mark
    for name in (*FORBIDDEN, f"{index_name}A", index_name + "a" * (256 - len(index_name))):
        assert fault_of_name(name, new=True)
        assert not taken(cluster, name), name


def test_an_alias_may_have_capitals_and_is_written_into(opensearch, index_name):
    create_index(opensearch, index_name, StubEncoder(), shape=Shape(replicas=0))
    alias = f"{index_name}-Alias"
    assert switch(opensearch, alias, index_name, keep=None).gone == ()
    report = ingest(documents(3), cluster=opensearch, encoder=StubEncoder(), index=alias)
    assert (report.index, report.written) == (index_name, 3)
    with Searcher(opensearch, alias) as searcher:
        assert len(searcher.search("word7", mode="bm25")) == 1


@pytest.mark.parametrize("name", ["", "<a>", "A B", "_all", "a,b"])
def test_nothing_is_made_under_a_name_that_cannot_be(opensearch, name):
    before = set(opensearch.client.indices.get(index="*"))
    given = {"cluster": opensearch, "encoder": StubEncoder(), "plan": Plan()}
    for where in ({"index": name}, {"alias": name}):
        with pytest.raises(IngestError, match="cannot be the name of an index"):
            ingest(documents(1), **where, **given)
    with pytest.raises(IngestError, match="cannot be the name of an index"):
        switch(opensearch, name, "books", keep=None)
    assert set(opensearch.client.indices.get(index="*")) == before


def test_a_searcher_refuses_it_at_once(opensearch):
    for name in ("", "a b", "a,"):
        with pytest.raises(TargetError, match="cannot be the name of an index"):
            Searcher(opensearch, name)


def tandem(server, *words):
    done = run_tandem(
        words,
        cwd=ROOT,
        env=server.environment,
        timeout=900,
    )
    return done.returncode, done.stderr


def test_a_hidden_index_is_told_of_in_our_words(opensearch_server, opensearch, index_name):
    hidden = f".{index_name}"
    model = ("--model", "sentence-transformers/all-MiniLM-L6-v2")
    try:
        code, err = tandem(opensearch_server, "index", "create", hidden, *model)
        assert code == 0
        assert f"Warning: index name [{hidden}] starts with a dot" in err
        assert ".py" not in err
        assert "OpenSearchWarning" not in err
    finally:
        opensearch.client.indices.delete(index=hidden)


@pytest.mark.parametrize("server", ["opensearch", "elasticsearch"])
def test_a_closed_index_is_told_with_the_cure(server, request, index_name):
    cluster = request.getfixturevalue(server)
    create_index(cluster, index_name, StubEncoder(), shape=Shape(replicas=0))
    cluster.client.indices.close(index=index_name)
    said = rf"{index_name} .* is closed: open it with `POST /{index_name}/_open`"
    with pytest.raises(ClusterError, match=said), Searcher(cluster, index_name) as searcher:
        searcher.search("word", mode="bm25")
    with pytest.raises(ClusterError, match=said):
        ingest(documents(1), cluster=cluster, encoder=StubEncoder(), index=index_name)
