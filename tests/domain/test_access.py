from __future__ import annotations

from uuid import uuid4

import pytest

from domain.access import Access, Permission, Role
from domain.errors import NotPermittedError


def access_as(role: Role) -> Access:
    return Access(user_id=uuid4(), business_id=uuid4(), role=role)


@pytest.mark.parametrize("permission", [Permission.READ, Permission.CONVERSE])
def test_viewer_may_read_and_converse(permission: Permission):
    assert access_as(Role.VIEWER).may(permission)


@pytest.mark.parametrize(
    "permission", [Permission.WRITE_RECOMMENDATIONS, Permission.RECOMPUTE, Permission.SYNC]
)
def test_viewer_may_change_nothing(permission: Permission):
    with pytest.raises(NotPermittedError, match="viewer"):
        access_as(Role.VIEWER).require(permission)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
@pytest.mark.parametrize("permission", list(Permission))
def test_owner_and_admin_may_do_everything(role: Role, permission: Permission):
    access_as(role).require(permission)
    assert access_as(role).may(permission)
