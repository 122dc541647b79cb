"""What an error says, in a sentence of ours: one line, and never nothing."""

import pytest

from tandem.base.errors import one_line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "TimeoutError"),
        (OSError(""), "OSError"),
        (ValueError(" . "), "ValueError"),
        (ValueError("a\n  b."), "a b"),
        (ValueError("x" * 900), "x" * 200),
    ],
)
def test_it_is_one_line_and_never_empty(error, said):
    assert one_line(error) == said
