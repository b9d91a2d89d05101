"""How long a provider wants to be left alone, in each form that providers say it in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from multidict import CIMultiDict

from agent.refusals import patience


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Fri, 31 Feb 2026 99:00:00 GMT"}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "60", "retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "60", "retry-after-ms": "soon"}, 60.0),
    ],
)
def test_patience_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert patience(CIMultiDict(headers)) == seconds


def test_date_is_read_as_the_time_until_then() -> None:
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = patience(CIMultiDict({"Retry-After": in_an_hour}))
    assert found is not None
    assert 3_500 < found <= 3_600
