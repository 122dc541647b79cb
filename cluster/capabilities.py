"""Learn what a cluster is and can do, from requests that may be forbidden."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.errors import UnreachableError

if TYPE_CHECKING:
    from opensearchpy import OpenSearch
    from opensearchpy.exceptions import TransportError

KNN_PLUGIN = "opensearch-knn"
NEURAL_PLUGIN = "opensearch-neural-search"
# What the official images of a version carry; used where the list of plugins may not be read.
KNN_SINCE = {"opensearch": (1, 0), "elasticsearch": (8, 0)}
NEURAL_SINCE = (2, 10)
# Before, faiss knew cosine only as the inner product of vectors of unit length (k-NN#2376).
FAISS_COSINE_SINCE = (2, 19)
# Of neural-search's normalization processor.
Z_SCORE_SINCE, RRF_WEIGHTS_SINCE = (3, 0), (3, 1)
# Stand where a version would.
SERVERLESS, UNKNOWN = "serverless", "unknown"
# Statuses of a cluster that is well but does not show this page to us.
_HIDDEN = (400, 403, 404, 405, 406, 410, 501)


@dataclass(frozen=True)
class Capabilities:
    """What a cluster is and can do.

    distribution: "opensearch" or "elasticsearch"; version: numbers, empty where the cluster does
    not tell; embedded: our own node; knn: it has vector fields and their query; neural_search: it
    has OpenSearch's hybrid query; engines: the k-NN engines an index may name, safest first, empty
    on Elasticsearch.
    """

    distribution: str
    version: tuple[int, ...]
    version_text: str
    embedded: bool
    knn: bool
    neural_search: bool
    engines: tuple[str, ...]

    @property
    def takes_ids(self) -> bool:
        """Whether documents may have ids of ours; Serverless's vector collections make their own.

        Source: opensearch-py#792.
        """
        return self.version_text != SERVERLESS

    @property
    def rrf_is_global(self) -> bool:
        """Whether reciprocal rank fusion uses ranks over all shards (neural-search#1718: 3.5)."""
        return self.neural_search and self.version >= (3, 5)

    def lacking_fusion(self, technique: str, *, weighted: bool) -> str | None:
        """Why a search pipeline here cannot fuse by this technique and its weights, or None."""
        if technique == "z_score" and self.version < Z_SCORE_SINCE:
            return f"OpenSearch {self.version_text} has no z_score, which came with 3.0"
        if technique == "rrf" and weighted and self.version < RRF_WEIGHTS_SINCE:
            return f"OpenSearch {self.version_text} has no weights of rrf, which came with 3.1"
        return None


def detect(client: OpenSearch, *, embedded: bool = False, serverless: bool = False) -> Capabilities:
    """Ask a cluster what it is; what is forbidden is inferred from the version.

    serverless: Amazon OpenSearch Serverless, which has neither GET / nor nodes to ask. Raises
    opensearch-py's errors, and UnreachableError where what answers is no cluster.
    """
    if serverless:
        return Capabilities("opensearch", (), SERVERLESS, False, True, False, ("faiss",))
    distribution, text = _identity(client)
    version = _numbers(text)
    if distribution == "elasticsearch":
        knn = not version or version >= KNN_SINCE[distribution]
        return Capabilities(distribution, version, text, False, knn, False, ())
    plugins = _plugins(client)
    if plugins is None:
        knn, neural = version >= KNN_SINCE[distribution] or not version, version >= NEURAL_SINCE
    else:
        knn, neural = KNN_PLUGIN in plugins, NEURAL_PLUGIN in plugins
    faiss = knn and not embedded and (not version or version >= FAISS_COSINE_SINCE)
    engines = () if not knn else ("lucene", "faiss") if faiss else ("lucene",)
    return Capabilities(distribution, version, text, embedded, knn, neural, engines)


def _identity(client: OpenSearch) -> tuple[str, str]:
    """(distribution, version text) from GET /, else GET /_nodes/_local, else from a refusal."""
    root, refusal = _ask(client, "/")
    if isinstance(root, dict) and isinstance(root.get("version"), dict):
        version = root["version"]
        text = str(version.get("number", UNKNOWN))
        ours = (
            "opensearch"
            in (str(version.get("distribution", "")) + str(root.get("tagline", ""))).lower()
        )
        return ("opensearch" if ours else "elasticsearch"), text
    # Elasticsearch's minimal distribution has no GET /.
    nodes, _ = _ask(client, "/_nodes/_local?filter_path=nodes.*.version,nodes.*.build_flavor")
    if isinstance(nodes, dict) and nodes.get("nodes"):
        node = next(iter(nodes["nodes"].values()))
        # Only Elasticsearch has flavours.
        return ("elasticsearch" if "build_flavor" in node else "opensearch"), node["version"]
    said = str(refusal and refusal.info)
    if "no permissions for [" in said:
        return "opensearch", UNKNOWN
    if "is unauthorized for" in said:
        return "elasticsearch", UNKNOWN
    if refusal is not None and refusal.status_code == 403:
        raise refusal  # by what stands before a cluster, and checks signatures for instance
    raise UnreachableError("something answers there, but not as OpenSearch or Elasticsearch does")


def _plugins(client: OpenSearch) -> frozenset[str] | None:
    """Names of installed plugins, or None where the cluster does not tell us."""
    rows, _ = _ask(client, "/_cat/plugins?format=json&h=component")
    if isinstance(rows, list):
        return frozenset(row["component"] for row in rows)
    info, _ = _ask(client, "/_nodes/_local/plugins?filter_path=nodes.*.plugins.name")
    if isinstance(info, dict) and info.get("nodes"):
        return frozenset(
            p["name"] for node in info["nodes"].values() for p in node.get("plugins", [])
        )
    return None


def _ask(client: OpenSearch, path: str) -> tuple[Any, TransportError | None]:
    """(body, None) of GET path, or (None, the refusal) where this cluster hides that page."""
    from opensearchpy.exceptions import ConnectionError as ClientConnectionError
    from opensearchpy.exceptions import TransportError

    from cluster.client.answers import NoClusterAnswerError

    try:
        return client.transport.perform_request("GET", path), None
    except NoClusterAnswerError:
        return None, None
    except ClientConnectionError:
        raise
    except TransportError as error:
        if error.status_code in _HIDDEN:
            return None, error
        raise


def _numbers(text: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
