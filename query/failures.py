"""What a refusal of the cluster means for a search, in one sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from query.errors import QueryError

if TYPE_CHECKING:
    from cluster import Cluster

# What the cluster says -> what it means for the one who searches.
_SIGNS = (
    (
        r"maxClauseCount|[Tt]oo many (nested )?clauses",
        "the query has more words than the cluster matches at once: shorten it, or search with "
        "mode knn.",
    ),
)


def explained(error: Exception, cluster: Cluster) -> Exception:
    """An exception of the client in plain words; errors of our rooms and defects stay the same."""
    from opensearchpy.exceptions import OpenSearchException

    if not isinstance(error, OpenSearchException):
        return error
    text = str(getattr(error, "info", ""))
    for pattern, sentence in _SIGNS:
        if re.search(pattern, text):
            return QueryError(sentence)
    return cluster.explain(error)


def raise_explained(error: Exception, told: Exception) -> NoReturn:
    """Raise what `explained` made of an error, with its cause where that tells more."""
    from cluster.errors import cause_of

    if told is error:
        raise error
    raise told from cause_of(told, error)
