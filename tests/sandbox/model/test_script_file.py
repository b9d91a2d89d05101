"""Scripts as files."""

from pathlib import Path

import pytest

import sandbox.model
from sandbox.model import (
    Disconnect,
    Garbage,
    NoFinish,
    NotJson,
    Script,
    Stall,
    Status,
    Text,
    ToolCalls,
    Turn,
    Usage,
    load_script,
)
from sandbox.model.script import ScriptError


def load(folder: Path, text: str) -> Script:
    path = folder / "script.yaml"
    path.write_text(text)
    return load_script(path)


def load_steps(folder: Path, *steps: str) -> list[object]:
    lines = "".join(f"      - {step}\n" for step in steps)
    [turn] = load(folder, f"turns:\n  - steps:\n{lines}").turns
    return list(turn.steps)


def test_turn_is_read_with_all_its_settings(tmp_path: Path) -> None:
    script = load(
        tmp_path,
        """
models: [gpt-5]
turns:
  - user: score
    after_tool: "*"
    repeat: true
    usage: {prompt_tokens: 9, completion_tokens: 2}
    steps: [{text: Hi}]
""",
    )
    turn = Turn([Text("Hi")], user="score", after_tool="*", repeat=True, usage=Usage(9, 2))
    assert script == Script([turn], models=["gpt-5"])


def test_step_may_be_its_kind_alone(tmp_path: Path) -> None:
    assert load_steps(tmp_path, "garbage", "no_finish") == [Garbage(), NoFinish()]


def test_step_may_be_its_kind_with_the_first_setting(tmp_path: Path) -> None:
    steps = load_steps(tmp_path, "stall: 2", "text: Hi", "disconnect: 3")
    assert steps == [Stall(2), Text("Hi"), Disconnect(after=3)]


def test_stall_may_have_comments(tmp_path: Path) -> None:
    steps = load_steps(tmp_path, "stall: {seconds: 2, comment_every: 0.5}")
    assert steps == [Stall(2, comment_every=0.5)]
    with pytest.raises(ScriptError, match="more than 0"):
        Stall(2, comment_every=0)


def test_step_may_have_all_its_settings(tmp_path: Path) -> None:
    steps = load_steps(tmp_path, "status: {status: 429, retry_after: 1.5, code: slow}")
    assert steps == [Status(429, retry_after=1.5, code="slow")]


def test_empty_step_takes_the_defaults(tmp_path: Path) -> None:
    assert load_steps(tmp_path, "not_json:") == [NotJson()]


def test_tool_calls_are_names_with_arguments(tmp_path: Path) -> None:
    [step] = load_steps(tmp_path, "tool_calls: [{a: {x: 1}}, {b: }]")
    assert step == ToolCalls([("a", {"x": 1}), ("b", {})])


def test_date_in_arguments_stays_text(tmp_path: Path) -> None:
    [step] = load_steps(tmp_path, "tool_calls: [{a: {day: 2026-10-01}}]")
    assert step == ToolCalls([("a", {"day": "2026-10-01"})])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("sing: la", r"steps\[0\]: write one kind of step, of text"),
        ("{text: a, stall: 1}", r"steps\[0\]: write one kind"),
        ("text: {text: a, speed: 1}", r"settings are text, chunk, delay"),
        ("text: {chunk: 1}", r"steps\[0\]: .*missing required field `text`"),
        ("stall: soon", r"steps\[0\]: Expected `float`, got `str`"),
        ("status: 200", r"steps\[0\]: Status is for errors"),
        ("tool_calls: [get_readiness]", r"steps\[0\]: write each call as"),
        ("tool_calls:", r"steps\[0\]: write a list"),
    ],
)
def test_wrong_step_is_named(tmp_path: Path, step: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        load_steps(tmp_path, step)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "settings are turns, models"),
        ("turns: []", "turns: write a list"),
        ("turns: [{steps: []}]", r"turns\[0\]\.steps: write a list"),
        ("turns: [{steps: [garbage], who: me}]", r"turns\[0\]: settings are steps, user"),
        ("turns: [{steps: [garbage], repeat: often}]", r"turns\[0\]: Expected `bool`"),
        ("turns: [{steps: [disconnect, garbage]}]", r"turns\[0\]: .* end a turn"),
        ("models: 3\nturns: [{steps: [garbage]}]", "Expected `array`"),
        ("turns: [", "cannot be read"),
    ],
)
def test_wrong_script_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        load(tmp_path, text)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="cannot be read"):
        load_script(tmp_path / "none.yaml")


def test_example_in_the_package_can_be_played() -> None:
    script = load_script(Path(sandbox.model.__file__).with_name("example.yaml"))
    assert all(turn.repeat for turn in script.turns)
