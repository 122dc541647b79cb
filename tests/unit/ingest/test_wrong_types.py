"""What Python programs give an ingestion by mistake, told before anything is read or asked."""

from collections import namedtuple

import numpy as np
import pytest
from opensearchpy import OpenSearch

from ingest import (
    IngestError,
    Plan,
    Reading,
    RejectLimit,
    Shape,
    Splitting,
    Writing,
    dry_run,
    ingest,
)
from tests.support.stubs import StubEncoder

Reached = namedtuple("Reached", "capabilities", defaults=(None,))
GIVEN = {"index": "books", "cluster": Reached(), "encoder": StubEncoder()}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Reading(text_fields="body"), "`text_fields` is 'body': give a list of texts"),
        (lambda: Reading(drop_fields={"a"}), r"`drop_fields` is \{'a'\}: give a list of texts"),
        (lambda: Reading(text_field="body"), "no option 'text_field': did you mean text_fields"),
        (lambda: Reading(max_bytes="10"), "`max_bytes` is '10': give a whole number"),
        (lambda: Splitting(overlap="3"), "`overlap` is '3': give a whole number"),
        (
            lambda: Writing(in_fligth=2),
            r"Writing has no option 'in_fligth': did you mean in_flight",
        ),
        (
            lambda: RejectLimit(number=None),
            "`number` is None: give a whole number",
        ),
        (lambda: Plan(shape="english"), r"`shape` is 'english': give Shape\("),
        (lambda: Plan(max_rejects=3), r"`max_rejects` is 3: give RejectLimit\("),
    ],
)
def test_a_wrong_option_or_type_is_one_sentence(wrong, told):
    with pytest.raises(IngestError, match=told) as caught:
        wrong()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("run", [ingest, dry_run])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"encoder": "my-model"}, r"`encoder` is 'my-model': give Encoder.load\("),
        ({"index": ["a", "b"]}, r"`index` is \['a', 'b'\]: give text"),
        ({"plan": Shape()}, r"`plan` is of type .*Shape: give Plan\("),
        ({"indx": "a"}, r"has no option 'indx': did you mean index\?"),
    ],
)
def test_what_is_wrong_with_a_run_is_told_before_its_source_is_looked_at(run, given, told):
    with pytest.raises(IngestError, match=told):
        run("no-such-file.jsonl", **{**GIVEN, **given})


@pytest.mark.parametrize("run", [ingest, dry_run])
def test_a_client_is_no_cluster(run):
    with (
        OpenSearch() as client,
        pytest.raises(IngestError, match=r"opensearchpy.*connect\(url\)"),
    ):
        run([], **{**GIVEN, "cluster": client})


def test_what_can_serve_serves():
    assert Reading(text_fields=iter(["a", "b"])).text_fields == ("a", "b")
    assert Reading(drop_fields=np.array(["a"])).drop_fields == ("a",)
