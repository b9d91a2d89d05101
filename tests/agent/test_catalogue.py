"""Which tools a role is offered, and what the model is told about them."""

from __future__ import annotations

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool
from syrupy.assertion import SnapshotAssertion

from agent.prompts import prompt_version, system_prompt
from agent.tools.catalogue import CATALOGUE, tools_for
from domain.access import Permission, Role
from domain.metrics import MetricName
from tests.factories import Shop

READING = {
    "query_snapshots",
    "compare_periods",
    "get_readiness",
    "explain_readiness",
    "simulate_readiness",
    "find_readiness_paths",
    "explain_score_change",
    "check_funder_floors",
    "list_recommendations",
    "get_sync_status",
    "get_business_profile",
    "calculate",
}
WRITING = {
    "recompute_readiness",
    "create_recommendation",
    "update_recommendation",
    "trigger_stripe_sync",
}


@pytest.mark.parametrize(
    ("role", "offered"),
    [
        (Role.VIEWER, READING),
        (Role.ADMIN, READING | WRITING),
        (Role.OWNER, READING | WRITING),
    ],
)
async def test_role_is_offered_its_tools_and_no_others(shop: Shop, role, offered) -> None:
    assert {tool.name for tool in tools_for(shop.as_role(role))} == offered


def test_only_reading_needs_no_more_than_the_permission_to_read() -> None:
    needed = {tool.name: permission for tool, permission in CATALOGUE}
    assert {name for name, needs in needed.items() if needs == Permission.READ} == READING


def test_model_is_told_exactly_this_about_the_tools(snapshot: SnapshotAssertion) -> None:
    assert [convert_to_openai_tool(tool) for tool, _ in CATALOGUE] == snapshot


def test_business_and_role_are_no_arguments_of_any_tool() -> None:
    for tool, _ in CATALOGUE:
        arguments = convert_to_openai_tool(tool)["function"]["parameters"]["properties"]
        assert not {"business_id", "role", "user_id", "runtime"} & set(arguments)


def test_every_metric_can_be_asked_for() -> None:
    schema = convert_to_openai_tool(CATALOGUE[0][0])["function"]["parameters"]
    assert set(schema["properties"]["metrics"]["items"]["enum"]) == set(MetricName)


def test_prompt_is_exactly_this(snapshot: SnapshotAssertion) -> None:
    assert (prompt_version(), system_prompt()) == snapshot
