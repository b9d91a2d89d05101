"""Arrays that travel as texts arrive as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, DateTime, Numeric, Text, cast, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from db.repositories.array_text import array_text
from db.session import REFUSED, Database

MOMENT = datetime(2026, 3, 1, 12, 30, 5, 250_000, tzinfo=UTC)


async def read(database: Database, values: Sequence[Any], item: TypeEngine[Any]) -> Any:
    array = cast(literal(array_text(values), Text()), ARRAY(item))
    async with database.unit_of_work() as session:
        return (await session.execute(select(array))).scalar_one()


@pytest.mark.parametrize(
    ("values", "item"),
    [
        (["ch_1", None, "", "NULL", "null"], Text()),
        (['a "quoted" text', "a\\b", "{1,2}", " spaces ", "new\nline\ttab", "é 😀"], Text()),
        ([2**63 - 1, -(2**63), 0, None], BigInteger()),
        ([True, False, None], Boolean()),
        ([MOMENT, None], DateTime(timezone=True)),
        ([Decimal("0.0000000001"), Decimal("1234567890.5"), None], Numeric()),
        ([], Text()),
    ],
)
async def test_values_come_back_as_they_were(
    database: Database, values: list[Any], item: TypeEngine[Any]
) -> None:
    assert await read(database, values, item) == values


@pytest.mark.parametrize(
    ("value", "item"), [(2**63, BigInteger()), (2**64, BigInteger()), ("a\x00b", Text())]
)
async def test_value_that_the_type_cannot_hold_is_refused(
    database: Database, value: Any, item: TypeEngine[Any]
) -> None:
    with pytest.raises(REFUSED):
        await read(database, [value], item)
