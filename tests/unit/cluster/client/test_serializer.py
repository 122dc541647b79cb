"""What is written of whatever a cluster stored."""

import json

import numpy as np

from cluster.client.serializer import json_bytes


def test_json_of_whatever_is_stored():
    """Whole numbers beyond 64 bits, and half a character, which only its escape can say."""
    vector = np.array([0.5, 1], np.float32)
    for odd in (10**30, "a \ud83d", ["é", {"\udc00": 2**64}]):
        value = {"odd": odd, "score": vector[0], "vector": vector}
        found = json_bytes(value)
        assert json.loads(found.decode()) == {"odd": odd, "score": 0.5, "vector": [0.5, 1]}
    assert json_bytes({"a": "é", "n": 2**63}) == '{"a":"é","n":9223372036854775808}'.encode()
