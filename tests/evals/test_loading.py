"""A dataset that is wrong is refused with the line, the path and what is allowed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from textwrap import indent

import pytest

from evals.cases import json_schema
from evals.given import Ledger
from evals.loading import DatasetError, find_datasets, list_datasets, load_dataset

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "write-an-eval-case.md"
FORMAT = "\nformat: 1\n"
HEAD = """\
format: 1
description: made up
given: {business: cd_shop, synced_at: 2026-11-22T05:00:00Z}
cases:
"""
CASE = """\
- id: one
  description: made up
  turns:
    - user: Hello
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "made_up.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> str:
    with pytest.raises(DatasetError) as caught:
        load_dataset(write(folder, text))
    return caught.value.message


def problem_of_expect(folder: Path, expect: str) -> str:
    """Return the problem of an expectation that begins in line 9."""
    return problems(folder, HEAD + CASE + "      expect:\n" + indent(expect, " " * 8))


def test_dataset_is_read_as_it_is_written(tmp_path: Path) -> None:
    text = HEAD + CASE.replace("Hello", "on") + "  tags: [yes, 2026-10-01]\n"
    loaded = load_dataset(write(tmp_path, text))
    [case] = loaded.dataset.cases
    assert (loaded.name, case.turns[0].user) == ("made_up", "on")
    assert case.tags == ["yes", "2026-10-01"]


def test_digest_tells_one_version_from_another(tmp_path: Path) -> None:
    first = load_dataset(write(tmp_path, HEAD + CASE)).digest
    assert load_dataset(write(tmp_path, HEAD + CASE)).digest == first
    assert load_dataset(write(tmp_path, HEAD + CASE + "# changed\n")).digest != first


def test_unknown_field_is_named_with_its_line_and_those_allowed(tmp_path: Path) -> None:
    told = problem_of_expect(tmp_path, "tools:\n  - nam: get_readiness\n")
    place = "cases[0].turns[0].expect.tools[0].nam"
    assert f"made_up.yaml:11: {place}: there is no field nam; allowed are args, name" in told


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("tools: [{name: get_score}]", "there is no tool 'get_score'; allowed are query_snapshots"),
        ("outcome: sucess", "there is no outcome 'sucess'; allowed are success, cancelled"),
        ("events: [RUN_START]", "there is no event 'RUN_START'; allowed are"),
        ("figures: [{value: 12.50}]", 'write it in quotes, as in "123.45"'),
        ('figures: [{value: "12,50"}]', "figures[0].value: Input should be a valid decimal"),
        ("figures: [{metric: revenue, period: 2026-10, missing: true}]", "'revenue_total'"),
        ('figures: [{metric: mrr, value: "1"}]', "metric and period go together"),
        ("figures: [{metric: mrr, period: 2026-10}]", "give either value or missing"),
        ('figures: [{value: "1", compared_with: 2026-10}]', "need a metric and a period"),
        ('figures: [{metric: mrr, period: 2026-13, value: "1"}]', "is not a month"),
        ('figures: [{metric: mrr, period: 2026-10..2026-09, value: "1"}]', "is reversed"),
        ("no_tools: true\ntools: []", "no_tools stands alone"),
        ("unordered: true", "unordered and more_tools need tools"),
        ("answer: {matches: '('}", "does not compile"),
        ("ungrounded: no", "should have at least 10 characters"),
        ("tools: [{name: get_readiness, quoted: ['a b']}]", "should match pattern"),
        ("tools: [{name: get_readiness, args: {a: {regex: '('}}}]", "does not compile"),
    ],
)
def test_expectation_that_cannot_be_meant_is_explained(tmp_path, expect, told) -> None:
    found = problem_of_expect(tmp_path, expect + "\n")
    assert told in found
    assert "made_up.yaml:10: cases[0].turns[0].expect" in found or "made_up.yaml:9" in found


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            "  rows: {recommendation: []}\n",
            "there is no table 'recommendation'; allowed are agent_",
        ),
        (
            "  rows: {users: [{where: {mail: a}, count: 1}]}\n",
            "users has no mail; it has avatar_url",
        ),
        ("  rows: {users: [{}]}\n", "cases[0].rows.users[0].count: Field required"),
        ("  changes: {agent_runs: any}\n", "every conversation changes agent_runs"),
        ("  changes: {users: all}\n", "cases[0].changes.users: Input should be 'any'"),
        ("  changes: {users: {added: -1}}\n", "greater than or equal to 0"),
        ("  given: {role: boss}\n", "Input should be 'owner', 'admin' or 'viewer'"),
        ("  given: {now: 2026-11-21T05:00:00Z}\n", "given.now is before given.synced_at"),
        ("  given: {now: 2026-11-23T05:00:00}\n", "should have timezone info"),
        ("  given: {business: book_shop}\n", "business: Input should be 'cd_shop'"),
        ("  given: {model: {script: []}}\n", "should have at least 1 item"),
        ("  given: {model: {script: [{}]}}\n", "give calls, says or both"),
        (CASE, "two cases have the id one"),
    ],
)
def test_case_that_cannot_be_meant_is_explained(tmp_path, more, told) -> None:
    assert told in problems(tmp_path, HEAD + CASE + more)


