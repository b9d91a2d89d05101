"""Tools that run the score's model again: what if, which way to a tier, why it changed; floors."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal

from langgraph.prebuilt import ToolRuntime
from pydantic import BaseModel, Field

from agent.context import AgentContext, Session
from agent.tools.base import agent_tool
from domain.access import Access, Permission
from domain.readiness import Changes, ComponentKey
from domain.readiness import Tier as TierName
from services import funder_floors, simulations

Target = Literal["needs_work", "funding_ready", "highly_attractive"]


class InputChange(BaseModel):
    """One input and the value it would have."""

    input: ComponentKey = Field(description="Which input of the score.")
    value: Decimal = Field(
        max_digits=30,
        description=(
            "Its new value. A share or growth as a decimal (0.03 is 3 %); scale is the average"
            " monthly net revenue; history is in months; stability is the variation of monthly"
            " revenue; concentration is the largest customer's share."
        ),
    )


@agent_tool
async def simulate_readiness(
    runtime: ToolRuntime[AgentContext, Any],
    changes: Annotated[list[InputChange], Field(max_length=10)] | None = None,
    more_months: Annotated[int, Field(ge=0, le=24)] = 0,
    payouts_enabled: bool | None = None,
) -> str:
    """Compute what the score would be with some inputs changed; nothing is stored.

    Args:
        changes: The inputs to change; all others stay as they are.
        more_months: How many more months like the last ones pass first.
        payouts_enabled: Whether Stripe pays out, if that is to change.
    """
    wanted = Changes(
        values={change.input: change.value for change in changes or ()},
        payouts_enabled=payouts_enabled,
        more_months=more_months,
    )

    async def work(session: Session, access: Access) -> object:
        now = runtime.context.clock()
        return await simulations.simulate(session, access, changes=wanted, now=now)

    return await runtime.context.perform(runtime, Permission.READ, work)


@agent_tool
async def find_readiness_paths(target: Target, runtime: ToolRuntime[AgentContext, Any]) -> str:
    """Find the cheapest changes that reach a tier, each with the exact value to reach.

    Args:
        target: The tier to reach.
    """

    async def work(session: Session, access: Access) -> object:
        now = runtime.context.clock()
        return await simulations.find_paths(session, access, target=TierName(target), now=now)

    return await runtime.context.perform(runtime, Permission.READ, work)


@agent_tool
async def check_funder_floors(runtime: ToolRuntime[AgentContext, Any]) -> str:
    """Compare the floors that funders publish with the figures: met, not met, cannot be seen."""

    async def work(session: Session, access: Access) -> object:
        return await funder_floors.check(session, access, rates=runtime.context.rates)

    return await runtime.context.perform(runtime, Permission.READ, work)


@agent_tool
async def explain_score_change(
    runtime: ToolRuntime[AgentContext, Any], since: date | None = None
) -> str:
    """Explain why the current score differs from an earlier one, in parts that add up.

    Args:
        since: A day at whose end (UTC) the earlier score stood, YYYY-MM-DD; without it, the last
            score from other data.
    """
    moment = None if since is None else datetime.combine(since, time.max, UTC)

    async def work(session: Session, access: Access) -> object:
        return await simulations.explain_difference(session, access, earlier=moment)

    return await runtime.context.perform(runtime, Permission.READ, work)
