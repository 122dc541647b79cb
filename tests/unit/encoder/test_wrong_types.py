"""Texts as Python programs hold them: what serves, and what would be one vector a character."""

import numpy as np
import pytest

from encoder import CrossEncoder, Encoder, EncoderError
from tests.support import models
from tests.support.parity import ours

TEXTS = ["the quick brown fox", "jump"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return ours(models.transformer(tmp_path_factory.mktemp("model"), "bert"))


@pytest.mark.parametrize("wrong", ["one text", b"bytes", {"a": 1}, {"a"}, None, 3, np.array("a")])
def test_one_text_is_no_list_of_texts(encoder, wrong):
    for call in (encoder.encode_passages, encoder.encode_queries, encoder.count_tokens):
        with pytest.raises(EncoderError, match=r"texts is .*: give a list of texts, also for one"):
            call(wrong)


def test_a_stream_of_one_text_is_refused_at_once(encoder):
    with pytest.raises(EncoderError, match="texts is 'one text': give a list of texts"):
        encoder.stream_passages("one text")


@pytest.mark.parametrize(
    "given", [iter(TEXTS), tuple(TEXTS), np.array(TEXTS), dict.fromkeys(TEXTS).keys()]
)
def test_whatever_holds_texts_in_order_serves(encoder, given):
    assert (encoder.encode_passages(given) == encoder.encode_passages(TEXTS)).all()


@pytest.mark.parametrize("load", [Encoder.load, CrossEncoder.load])
def test_an_unknown_option_is_named_with_near_ones(load):
    with pytest.raises(EncoderError, match=r"load has no option 'devise': did you mean device\?"):
        load("model", devise="cpu")
