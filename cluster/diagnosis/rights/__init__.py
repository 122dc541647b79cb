"""Which permissions each command needs, and whether we have them."""

from cluster.diagnosis.rights.rehearsal import lacking, require, untold
from cluster.diagnosis.rights.roles import Role, roles

__all__ = ["Role", "lacking", "require", "roles", "untold"]
