"""Which tools ask a person first: what a call is proposed upon, and how it is put to the person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.session import Session
from domain.access import Access, Permission
from services import recommendations

Arguments = Mapping[str, Any]
Basis = dict[str, Any] | None


@dataclass(frozen=True)
class ApprovalRule:
    """How one tool asks.

    `permission` is what approving needs. `basis` reads what the call is proposed upon; the same
    is read again when the call is carried out. `describe` puts the call as a question.
    """

    permission: Permission
    basis: Callable[[Session, Access, Arguments], Awaitable[Basis]]
    describe: Callable[[Arguments, Basis], str]


async def _no_basis(_session: Session, _access: Access, _arguments: Arguments) -> Basis:
    # A pending recommendation of the same title is returned instead of a second one.
    return None


def _describe_creation(arguments: Arguments, _basis: Basis) -> str:
    priority = arguments.get("priority", "medium")
    return f"Create the recommendation “{arguments['title']}” with {priority} priority?"


async def _recommendation(session: Session, access: Access, arguments: Arguments) -> Basis:
    found = await recommendations.get(session, access, UUID(str(arguments["recommendation_id"])))
    return found.model_dump(
        mode="json", include={"title", "description", "priority", "category", "status"}
    )


def _describe_update(arguments: Arguments, basis: Basis) -> str:
    assert basis is not None
    changes = [
        f"{name} from {basis[name]} to {arguments[name]}"
        for name in ("status", "priority")
        if arguments.get(name) is not None
    ]
    return f"Change the recommendation “{basis['title']}”: {' and '.join(changes) or 'nothing'}?"


APPROVAL_RULES: Mapping[str, ApprovalRule] = {
    "create_recommendation": ApprovalRule(
        Permission.WRITE_RECOMMENDATIONS, _no_basis, _describe_creation
    ),
    "update_recommendation": ApprovalRule(
        Permission.WRITE_RECOMMENDATIONS, _recommendation, _describe_update
    ),
}
