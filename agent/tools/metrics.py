"""Tools over the monthly snapshots."""

from __future__ import annotations

from typing import Annotated, Any

from langgraph.prebuilt import ToolRuntime
from pydantic import Field

from agent.context import AgentContext, Session
from agent.tools.base import agent_tool
from domain.access import Access, Permission
from domain.metrics import MetricName
from domain.periods import Month
from services import snapshots

MonthText = Annotated[str, Field(pattern=r"^\d{4}-\d{2}$", description="A month, YYYY-MM.")]


@agent_tool
async def query_snapshots(
    metrics: Annotated[list[MetricName], Field(min_length=1, max_length=len(MetricName))],
    start_month: MonthText,
    end_month: MonthText,
    runtime: ToolRuntime[AgentContext, Any],
) -> str:
    """Read stored monthly metrics of the business, month by month and in total.

    Every figure comes with its value, unit, currency, period, number of observations (n), the time
    the data is from and the snapshot it was read from; each metric with its definition, window and
    source. A value of null means it is not known, with the reason.

    Args:
        metrics: Which metrics to read.
        start_month: The first month, YYYY-MM.
        end_month: The last month, YYYY-MM; the same as start_month for one month.
    """

    async def work(session: Session, access: Access) -> object:
        return await snapshots.query(
            session,
            access,
            metrics=metrics,
            first=Month.parse(start_month),
            last=Month.parse(end_month),
            now=runtime.context.clock(),
        )

    return await runtime.context.perform(runtime, Permission.READ, work)


@agent_tool
async def compare_periods(
    metric: MetricName,
    first_start_month: MonthText,
    first_end_month: MonthText,
    second_start_month: MonthText,
    second_end_month: MonthText,
    runtime: ToolRuntime[AgentContext, Any],
) -> str:
    """Compare one metric over two periods; the change is the second minus the first.

    Args:
        metric: Which metric to compare.
        first_start_month: The first month of the earlier period, YYYY-MM.
        first_end_month: The last month of the earlier period, YYYY-MM.
        second_start_month: The first month of the later period, YYYY-MM.
        second_end_month: The last month of the later period, YYYY-MM.
    """

    async def work(session: Session, access: Access) -> object:
        return await snapshots.compare(
            session,
            access,
            metric=metric,
            first=(Month.parse(first_start_month), Month.parse(first_end_month)),
            second=(Month.parse(second_start_month), Month.parse(second_end_month)),
            now=runtime.context.clock(),
        )

    return await runtime.context.perform(runtime, Permission.READ, work)
