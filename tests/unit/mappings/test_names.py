"""What an index can be called; tests/integration/cluster/test_names.py asks the clusters."""

import pytest

from mappings import fault_of_name, fault_of_pattern


@pytest.mark.parametrize("name", ["books", ".books", "bücher-2", "a;b&c", "Alias", "x" * 255])
def test_names(name):
    assert fault_of_name(name) is None


@pytest.mark.parametrize(
    "pattern",
    ["books", "Alias", "books-*", "*", "_all", "a,b", "books-*,-books-1", "<books-{now/d}>", ".b*"],
)
def test_patterns(pattern):
    assert fault_of_pattern(pattern) is None


@pytest.mark.parametrize("pattern", ["", "a,", ",a", "a,,b", "-a", "a?", "a b", "a,_b", "_al*"])
def test_patterns_that_find_nothing(pattern):
    assert fault_of_pattern(pattern)


def test_only_a_new_index_has_no_capitals():
    assert fault_of_name("Books") is None
    assert "write 'books'" in str(fault_of_name("Books", new=True))
