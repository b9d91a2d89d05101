from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import InvalidInputError
from sandbox.stripe.clock import SandboxClock, from_milliseconds, milliseconds, read_instant

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_clock_runs_at_its_speed_from_where_it_was_set() -> None:
    real = [100.0]
    clock = SandboxClock(NOON, speed=60, seconds=lambda: real[0])
    real[0] += 2
    assert clock() == NOON + timedelta(minutes=2)
    clock.set(NOON, speed=0)
    real[0] += 1_000
    assert clock() == NOON


def test_clock_goes_on_at_its_speed_after_an_advance() -> None:
    real = [0.0]
    clock = SandboxClock(NOON, speed=2, seconds=lambda: real[0])
    clock.advance(timedelta(days=1))
    real[0] += 3
    assert clock() == NOON + timedelta(days=1, seconds=6)


@pytest.mark.parametrize("speed", [-1, float("nan"), 2_000_000])
def test_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(InvalidInputError, match="times as fast"):
        SandboxClock(NOON).set(NOON, speed=speed)


def test_milliseconds_round_down_so_that_nothing_is_seen_too_early() -> None:
    late = NOON + timedelta(microseconds=1_999)
    assert milliseconds(late) == milliseconds(NOON) + 1
    assert from_milliseconds(milliseconds(late)) == NOON + timedelta(milliseconds=1)


def test_instant_without_an_offset_is_utc() -> None:
    assert read_instant("2026-03-01T12:00:00") == NOON
    assert read_instant("2026-03-01T13:00:00+01:00") == NOON


def test_text_that_is_no_instant_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="is no instant"):
        read_instant("noon")
