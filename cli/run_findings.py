"""What the doctor finds of runs, and what it repairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent import run_health
from agent.run_health import Finding as Disordered
from agent.run_repair import Outcome
from cli.findings import Finding
from db.session import Database

IN_ORDER = "every run has its job, its end and its messages"


async def runs_finding(database: Database, *, repair: bool) -> Finding:
    """Examine all runs, and with `repair` mend what can be; what is left wrong is not ok."""
    found = await run_health.examine(database)
    if not found:
        return Finding(IN_ORDER)
    if not repair:
        return _told([(one, None) for one in found], ok=False)
    outcomes = [(one, await run_health.repair(database, one)) for one in found]
    left = await run_health.examine(database)
    new = [(one, None) for one in left if one not in found]
    return _told([*outcomes, *new], ok=not left)


def _told(found: Sequence[tuple[Disordered, Outcome | None]], *, ok: bool) -> Finding:
    return Finding(
        "\n".join(_line(one, outcome) for one, outcome in found),
        ok=ok,
        items=[_item(one, outcome) for one, outcome in found],
    )


def _line(one: Disordered, outcome: Outcome | None) -> str:
    what = one.disorder.value.replace("_", " ")
    part = f" ({one.place.part})" if one.place.part else ""
    run = f"{what}{part}: run {one.place.run_id}, conversation {one.place.conversation_id}."
    return f"{run} {one.what_to_do if outcome is None else outcome.told}"


def _item(one: Disordered, outcome: Outcome | None) -> dict[str, Any]:
    item: dict[str, Any] = {
        "disorder": one.disorder.value,
        "run_id": one.place.run_id,
        "conversation_id": one.place.conversation_id,
        "what_to_do": one.what_to_do,
    }
    if one.place.part:
        item["part"] = one.place.part
    if outcome is not None:
        item |= {"repaired": outcome.repaired, "outcome": outcome.told}
    return item
