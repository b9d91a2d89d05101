"""Trouble on demand: what a client of Stripe must survive, switched on by number of request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from domain.errors import InvalidInputError


class Trouble(StrEnum):
    """What goes wrong with a request."""

    RATE_LIMITED = "429"
    LOCKED = "lock"
    FAILED = "500"
    TIMED_OUT = "timeout"
    TRUNCATED = "truncate"
    SLOW = "slow"
    DELAYED = "delay"


class LimitReason(StrEnum):
    """The values of Stripe-Rate-Limited-Reason (docs.stripe.com/rate-limits)."""

    GLOBAL_RATE = "global-rate"
    GLOBAL_CONCURRENCY = "global-concurrency"
    ENDPOINT_RATE = "endpoint-rate"
    ENDPOINT_CONCURRENCY = "endpoint-concurrency"
    RESOURCE_SPECIFIC = "resource-specific"


@dataclass(frozen=True, slots=True)
class Faults:
    """The switches; 0 is off.

    Trouble by number: requests with a valid key whose path matches `only` (with `*`) are counted
    from 1, anew whenever faults are set. The k-th meets the k-th of `script` (None: no trouble);
    behind its end, `…_every=N` strikes each Nth. A struck answer is late by `delay_ms` or takes
    `slow_ms` in small pieces; `reason` is what a 429 by number names. `latency_ms` delays all.

    Limits, for each account: `requests_per_second` of an endpoint and
    `account_requests_per_second` of all by token buckets that hold one second's worth,
    `endpoint_concurrency` and `account_concurrency` by requests that are under way.
    """

    rate_limited_every: int = 0
    locked_every: int = 0
    failed_every: int = 0
    timed_out_every: int = 0
    truncated_every: int = 0
    slow_every: int = 0
    delayed_every: int = 0
    script: tuple[Trouble | None, ...] = ()
    only: str = "*"
    reason: LimitReason = LimitReason.GLOBAL_RATE
    delay_ms: int = 2_000
    slow_ms: int = 2_000
    latency_ms: int = 0
    requests_per_second: int = 0
    account_requests_per_second: int = 0
    endpoint_concurrency: int = 0
    account_concurrency: int = 0

    def concern(self, path: str) -> bool:
        """Tell whether a request to the path is counted."""
        return fnmatchcase(path, self.only)

    def of_request(self, number: int) -> Trouble | None:
        """Return what strikes the request (counted from 1), the earliest switch first."""
        if number <= len(self.script):
            return self.script[number - 1]
        for trouble, name in _SWITCHES.items():
            every: int = getattr(self, name)
            if every and number % every == 0:
                return trouble
        return None

    def with_switches(self, switches: Iterable[str]) -> Faults:
        """Return the faults with `429:N`, `500:N`, … `delay:N` set (see Trouble).

        Raise InvalidInputError for any other text.
        """
        faults = self
        for switch in switches:
            match = re.fullmatch(r"(\w+):([1-9]\d{0,8})", switch)
            if match is None or match[1] not in set(Trouble):
                known = ", ".join(f"{trouble}:N" for trouble in Trouble)
                raise InvalidInputError(f"{switch!r} is no fault. Write one of {known}.")
            change: dict[str, Any] = {_SWITCHES[Trouble(match[1])]: int(match[2])}
            faults = replace(faults, **change)
        return faults

    def to_json(self) -> dict[str, object]:
        """Return the faults as `read_faults` takes them."""
        return asdict(self) | {"script": [trouble or "ok" for trouble in self.script]}


def read_script(words: str) -> tuple[Trouble | None, ...]:
    """Return the script of words like `ok 429 500*3 truncate` (commas do as well).

    Raise InvalidInputError for a word that is no trouble.
    """
    script: list[Trouble | None] = []
    for word in words.replace(",", " ").split():
        match = re.fullmatch(r"(\w+)(?:\*([1-9]\d{0,5}))?", word)
        if match is None or match[1] not in {*Trouble, "ok"}:
            known = ", ".join(("ok", *Trouble))
            raise InvalidInputError(f"{word!r} is no step of a script. Write {known}, or 429*3.")
        trouble = None if match[1] == "ok" else Trouble(match[1])
        script += [trouble] * int(match[2] or 1)
    return tuple(script)


def read_faults(values: Mapping[str, object]) -> Faults:
    """Return the faults of a JSON object that names the fields of Faults; the rest are off.

    `script` may be a list of words or one text. Raise InvalidInputError for an unknown name or
    a value of another type.
    """
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name == "script":
            words = value if isinstance(value, str) else " ".join(_texts(name, value))
            given[name] = read_script(words)
        elif name == "only" and isinstance(value, str):
            given[name] = value
        elif name == "reason" and value in set(LimitReason):
            given[name] = LimitReason(str(value))
        elif name in _NUMBERS and type(value) is int and value >= 0:
            given[name] = value
        else:
            raise _wrong_fault(name)
    return Faults(**given)


def _texts(name: str, value: object) -> list[str]:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return value
    raise _wrong_fault(name)


def _wrong_fault(name: str) -> InvalidInputError:
    known = ", ".join(field.name for field in fields(Faults))
    return InvalidInputError(f"{name!r} is no fault, or its value does not fit. Faults: {known}.")


_SWITCHES = {
    Trouble.RATE_LIMITED: "rate_limited_every",
    Trouble.LOCKED: "locked_every",
    Trouble.FAILED: "failed_every",
    Trouble.TIMED_OUT: "timed_out_every",
    Trouble.TRUNCATED: "truncated_every",
    Trouble.SLOW: "slow_every",
    Trouble.DELAYED: "delayed_every",
}
_NUMBERS = {field.name for field in fields(Faults)} - {"script", "only", "reason"}
