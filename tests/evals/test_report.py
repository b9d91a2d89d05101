"""The report: what a program reads of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from evals.loading import LoadedDataset
from evals.report import CaseResult, Report, to_json, write_junit
from evals.transcript import CaseTranscript, Finding
from tests.evals.heard import call, case, turn_of


def report_of(*findings: list[Finding]) -> Report:
    """Return a report of one case for each list of findings."""
    dataset, one = case()
    turn = turn_of("Revenue was $5.", call("query_snapshots", {"value": "5.00"}))
    transcript = CaseTranscript(turns=[turn], tables={}, model="vaultra-planner", seconds=1.25)
    loaded = LoadedDataset("made_up", Path("made_up.yaml"), "0123456789abcdef", dataset)
    results = [CaseResult("made_up", one, found, transcript) for found in findings]
    return Report([loaded], results, datetime(2026, 11, 22, tzinfo=UTC), 2.5, "fedcba9876543210")


WRONG = [Finding("tools", "no \x00 call", 1), Finding("changes", "users: 1 added")]


def test_json_tells_rate_versions_and_conversations() -> None:
    report = json.loads(json.dumps(to_json(report_of([], [], WRONG))))
    assert (report["passed"], report["failed"], report["pass_rate"]) == (2, 1, "0.6667")
    assert report["prompt_version"] == "fedcba9876543210"
    assert report["models"] == ["vaultra-planner"]
    assert report["datasets"] == [{"name": "made_up", "digest": "0123456789abcdef"}]
    [*_, failed] = report["cases"]
    assert failed["findings"][1] == {
        "evaluator": "changes",
        "message": "users: 1 added",
        "turn": None,
    }
    [turn] = failed["turns"]
    assert turn["answer"] == "Revenue was $5."
    assert turn["tools"][0]["result"] == '{"value": "5.00"}'


def test_run_without_cases_has_no_rate_of_one() -> None:
    assert to_json(report_of())["pass_rate"] == "0"


def test_case_that_could_not_be_replayed_is_told_without_turns() -> None:
    _, one = case()
    broken = CaseResult("made_up", one, [Finding("replay", "no sync")], None)
    report = report_of()
    told = to_json(Report(report.datasets, [broken], report.started_at, 0.0, "x"))
    assert told["cases"][0]["turns"] == []
    assert told["failed"] == 1


def test_junit_has_a_suite_for_each_dataset_and_valid_text(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    write_junit(report_of([], WRONG), path)
    root = ET.parse(path).getroot()
    [suite] = root.findall("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("time")) == ("2", "1", "2.500")
    [passed, failed] = suite.findall("testcase")
    assert passed.find("failure") is None
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "turn 1, tools: no  call"
    assert "case, changes: users: 1 added" in str(failure.text)
