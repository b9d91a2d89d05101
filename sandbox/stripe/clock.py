"""The sandbox's time: real, standing still, or running at another pace, and settable meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from domain.errors import InvalidInputError

Clock = Callable[[], datetime]

_EPOCH = datetime.fromtimestamp(0, UTC)


def utc_now() -> datetime:
    """Return the real time."""
    return datetime.now(UTC)


def milliseconds(moment: datetime) -> int:
    """Return the whole milliseconds since the epoch, rounded down: nothing is seen too early."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_milliseconds(instant_ms: int) -> datetime:
    """Return the UTC time of milliseconds since the epoch."""
    return _EPOCH + timedelta(milliseconds=instant_ms)


def read_instant(text: str) -> datetime:
    """Return the instant of an ISO 8601 text (without an offset: UTC).

    Raise InvalidInputError for any other text.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no instant. Write it like 2026-03-01T12:00:00Z."
        raise InvalidInputError(message) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class SandboxClock:
    """A clock that starts at an instant and runs `speed` times as fast as real time.

    Speed 1 is real pace, 0 stands still. Both may be changed while it runs.
    """

    def __init__(
        self,
        start: datetime | None = None,
        *,
        speed: float = 1.0,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start now unless told when; `seconds` is the monotonic clock that drives it."""
        self._seconds = seconds
        self._speed = speed
        self.set(start or utc_now(), speed=speed)

    @property
    def speed(self) -> float:
        """How many sandbox seconds pass in a real one."""
        return self._speed

    def __call__(self) -> datetime:
        """Return the sandbox's present."""
        return self._start + timedelta(seconds=(self._seconds() - self._since) * self._speed)

    def set(self, moment: datetime, *, speed: float | None = None) -> None:
        """Go to the instant, at another speed if one is given.

        Raise InvalidInputError for a speed below 0 or above a million.
        """
        pace = self._speed if speed is None else speed
        if not 0 <= pace <= 1_000_000:
            raise InvalidInputError(f"A clock cannot run {pace} times as fast: write 0 to 1000000.")
        self._start, self._since, self._speed = moment, self._seconds(), pace

    def advance(self, span: timedelta) -> None:
        """Go forward (or back) by the span at the present speed."""
        self.set(self() + span)
