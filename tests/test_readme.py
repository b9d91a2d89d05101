"""README.md and every other page say what is there: tables, links, commands, settings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from ag_ui.core import BaseEvent
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from agent import events
from config.settings import Settings
from tests.readme_tables import README, WHEN, events_table, with_tables

ROOT = README.parent
SKIPPED = {"node_modules", "__pycache__"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
MAKE = re.compile(r"(?:^|[$&|;] *)make(?: +\w+=\S+)* +([a-z][a-z-]*)", re.MULTILINE)
SETTINGS = re.compile(r"^\| setting \|.*\n((?:\|.*\n)+)", re.MULTILINE)
SETTING = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \|", re.MULTILINE)


def _pages() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED and name[0] != "."]
        found += [Path(folder) / name for name in files if name.endswith(".md")]
    return sorted(found)


PAGES = _pages()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def _code(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    return "\n".join([*FENCE.findall(text), *CODE.findall(FENCE.sub("", text))])


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.+)$", _prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def _local_links(page: Path) -> Iterator[tuple[Path, str]]:
    for link in LINK.findall(_prose(page)):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = unquote(link).partition("#")
            yield (page.parent / path if path else page), anchor


def test_readme_tables_are_those_of_the_code() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme == with_tables(readme), "Run: .venv/bin/python -m tests.readme_tables"


def test_readme_has_a_place_for_each_generated_table() -> None:
    readme = README.read_text(encoding="utf-8")
    for name in ("exchange", "tools", "events"):
        assert readme.count(f"<!-- {name}:start -->") == 1
        assert readme.count(f"<!-- {name}:end -->") == 1


def test_every_event_that_the_mapper_can_make_is_in_the_table() -> None:
    known = [part for part in vars(events).values() if isinstance(part, type)]
    made = {part for part in known if issubclass(part, BaseEvent) and part is not BaseEvent}
    names = {part.model_fields["type"].default.value for part in made}
    assert names == set(WHEN)
    assert all(f"`{name}`" in events_table() for name in names)


def test_the_exchange_begins_before_line_25() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines, 1) if "curl -N" in line)
    assert first < 25


@each_page
def test_every_local_link_leads_to_something(page: Path) -> None:
    for target, anchor in _local_links(page):
        assert target.exists(), f"{page.relative_to(ROOT)} links to {target}, which is not there"
        if anchor:
            assert anchor in _anchors(target), f"{target} has no heading #{anchor}"


@each_page
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(MAKE.findall(_code(page))) <= targets


def _settings(section: type[BaseSettings] = Settings) -> Iterator[tuple[str, FieldInfo]]:
    for field in section.model_fields.values():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseSettings):
            yield from _settings(kind)
        else:
            assert isinstance(field.validation_alias, str)
            yield field.validation_alias, field


def test_every_setting_is_documented_with_its_default() -> None:
    [table] = SETTINGS.findall(README.read_text(encoding="utf-8"))
    documented = dict(SETTING.findall(table))
    expected = {
        name: "none" if field.default is None else f"`{field.default}`"
        for name, field in _settings()
    }
    assert documented == expected
