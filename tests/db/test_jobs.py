"""A job exists exactly if the transaction that asked for it was committed."""

from sqlalchemy import text

from db.repositories.jobs import Entrypoint, enqueue
from db.session import Database


async def _queued(database: Database) -> int:
    async with database.unit_of_work() as session:
        return (await session.execute(text("SELECT count(*) FROM pgqueuer"))).scalar_one()


async def test_job_is_visible_after_commit(database: Database) -> None:
    async with database.unit_of_work() as session:
        await enqueue(session, Entrypoint.RUN, {"run_id": "1"})
        assert await _queued(database) == 0
    assert await _queued(database) == 1


async def test_job_is_gone_after_rollback(database: Database) -> None:
    async with database.unit_of_work() as session:
        await enqueue(session, Entrypoint.RUN, {"run_id": "1"})
        await session.rollback()
    assert await _queued(database) == 0
