"""Who acts, for which business, in which role: the object every query and tool goes through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.errors import NotPermittedError


class Role(StrEnum):
    """A user's role in one business (`user_business_memberships.role`)."""

    OWNER = "owner"
    ADMIN = "admin"
    VIEWER = "viewer"


class Permission(StrEnum):
    """What a role may do."""

    READ = "read"
    CONVERSE = "converse"
    WRITE_RECOMMENDATIONS = "recommendations:write"
    RECOMPUTE = "readiness:write"
    SYNC = "stripe:sync"
    CONFIGURE = "agent:configure"


_VIEWER = frozenset({Permission.READ, Permission.CONVERSE})
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.ADMIN: frozenset(Permission),
    Role.OWNER: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Access:
    """The authenticated caller inside one business; every repository query is scoped by it."""

    user_id: UUID
    business_id: UUID
    role: Role

    def may(self, permission: Permission) -> bool:
        """Tell whether the role grants the permission."""
        return permission in PERMISSIONS[self.role]

    def require(self, permission: Permission) -> None:
        """Raise NotPermittedError unless the role grants the permission."""
        if not self.may(permission):
            message = f"A {self.role.value} may not do this; it needs {permission.value}."
            raise NotPermittedError(message)


# No user has this id; what the service does by itself is recorded under it.
SERVICE_USER_ID = UUID(int=0)


def service_access(business_id: UUID) -> Access:
    """Return the access of the service's own jobs to the business they work for."""
    return Access(SERVICE_USER_ID, business_id, Role.OWNER)
