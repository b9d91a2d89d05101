"""The tables of the rules in docs/metrics-and-score.md, with their effects over the archetypes.

Run `python -m tests.catalogue_table` to write them again; it fills the ledger of every archetype of
the sandbox in a database of its own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from db.embedded import start_embedded_server
from db.session import Database, parse_url
from db.startup import migrate
from domain.advice import RULES, Rule
from domain.advice.priorities import EFFORT
from domain.advice.thresholds import Threshold
from domain.readiness.inputs import plain
from tests.archetype_books import SAMPLED, SEEDS, Survey, advise_all
from tests.conftest import STATE
from tests.databases import execute

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics-and-score.md"


def rules_table(survey: Survey) -> str:
    """Return the Markdown table of the rules, in the order of the catalogue."""
    head = ("rule", "when", "category", "effort", "points over the archetypes")
    return _table(head, (_rule_row(rule, survey) for rule in RULES))


def _rule_row(rule: Rule, survey: Survey) -> tuple[str, ...]:
    effort = f"{rule.effort.value} ({EFFORT[rule.effort]:g}): {rule.effort_reason}"
    when = rule.trigger.rstrip(".")
    return f"`{rule.id}`", when, rule.category.value, effort, _range(rule, survey)


def _range(rule: Rule, survey: Survey) -> str:
    found = [(shop, advised[rule.id]) for shop, advised in survey.items() if rule.id in advised]
    if not found:
        return "speaks to none"
    points = sorted(advised.points for _, advised in found)
    kinds = len({name for (name, _), _ in found})
    several = "archetype" if kinds == 1 else "archetypes"
    return f"{points[0]:.1f} to {points[-1]:.1f} in {kinds} {several}"


def thresholds_table() -> str:
    """Return the Markdown table of all thresholds."""
    head = ("rule", "value", "opens", "clear at", "reason", "source")
    rows = [_threshold_row(rule, line) for rule in RULES for line in rule.thresholds]
    return _table(head, rows)


def _threshold_row(rule: Rule, line: Threshold) -> tuple[str, ...]:
    opens = f"`{line.side.value} {plain(line.opens_at)}`"
    clears = "guards the opening" if line.clears_at is None else f"`{plain(line.clears_at)}`"
    return f"`{rule.id}`", f"`{line.name}`", opens, clears, line.reason, line.source


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def with_tables(page: str, survey: Survey) -> str:
    """Return the page with both tables as the code has them now."""
    page = _replaced(page, "rules", rules_table(survey))
    page = _replaced(page, "thresholds", thresholds_table())
    return _replaced(
        page,
        "sampled",
        f"{len(SAMPLED)} archetypes, {len(SEEDS)} shops of each, one of them ten times as large.",
    )


def _replaced(text: str, name: str, content: str) -> str:
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{content}\n{end}{after}"


async def survey_in_own_database() -> Survey:
    """Return what every archetype is advised, from a database that is dropped at the end."""
    server = os.environ.get("TEST_DATABASE_URL") or start_embedded_server(STATE / "postgres")
    url, name = parse_url(server), f"test_{uuid4().hex}"
    await execute(url, f'CREATE DATABASE "{name}"')
    try:
        own = url.set(database=name)
        await asyncio.to_thread(migrate, own)
        database = Database(own)
        try:
            return await advise_all(database)
        finally:
            await database.dispose()
    finally:
        await execute(url, f'DROP DATABASE "{name}" WITH (FORCE)')


def main() -> int:
    """Write the tables into the page; return the exit status."""
    survey = asyncio.run(survey_in_own_database())
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), survey), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
