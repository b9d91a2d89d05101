"""Evaluators of a whole case: what the conversation has left in the database, and what not."""

from __future__ import annotations

from collections.abc import Iterator

from evals.cases import Case
from evals.expectations import CONVERSATION_TABLES, RowChanges, RowExpectation
from evals.matchers import mismatches
from evals.transcript import CaseTranscript, Json, TableContent


def rows(case: Case, transcript: CaseTranscript) -> Iterator[str]:
    """Judge the rows that the case describes."""
    for table, expectations in case.rows.items():
        for expectation in expectations:
            found = [
                row
                for row in transcript.rows.get(table, ())
                if not mismatches(expectation.where, row, table)
            ]
            yield from _row_mismatches(table, expectation, found)


def _row_mismatches(table: str, expectation: RowExpectation, found: list[Json]) -> Iterator[str]:
    wanted = ", ".join(expectation.where) or "nothing"
    yield from mismatches(expectation.count, len(found), f"the number of {table} by {wanted}")
    for row in found:
        yield from mismatches(expectation.equal, row, table)


def changes(case: Case, transcript: CaseTranscript) -> Iterator[str]:
    """Judge which tables changed, and by how many rows."""
    for name, content in transcript.tables.items():
        if name in CONVERSATION_TABLES:
            continue
        wanted = case.changes.get(name)
        if wanted is None and case.nothing_else_changed:
            wanted = RowChanges()
        if isinstance(wanted, RowChanges) and _told(content) != _told(wanted):
            yield f"{name}: {_told(content)}, expected {_told(wanted)}"


def _told(counts: TableContent | RowChanges) -> str:
    kinds = {"added": counts.added, "changed": counts.changed, "removed": counts.removed}
    told = [f"{count} {kind}" for kind, count in kinds.items() if count]
    return " and ".join(told) or "no change"
