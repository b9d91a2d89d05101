"""The command, as a person or a CI job runs it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from cli.evaluating import app
from domain.errors import ConfigurationError, InvalidInputError
from evals.loading import DatasetError, list_datasets

DATASET = """\
format: 1
description: made up
given:
  business: {charges: [{day: 2026-10-05, amount: "250.00"}]}
  synced_at: 2026-11-22T05:00:00Z
cases:
  - id: right
    description: The one figure there is.
    tags: [good]
    turns:
      - user: What was our revenue in October?
        expect:
          figures: [{metric: revenue_total, period: 2026-10, value: "250.00"}]
  - id: wrong
    description: A figure that there is not.
    turns:
      - user: What was our revenue in October?
        expect:
          figures: [{metric: revenue_total, period: 2026-10, value: "251.00"}]
  - id: impossible
    description: A refund of more than was paid.
    given:
      business:
        charges: [{day: 2026-10-05, amount: "1.00", refund: {day: 2026-10-06, amount: "2.00"}}]
    turns: [{user: Hello}]
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "made_up.yaml"
    path.write_text(DATASET, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's own `.env` and key out of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("config.logs.set_up_logs", lambda _level: None)


@pytest.fixture
def on_test_server(monkeypatch: pytest.MonkeyPatch, server_url: URL) -> None:
    monkeypatch.setenv("DATABASE_URL", server_url.render_as_string(hide_password=False))


def invoke(*arguments: str):
    return CliRunner().invoke(app, arguments)


def test_failing_case_fails_the_command_and_both_reports_say_why(
    dataset: Path, tmp_path: Path, on_test_server: None
) -> None:
    files = tmp_path / "report.json", tmp_path / "junit.xml"
    result = invoke("run", str(dataset), "--json", str(files[0]), "--junit", str(files[1]))
    assert result.exit_code == 1, result.output
    assert "1 of 3 passed (33.33%)" in result.output
    report = json.loads(files[0].read_text(encoding="utf-8"))
    found = {case["id"]: [f["evaluator"] for f in case["findings"]] for case in report["cases"]}
    assert found == {"right": [], "wrong": ["figures", "figures"], "impossible": ["replay"]}
    assert ET.parse(files[1]).getroot().get("failures") == "2"


def test_command_succeeds_where_every_chosen_case_passes(
    dataset: Path, on_test_server: None
) -> None:
    result = invoke("run", str(dataset), "--tag", "good")
    assert result.exit_code == 0, result.output
    assert "1 of 1 passed" in result.output


def test_unknown_case_and_tag_are_told_with_those_there_are(dataset: Path) -> None:
    unknown = invoke("run", str(dataset), "--case", "left").exception
    assert isinstance(unknown, InvalidInputError)
    assert "right" in str(unknown.hint)
    untagged = invoke("run", str(dataset), "--tag", "bad").exception
    assert isinstance(untagged, InvalidInputError)
    assert "good" in str(untagged.hint)


def test_model_without_a_key_is_told_how_to_get_one(dataset: Path, on_test_server: None) -> None:
    result = invoke("run", str(dataset), "--case", "right", "--model", "openai")
    assert isinstance(result.exception, ConfigurationError)
    assert "OPENAI_API_KEY" in str(result.exception.hint)


def test_list_shows_every_case_of_ours() -> None:
    result = invoke("list", "--json")
    listed = json.loads(result.output)
    assert {entry["dataset"] for entry in listed} == {path.stem for path in list_datasets()}
    assert all(entry["description"] for entry in listed)
    assert "first_day" in invoke("list").output


def test_list_refuses_a_dataset_that_is_wrong(dataset: Path) -> None:
    dataset.write_text(DATASET.replace("turns:", "turn:"), encoding="utf-8")
    error = invoke("list", str(dataset)).exception
    assert isinstance(error, DatasetError)
    assert "there is no field turn" in error.message


def test_schema_is_printed_as_json() -> None:
    schema = json.loads(invoke("schema").output)
    assert schema["title"] == "Vaultra eval dataset, format 1"
    assert schema["properties"]["format"]["const"] == 1
