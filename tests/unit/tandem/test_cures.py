"""Wrong usage as people type it: each sentence has a cure that fits, and the code is 2."""

import pytest

from cluster import AccessError, ClusterError, connect
from tests.support.commands import tandem
from tests.unit.cluster.fakes import error, serving
from tests.unit.tandem.commands.test_missing import WELL

NOWHERE = {"TANDEM_URL": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("search", "what", "is", "a", "bee", "--index", "books"),
            'put the query in quotes, as in `tandem search "what is a bee"`.',
        ),
        (("search", "bee", "--queries", "q.tsv", "--index", "books"), "give only one"),
        (("search", "bee", "--index", "books", "--limit", "3"), "did you mean -k?"),
        (("search", "bee", "--index", "books", "--api-key", "x"), "did you mean --api-key-file?"),
        (("ingest", "x", "--index", "books", "--modle", "m"), "did you mean --model?"),
        (("ingest", "x", "--index", "books", "--zzz"), "No such option '--zzz'; --help shows"),
        (("ingest", "x", "--debug"), "goes before the command, as in `tandem --debug ingest"),
        (("ingst", "x"), "No such command 'ingst': did you mean ingest?"),
        (("index", "lst"), "No such command 'lst': did you mean list?"),
        (("help",), "write `tandem --help`."),
        (("index", "help"), "write `tandem index --help`."),
        (("index", "delete", "books3"), "add --yes"),
        (("index", "create", "x", "--shards", "three"), "'three' is not a valid integer."),
        (("search", "bee", "--index", "books", "--timeout", "x"), "'x' is not a valid number."),
        (("ingest", "x", "--index", "books", "--prune"), "add --yes"),
    ],
)
def test_the_cure_is_named(words, said):
    done = tandem(*words, **NOWHERE)
    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize(
    ("options", "said", "unsaid"),
    [
        ({}, "wants to know who you are", "does not accept"),
        ({"api_key": "a"}, "does not accept the API key: correct it", "who you are"),
        ({"user": "u", "password": "p"}, "the password of user 'u'", "API key"),
    ],
)
def test_what_was_refused_is_what_was_given(options, said, unsaid):
    with (
        serving({"*": error("security_exception", "missing credentials", 401)}) as (url, _),
        pytest.raises(AccessError) as caught,
    ):
        connect(url, **options)
    assert said in str(caught.value)
    assert unsaid not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "reason", "said"),
    [
        (
            "resource_already_exists_exception",
            "index [books/Zx] already exists",
            "there is an index books on URL already: choose another name, or remove it with "
            "`delete_index(cluster, 'books')`.",
        ),
        (
            "invalid_index_name_exception",
            "Invalid index name [books], already exists as alias",
            "'books' is an alias on URL, so no index can have its name: choose another.",
        ),
    ],
)
def test_a_name_that_is_taken(kind, reason, said):
    with serving(WELL | {"*": error(kind, reason, 400)}) as (url, _), connect(url) as cluster:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - explain takes whatever comes
            cluster.client.indices.create(index="books")
        told = cluster.explain(caught.value)
    assert isinstance(told, ClusterError)
    assert str(told) == said.replace("URL", url)
