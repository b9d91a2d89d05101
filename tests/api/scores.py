"""A business with a readiness score of now, behind a running application."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services import readiness
from tests.api.service import Service
from tests.services.test_readiness import prepare, steady_books


async def give_score(service: Service, times: int = 1) -> None:
    """Store so many scores from different data, none of it stale today."""
    today = datetime.now(UTC)
    books = steady_books(
        service.shop.access, synced_at=today.isoformat(), metadata={"country": "US"}
    )
    for number in range(times):
        if number:
            charge = books.charge("2026-10-09T15:00:00", 90_000, customer="cus_1")
            books.refund(charge, "2026-10-10T15:00:00", 90_000)
        await prepare(service.database, books)
        async with service.database.unit_of_work() as session:
            await readiness.recompute(
                session, service.shop.access, now=today + timedelta(seconds=number)
            )
