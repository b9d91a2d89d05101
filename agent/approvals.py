"""The gate before tools that ask a person first; one for each attempt at a run.

What a person decides is bound to the run's call, to its arguments, and to what it was proposed
upon. All of that, and the role, are looked at again in the transaction that carries the call out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from langchain_core.messages import ToolCall

from agent.approval_rules import APPROVAL_RULES
from db.models import Approval
from db.repositories import approvals as stored
from db.session import Session
from domain.access import Access, Permission
from domain.approvals import APPROVAL_LIFETIME, ApprovalState, fingerprint
from domain.errors import ApprovalStaleError, InvalidInputError

DENIED = "a person denied this, so nothing was changed."


@dataclass(frozen=True)
class Gate:
    """What needs approval in this run, and what was decided; `decided` is by call."""

    needed: frozenset[str] = frozenset()
    decided: Mapping[str, Approval] = field(default_factory=dict)

    def asks_for(self, call: ToolCall) -> bool:
        """Tell whether the call has to be put to a person before anything else."""
        return call["name"] in self.needed and call["id"] not in self.decided

    def is_denied(self, call: ToolCall) -> bool:
        """Tell whether a person said no."""
        decision = self.decided.get(str(call["id"]))
        return decision is not None and decision.state != ApprovalState.APPROVED.value

    def as_approved(self, call: ToolCall) -> ToolCall:
        """Return the call with the arguments that the person put in the place of its own."""
        decision = self.decided.get(str(call["id"]))
        if decision is None or decision.edited_arguments is None:
            return call
        return {**call, "args": decision.edited_arguments}

    async def require(
        self, session: Session, access: Access, call: ToolCall, *, now: datetime
    ) -> None:
        """Raise ApprovalStaleError unless the call may be carried out now, as it is.

        `call` has the arguments that the model gave it.
        """
        name = call["name"]
        if name not in self.needed:
            return
        decision = self.decided.get(str(call["id"]))
        if decision is None or decision.state != ApprovalState.APPROVED.value:
            raise ApprovalStaleError("This needs a person's approval first.")
        if decision.arguments_hash != fingerprint(name, call["args"]):
            raise ApprovalStaleError("Something else than this was approved. Ask again.")
        if now > decision.expires_at:
            raise ApprovalStaleError("The approval has expired. Ask again.")
        rule = APPROVAL_RULES[name]
        access.require(rule.permission)
        basis = await rule.basis(session, access, decision.edited_arguments or decision.arguments)
        if basis != decision.basis:
            raise ApprovalStaleError


def gate_without(exempt: Set[str]) -> Gate:
    """Return the gate of a run on which nothing was decided, but for tools that need none."""
    return Gate(needed=frozenset(APPROVAL_RULES) - exempt)


async def open_gate(session: Session, access: Access, run_ids: Iterable[UUID]) -> Gate:
    """Return the gate of the business, with what was decided on the calls of these runs."""
    exempt = await stored.list_without_approval(session, access.business_id)
    found = await stored.list_approvals(session, ids) if (ids := list(run_ids)) else ()
    return Gate(
        needed=frozenset(APPROVAL_RULES) - exempt,
        decided={one.call_id: one for one in found if one.state != ApprovalState.PENDING.value},
    )


async def propose(
    session: Session, access: Access, run_id: UUID, call: ToolCall, *, now: datetime
) -> Approval:
    """Return what to ask a person, not yet stored; raises what the call would, NotFoundError say.

    `call` has arguments that fit the tool.
    """
    rule = APPROVAL_RULES[call["name"]]
    basis = await rule.basis(session, access, call["args"])
    return Approval(
        id=stored.new_approval_id(),
        business_id=access.business_id,
        run_id=run_id,
        call_id=str(call["id"]),
        tool=call["name"],
        arguments=call["args"],
        arguments_hash=fingerprint(call["name"], call["args"]),
        permission=rule.permission.value,
        basis=basis,
        message=rule.describe(call["args"], basis),
        state=ApprovalState.PENDING.value,
        expires_at=now + APPROVAL_LIFETIME,
    )


async def tools_without_approval(session: Session, access: Access) -> list[str]:
    """Return the tools that the business lets the agent use without asking."""
    return sorted(await stored.list_without_approval(session, access.business_id))


async def let_without_approval(
    session: Session, access: Access, tools: Collection[str]
) -> list[str]:
    """Store that set anew; raise NotPermittedError, or InvalidInputError for another tool."""
    access.require(Permission.CONFIGURE)
    unknown = set(tools) - set(APPROVAL_RULES)
    if unknown:
        raise InvalidInputError(
            f"{', '.join(sorted(unknown))} never asks for approval. "
            f"Those that do: {', '.join(sorted(APPROVAL_RULES))}."
        )
    await stored.put_without_approval(session, access.business_id, tools)
    return sorted(tools)
