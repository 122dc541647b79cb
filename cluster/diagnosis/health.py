"""What a cluster that answered can do, and how well it is; what it does not tell us is said too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

from cluster.capabilities import UNKNOWN
from cluster.client.shards import SHARD_CURE
from cluster.connection import Cluster
from cluster.diagnosis.account import of_account
from cluster.diagnosis.disk import of_disk
from cluster.diagnosis.finding import Finding, ask, seen
from cluster.diagnosis.templates import of_templates
from cluster.error_body import BLOCKS, lifting
from cluster.errors import ClusterError
from tandem.base.wire import path_of

# Indexes that are named in one finding.
_NAMES = 5
_SECTION = "cluster"
# What is to be done about a status that is not green.
_HEALTH = {
    "yellow": "have more nodes, or fewer replicas: what one node alone holds is lost with it",
    "red": "see which shards are missing, below",
}
# The number of the block of an index that is closed.
_CLOSED = "4"


class _Health(Struct):
    status: str
    number_of_nodes: int = 0
    active_shards: int = 0
    unassigned_shards: int = 0
    number_of_pending_tasks: int = 0


class _Row(Struct):
    index: str


class _Block(Struct):
    description: str = ""


class _Blocks(Struct, frozen=True):
    whole: dict[str, _Block] = field(default_factory=dict, name="global")
    indices: dict[str, dict[str, _Block]] = {}


class _State(Struct):
    blocks: _Blocks = _Blocks()


class _Breaker(Struct):
    tripped: int = 0


class _Node(Struct):
    name: str = ""
    breakers: dict[str, _Breaker] = {}


class _Stats(Struct):
    nodes: dict[str, _Node] = {}


class _KnnStats(Struct):
    circuit_breaker_triggered: bool


def of_cluster(cluster: Cluster, index: str | None = None) -> list[Finding]:
    """What a cluster that answered can do, and how it is, and what it lets us do.

    index: a name for which it is asked what we may do.
    """
    return [
        *_able(cluster),
        *seen(_SECTION, "health", lambda: _health(cluster)),
        *seen(_SECTION, "blocks", lambda: _blocks(cluster)),
        *seen(_SECTION, "disk", lambda: of_disk(cluster)),
        *seen(_SECTION, "circuit breakers", lambda: _breakers(cluster)),
        *(
            seen(_SECTION, "templates", lambda: of_templates(cluster, _SECTION))
            if not index
            else ()
        ),
        *seen("rights", "account", lambda: of_account(cluster, index)),
    ]


def of_failure(error: ClusterError) -> list[Finding]:
    """A cluster that could not be reached; the error's sentence holds the cure."""
    return [Finding(_SECTION, "answers", "no", str(error))]


def _able(cluster: Cluster) -> list[Finding]:
    """What it is and can do; where it does not tell, that is taken for granted and not ticked."""
    can, told = cluster.capabilities, "yes"
    version, hidden = f" {can.version_text}", can.version_text == UNKNOWN
    if hidden:
        version, told = ", in a version that is not shown to this user,", "not shown, taken for yes"
    no_knn = None if can.knn else "install the k-NN plugin on every node, or use a newer version"
    engines = ", ".join(can.engines) or "one, built in"
    return [
        Finding(_SECTION, "answers", f"{can.distribution}{version} at {cluster.url}"),
        Finding(_SECTION, "vector search", told if can.knn else "no", no_knn, used=not hidden),
        Finding(_SECTION, "hybrid fusion", _fusion(cluster)),
        Finding(_SECTION, "k-NN engines", engines, used=not hidden),
    ]


def _fusion(cluster: Cluster) -> str:
    can = cluster.capabilities
    if can.neural_search:
        ranks = "" if can.rrf_is_global else "; ranks (rrf) of several shards by Tandem"
        return f"on the server, by its neural-search plugin{ranks}"
    why = {
        "elasticsearch": "Elasticsearch has no such query",
        "opensearch": "its neural-search plugin is missing, or not shown to this user",
    }
    return f"on the client, with the same ranking: {why[can.distribution]}"


