"""What a run of the evals found: for people's programs as JSON, for CI as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET  # only to write

from evals.cases import Case
from evals.loading import LoadedDataset
from evals.transcript import CaseTranscript, Finding, ToolCall, TurnTranscript

REPORT_FORMAT = 1
# XML 1.0 has no other control characters than these.
_XML_CONTROLS = frozenset("\t\n\r")


@dataclass(frozen=True)
class CaseResult:
    """A judged case; without a transcript it could not be replayed."""

    dataset: str
    case: Case
    findings: Sequence[Finding]
    transcript: CaseTranscript | None

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.findings

    @property
    def seconds(self) -> float:
        """How long the replay took."""
        return self.transcript.seconds if self.transcript else 0.0

    @property
    def model(self) -> str:
        """The model that answered."""
        return self.transcript.model if self.transcript else ""


@dataclass(frozen=True)
class Report:
    """All cases of a run, in the order of their datasets."""

    datasets: Sequence[LoadedDataset]
    results: Sequence[CaseResult]
    started_at: datetime
    seconds: float
    prompt_version: str

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(result.passed for result in self.results)

    @property
    def failed(self) -> int:
        """How many cases did not."""
        return len(self.results) - self.passed

    @property
    def pass_rate(self) -> Decimal:
        """The share of the cases that passed, to four decimals; 0 if there was none."""
        if not self.results:
            return Decimal(0)
        return (Decimal(self.passed) / len(self.results)).quantize(Decimal("0.0001"))


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON, with each conversation as it went."""
    return {
        "format": REPORT_FORMAT,
        "started_at": report.started_at.isoformat(),
        "seconds": _rounded(report.seconds),
        "prompt_version": report.prompt_version,
        "models": sorted({result.model for result in report.results if result.model}),
        "datasets": [{"name": loaded.name, "digest": loaded.digest} for loaded in report.datasets],
        "passed": report.passed,
        "failed": report.failed,
        "pass_rate": str(report.pass_rate),
        "cases": [_case_json(result) for result in report.results],
    }


def _case_json(result: CaseResult) -> dict[str, Any]:
    transcript = result.transcript
    return {
        "dataset": result.dataset,
        "id": result.case.id,
        "description": result.case.description,
        "tags": list(result.case.tags),
        "passed": result.passed,
        "findings": [asdict(finding) for finding in result.findings],
        "model": result.model,
        "seconds": _rounded(result.seconds),
        "turns": [_turn_json(turn) for turn in transcript.turns] if transcript else [],
    }


def _turn_json(turn: TurnTranscript) -> dict[str, Any]:
    return {
        "user": turn.question,
        "answer": turn.answer,
        "outcome": turn.outcome,
        "error": turn.error,
        "seconds": _rounded(turn.seconds),
        "tools": [_call_json(call) for call in turn.calls],
    }


def _call_json(call: ToolCall) -> dict[str, Any]:
    # The texts as they were: parsing them again would have to say how to write decimals.
    return {
        "name": call.name,
        "arguments": call.arguments,
        "result": call.result,
        "status": call.stored_status,
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def write_junit(report: Report, path: Path) -> None:
    """Write the report as JUnit XML, a suite for each dataset."""
    root = ET.Element("testsuites", {"name": "vaultra evals", **_counts(report.results)})
    for loaded in report.datasets:
        results = [result for result in report.results if result.dataset == loaded.name]
        suite = ET.SubElement(root, "testsuite", {"name": loaded.name, **_counts(results)})
        for result in results:
            _add_case(suite, result)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _counts(results: Sequence[CaseResult]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(not result.passed for result in results)),
        "errors": "0",
        "time": _time(sum(result.seconds for result in results)),
    }


def _add_case(suite: ET.Element, result: CaseResult) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"evals.{result.dataset}",
        name=result.case.id,
        time=_time(result.seconds),
    )
    if not result.passed:
        lines = list(told(result.findings))
        failure = ET.SubElement(case, "failure", message=_xml(lines[0]))
        failure.text = _xml("\n".join(lines))


def told(findings: Iterable[Finding]) -> Iterable[str]:
    """Yield each finding as a line."""
    for finding in findings:
        place = "case" if finding.turn is None else f"turn {finding.turn}"
        yield f"{place}, {finding.evaluator}: {finding.message}"


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _xml(text: str) -> str:
    return "".join(char for char in text if char >= " " or char in _XML_CONTROLS)
