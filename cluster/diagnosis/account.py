"""Who we are to a cluster, and which commands it lets us run for an index."""

from __future__ import annotations

from msgspec import Struct

from cluster.connection import Cluster
from cluster.diagnosis.finding import Finding, ask
from cluster.diagnosis.rights import Role, lacking, roles, untold
from cluster.errors import AccessError, ClusterError, UnreachableError

_SECTION = "rights"
# It is asked for an index that cannot be there, of a name that begins with the index's.
_DELETE = "indices:admin/delete"
# Which any user may ask for; where there are no accounts, nothing is there.
_PAGES = {
    "opensearch": "/_plugins/_security/authinfo",
    "elasticsearch": "/_security/_authenticate",
}


class _Who(Struct):
    user_name: str | None = None
    username: str | None = None
    roles: list[str] | None = None


def of_account(cluster: Cluster, index: str | None = None) -> list[Finding]:
    """Our name and roles; for an index or alias, be it there or not, what we may do.

    It is asked for by requests that change nothing. Raises UnreachableError.
    """
    try:
        who = _account(cluster)
    except AccessError as error:
        said = f"not shown to us ({error})"
    else:
        if who is None:
            free = "none: whoever reaches the cluster may do everything there"
            return [Finding(_SECTION, "accounts", free)]
        name = who.user_name or who.username
        named = ", ".join(sorted(who.roles or ())) or "no role"
        said = f"user {name!r} with {named}"
    if index is None:
        told = f"{said}; give `index` to see what that allows for one"
        return [Finding(_SECTION, "account", told, used=False)]
    return [Finding(_SECTION, "account", said), *_allowed(cluster, index)]


def _account(cluster: Cluster) -> _Who | None:
    """What the cluster says of us; None where it knows no accounts. AccessError, Unreachable."""
    try:
        return ask(cluster, _PAGES[cluster.capabilities.distribution], _Who)
    except (AccessError, UnreachableError):
        raise
    except ClusterError:
        return None


def _allowed(cluster: Cluster, index: str) -> list[Finding]:
    """The commands whose role we have, and for each other role what it has and we have not."""
    everything = {each for role in roles().values() for each in role.permissions}
    lacks = lacking(cluster, everything, index)
    less = {name: lacks & set(role.permissions) for name, role in roles().items()}
    unsure = untold(cluster, index)
    held = [role for name, role in roles().items() if not less[name]]
    may = [each for role in held if not unsure & {*role.permissions} for each in role.commands]
    perhaps = [each for role in held if unsure & {*role.permissions} for each in role.commands]
    rows = [Finding(_SECTION, "may", "; ".join(may) or "no command", used=bool(may))]
    if perhaps:
        asked = "perhaps; whether documents may be written only an index that is there would tell"
        rows.append(Finding(_SECTION, "may", f"{'; '.join(perhaps)}: {asked}", used=False))
    return rows + [
        _forbidden(name, role, less[name]) for name, role in roles().items() if less[name]
    ]


def _forbidden(name: str, role: Role, lacks: set[str]) -> Finding:
    told = "; ".join(role.commands)
    if lacks == {_DELETE} and role.patterns == ("INDEX",):
        untried = f"{told}: perhaps; whether {_DELETE} is permitted only deleting it would tell"
        return Finding(_SECTION, "may", untried, used=False)
    missing = ", ".join(each for each in role.permissions if each in lacks)
    cure = f"have the role that docs/configuration.md calls tandem-{name}"
    # Who only searches needs no more.
    return Finding(_SECTION, "may not", f"{told}: lacks {missing}", cure, needed=False)