def _health(cluster: Cluster) -> list[Finding]:
    found = ask(cluster, "/_cluster/health", _Health)
    status, away, nodes = found.status, found.unassigned_shards, found.number_of_nodes
    value = f"{status}, {nodes} node{'s' * (nodes != 1)}, {found.active_shards} shards"
    if waiting := found.number_of_pending_tasks:
        value += f", {waiting} tasks pending"
    value += f", {away} {'copies' if away > 1 else 'copy'} on no node" if away else ""
    rows = [Finding(_SECTION, "health", value, _HEALTH.get(status), needed=False)]
    return [*rows, *_shards(cluster, red=status == "red")]


def _shards(cluster: Cluster, *, red: bool) -> list[Finding]:
    """Whether every index has all its shards."""
    params = {"health": "red", "format": "json", "h": "index", "expand_wildcards": "all"}
    rows = ask(cluster, "/_cat/indices", list[_Row], **params) if red else []
    names = sorted(row.index for row in rows)
    if not names:
        return [Finding(_SECTION, "shards", "all there")]
    told = f"missing of {some(names)}: searches there are incomplete"
    # Tandem can work, but not with these.
    return [Finding(_SECTION, "shards", told, SHARD_CURE, needed=False)]


def some(names: list[str]) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"


def _blocks(cluster: Cluster) -> list[Finding]:
    blocks = ask(cluster, "/_cluster/state/blocks", _State).blocks
    rows = [
        Finding(_SECTION, "block", f"of the whole cluster: {what}", _cure_of(number))
        for number, what in _described(blocks.whole)
    ]
    of_index: dict[tuple[str, str], list[str]] = {}
    for name, each in sorted(blocks.indices.items()):
        for block in _described(each):
            of_index.setdefault(block, []).append(name)
    rows += [
        # Others' indexes may be blocked by intent.
        Finding(
            _SECTION, "block", f"of {some(names)}: {what}", _cure_of(number, names), needed=False
        )
        for (number, what), names in of_index.items()
    ]
    return rows or [Finding(_SECTION, "blocks", "none, of the cluster or an index")]


def _described(blocks: Mapping[str, _Block]) -> Iterator[tuple[str, str]]:
    """(number, what the cluster calls it)."""
    return ((number, each.description or number) for number, each in blocks.items())


def _cure_of(number: str, names: Sequence[str] = ()) -> str:
    """names: of the indexes that have the block, of which a few are named."""
    of = ",".join(names) if len(names) <= _NAMES else "INDEX"
    if number == _CLOSED:
        return f"open what is meant to be searched with POST {path_of(of, '_open')}"
    return lifting((each for each in BLOCKS if each.number == number), of)


def _breakers(cluster: Cluster) -> list[Finding]:
    """Breakers of memory, those that have tripped since each node began, and k-NN's own."""
    path, wanted = "/_nodes/stats/breaker", "nodes.*.name,nodes.*.breakers"
    nodes = ask(cluster, path, _Stats, filter_path=wanted).nodes
    tripped = [
        f"{name} on {node.name} {breaker.tripped:,} times"
        for node in nodes.values()
        for name, breaker in node.breakers.items()
        if breaker.tripped
    ]
    told = f"tripped since the start: {some(tripped)}" if tripped else "none has tripped"
    lean = "give the nodes more memory, or send less at once with `in_flight`" if tripped else None
    rows = [Finding(_SECTION, "circuit breakers", told, lean, needed=False)]
    can = cluster.capabilities
    if can.distribution == "opensearch" and can.knn:
        rows += seen(_SECTION, "k-NN circuit breaker", lambda: _knn_breaker(cluster))
    return rows


def _knn_breaker(cluster: Cluster) -> list[Finding]:
    """Of native graphs in memory: while it is open no vector of faiss is indexed."""
    path = "/_plugins/_knn/stats/circuit_breaker_triggered"
    if not ask(cluster, path, _KnnStats).circuit_breaker_triggered:
        return [Finding(_SECTION, "k-NN circuit breaker", "closed: vectors are taken")]
    cure = "give the nodes more memory, or raise knn.memory.circuit_breaker.limit"
    return [Finding(_SECTION, "k-NN circuit breaker", "open: no vectors are taken", cure)]
