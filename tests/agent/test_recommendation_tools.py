"""What the assistant notes and changes is told apart from what a person does."""

from __future__ import annotations

from sqlalchemy import select

from db.models import RecommendationChange
from db.session import Database
from sandbox.model.script import Script, Text, ToolCalls, Turn
from tests.agent.conftest import OpenDesk
from tests.factories import Shop
from tests.services.recommendation_steps import create, only_row

NOTE = {"title": "Reduce refunds", "description": "Because.", "category": "risk"}


async def changes(database: Database) -> list[RecommendationChange]:
    async with database.unit_of_work() as session:
        query = select(RecommendationChange).order_by(RecommendationChange.id)
        return list((await session.execute(query)).scalars())


async def test_assistants_note_is_recorded_as_its_own_on_behalf_of_the_user(
    database: Database, shop: Shop, open_desk: OpenDesk
) -> None:
    script = Script(
        [
            Turn([ToolCalls([("create_recommendation", NOTE)])]),
            Turn([Text("Noted.")], after_tool="create_recommendation"),
        ]
    )
    async with open_desk(script) as desk:
        await desk.approve("Note that refunds must fall")
    [made] = await changes(database)
    assert (made.actor, made.user_id, made.rule) == ("agent", shop.access.user_id, None)
    assert ((await only_row(database)).metric_refs or {})["created_by"] == "agent"


async def test_assistants_change_is_recorded_as_its_own(
    database: Database, shop: Shop, open_desk: OpenDesk
) -> None:
    created = await create(database, shop.access)
    accept = {"recommendation_id": str(created.recommendation.id), "status": "accepted"}
    script = Script(
        [
            Turn([ToolCalls([("update_recommendation", accept)])]),
            Turn([Text("Done.")], after_tool="update_recommendation"),
        ]
    )
    async with open_desk(script) as desk:
        await desk.approve("Accept it")
    noted, changed = await changes(database)
    assert (noted.actor, changed.actor) == ("person", "agent")
    assert changed.changes == {"status": ["pending", "accepted"]}
    assert changed.user_id == shop.access.user_id
