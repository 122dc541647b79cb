"""`tandem index` as people type it, on a real cluster."""

import pytest

from ingest.index import create_index
from mappings import Shape
from tests.commands import tandem
from tests.stubs import StubEncoder


@pytest.fixture
def run(opensearch):
    """Runs `tandem index` on the tests' node."""
    return lambda *words, **options: tandem("index", *words, TANDEM_URL=opensearch.url, **options)


def test_a_switch_to_an_index_that_is_not_there(run, index_name):
    done = run("switch", f"{index_name}-alias", index_name)
    assert done.code == 1
    assert f"there is no index {index_name}" in done.err
    assert "--alias" not in done.err


def test_a_switch_of_an_index_that_is_no_alias(run, opensearch, index_name):
    create_index(opensearch, index_name, StubEncoder(), Shape())
    done = run("switch", index_name, index_name)
    assert done.code == 1
    assert "no alias can have its name" in done.err
    assert "--alias" not in done.err