@pytest.mark.parametrize(
    ("charge", "told"),
    [
        ("{day: 2026-10-40, amount: '1.00'}", "charges[0].day: Input should be a valid date"),
        ("{day: 2026-10-01, amount: 1.00}", "write it in quotes"),
        ("{day: 2026-10-01, amount: '0'}", "greater than 0"),
        ("{day: 2026-10-01, amount: '1.001'}", "1.001 has more decimals than usd has"),
        ("{day: 2026-10-01, amount: '1', dispute: {day: 2026-10-02, outcome: won}}", "go together"),
    ],
)
def test_business_that_cannot_be_is_explained(tmp_path, charge, told) -> None:
    more = f"  given: {{business: {{charges: [{charge}]}}}}\n"
    assert told in problems(tmp_path, HEAD + CASE + more)


def test_every_problem_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    told = problems(tmp_path, HEAD + CASE + "  tags: x\n" + CASE.replace("one", "Two"))
    assert [line.split(":")[1] for line in told.splitlines()] == ["9", "10"]


def test_dataset_without_a_business_is_refused(tmp_path: Path) -> None:
    text = (HEAD + CASE).replace("business: cd_shop, ", "")
    assert "case one: given lacks business" in problems(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("- 1", "dataset: Input should be a valid dictionary"),
        ("a: [", "is not YAML"),
        ("format: 2\n" + HEAD.removeprefix("format: 1\n") + CASE, "1: format: Input should be 1"),
        (HEAD + CASE + "  id: two\n", ":9: id is given twice"),
        ("a: &a [*a]\n", "this alias contains itself"),
    ],
)
def test_file_that_is_no_dataset_is_refused(tmp_path, text, told) -> None:
    assert told in problems(tmp_path, text)


def test_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        load_dataset(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="cannot be read"):
        load_dataset(tmp_path / "binary.yaml")


def test_own_given_stands_over_the_shared_one(tmp_path: Path) -> None:
    own = "  given: {role: viewer, business: {charges: [{day: 2026-10-01, amount: '1.50'}]}}\n"
    dataset = load_dataset(write(tmp_path, HEAD + CASE + own)).dataset
    setting = dataset.setting_of(dataset.cases[0])
    assert isinstance(setting.business, Ledger)
    assert setting.business.charges[0].amount == Decimal("1.50")
    assert (setting.role, setting.now) == ("viewer", setting.synced_at)


def test_datasets_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + CASE)
    ours = list_datasets()
    assert find_datasets([]) == ours
    assert find_datasets([ours[0].stem, str(path)]) == [ours[0], path]
    with pytest.raises(DatasetError, match="no dataset nothing") as caught:
        find_datasets(["nothing"])
    assert ours[0].stem in str(caught.value.hint)


def test_dataset_of_the_documentation_is_one(tmp_path: Path) -> None:
    whole = next(
        block for block in HOW_TO.read_text(encoding="utf-8").split("```") if FORMAT in block
    )
    [case] = load_dataset(write(tmp_path, whole.removeprefix("yaml"))).dataset.cases
    assert case.id == "refunds_in_october"


def test_error_of_the_documentation_is_what_is_told(tmp_path: Path) -> None:
    text = HOW_TO.read_text(encoding="utf-8")
    whole = next(block for block in text.split("```") if FORMAT in block).removeprefix("yaml\n")
    told = problems(tmp_path, whole.replace("- name: query", "- nam: query"))
    assert told.split("made_up")[1] in text


def test_schema_describes_every_field_of_a_case() -> None:
    schema = json.loads(json.dumps(json_schema()))
    fields = schema["$defs"]["Case"]["properties"]
    assert {"id", "given", "turns", "rows", "changes", "nothing_else_changed"} <= fields.keys()
    assert schema["$defs"]["Case"]["additionalProperties"] is False
    tools = schema["$defs"]["ToolExpectation"]["properties"]["name"]["enum"]
    assert "query_snapshots" in tools
