"""One table: every tool and the permission it needs. Who lacks it is not offered the tool."""

from __future__ import annotations

from functools import cache

from langchain_core.tools import BaseTool

from agent.tools.business import calculate, get_business_profile
from agent.tools.metrics import compare_periods, query_snapshots
from agent.tools.readiness import explain_readiness, get_readiness, recompute_readiness
from agent.tools.recommendations import (
    create_recommendation,
    list_recommendations,
    update_recommendation,
)
from agent.tools.simulations import (
    check_funder_floors,
    explain_score_change,
    find_readiness_paths,
    simulate_readiness,
)
from agent.tools.stripe_sync import get_sync_status, trigger_stripe_sync
from domain.access import PERMISSIONS, Access, Permission, Role

CATALOGUE: tuple[tuple[BaseTool, Permission], ...] = (
    (query_snapshots, Permission.READ),
    (compare_periods, Permission.READ),
    (get_readiness, Permission.READ),
    (explain_readiness, Permission.READ),
    (simulate_readiness, Permission.READ),
    (find_readiness_paths, Permission.READ),
    (explain_score_change, Permission.READ),
    (check_funder_floors, Permission.READ),
    (recompute_readiness, Permission.RECOMPUTE),
    (list_recommendations, Permission.READ),
    (create_recommendation, Permission.WRITE_RECOMMENDATIONS),
    (update_recommendation, Permission.WRITE_RECOMMENDATIONS),
    (trigger_stripe_sync, Permission.SYNC),
    (get_sync_status, Permission.READ),
    (get_business_profile, Permission.READ),
    (calculate, Permission.READ),
)

TOOLS: dict[str, BaseTool] = {tool.name: tool for tool, _ in CATALOGUE}


def tools_for(access: Access) -> tuple[BaseTool, ...]:
    """Return the tools that the caller's role may use."""
    return _tools_of(access.role)


@cache
def _tools_of(role: Role) -> tuple[BaseTool, ...]:
    return tuple(tool for tool, permission in CATALOGUE if permission in PERMISSIONS[role])
