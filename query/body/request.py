"""Requests and answers without a network: what is sent, and what may be believed of answers."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from cluster.error_body import kind_of
from query.errors import AnswerError
from tandem.base.wire import path_of

JSON = "application/json"
NDJSON = "application/x-ndjson"
# Neural-search marks the parts of an unfused hybrid answer with scores of about -9.5e9 and -4.4e9.
DELIMITER_SCORE = -1e9
PAST_THE_END = "Reached end of search result"


@dataclass(frozen=True)
class SubSearch:
    """One search of an index: its body, the shard that alone is asked, and what copy to prefer."""

    index: str
    body: Mapping[str, Any]
    shard: int | None = None
    prefer: str | None = None

    @property
    def preference(self) -> str | None:
        """The value of `preference`."""
        return self.prefer if self.shard is None else f"_shards:{self.shard}"


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    params: Mapping[str, str]
    body: bytes | None = None
    kind: str = JSON


def request_of(items: Sequence[SubSearch]) -> Request:
    """One `_search` for one item, one `_msearch` for several."""
    if len(items) == 1:
        (item,) = items
        params = {"preference": item.preference} if item.preference else {}
        return Request("POST", path_of(item.index, "_search"), params, dumps(item.body))
    lines = b"".join(dumps(_header(item)) + b"\n" + dumps(item.body) + b"\n" for item in items)
    return Request("POST", "/_msearch", {}, lines, NDJSON)


def description_of(index: str, *, mapping_only: bool = False) -> Request:
    """What an index is: its mapping and settings, or what a user with fewer rights may read."""
    return Request("GET", path_of(index, "_mapping") if mapping_only else path_of(index), {})


def sample_of(index: str, fields: Sequence[str], size: int) -> Request:
    """Some documents of an index, whichever come first, with these fields alone."""
    body = {"size": size, "_source": list(fields), "query": {"match_all": {}}}
    return Request("POST", path_of(index, "_search"), {}, dumps(body))


def _header(item: SubSearch) -> dict[str, Any]:
    header = {"index": item.index}
    return {**header, "preference": item.preference} if item.preference else header


def dumps(value: Any) -> bytes:
    """JSON; vectors may be numpy arrays."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def steady_copy(text: str) -> str:
    """A preference that sends the same query to the same copies of the shards, page after page.

    Copies that hold different deleted passages score differently, so that a hit could appear on two
    pages or on none.
    """
    return f"tandem-{zlib.crc32(text.encode()):08x}"


def responses_of(items: Sequence[SubSearch], answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """One response an item, from the answer to `request_of(items)`."""
    found = [answer] if len(items) == 1 else answer["responses"]
    if len(found) != len(items):
        raise AnswerError(
            f"the cluster gave {len(found)} answers to {len(items)} searches: look at its log."
        )
    return list(found)


def hits_of(response: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The hits of one response; raises where there is none, or it must not be shown.

    Raises opensearch-py's TransportError for an answer that is an error, with the cluster's words.
    """
    if "error" in response:
        if PAST_THE_END in str(response["error"]):
            return []
        raise failure(response)
    hits: list[Mapping[str, Any]] = response["hits"]["hits"]
    if any(hit["_score"] is None for hit in hits):
        raise AnswerError(
            "the cluster gave hits without scores, which were asked for: look at any proxy before "
            "it."
        )
    if any(hit["_score"] < DELIMITER_SCORE for hit in hits):
        raise AnswerError(
            "the cluster returned a hybrid search without fusing it, so its scores mean nothing: "
            "its search pipeline lacks a normalization-processor; leave out `pipeline`, or write "
            "one with `put_pipeline(cluster, name)`."
        )
    return hits


def failure(response: Mapping[str, Any]) -> Exception:
    """The exception that the client raises for the same error outside of `_msearch`."""
    from opensearchpy.exceptions import HTTP_EXCEPTIONS, TransportError

    error = response["error"]
    status = response.get("status", 500)
    return HTTP_EXCEPTIONS.get(status, TransportError)(status, kind_of(error), dict(response))
