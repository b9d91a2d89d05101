"""The reference pages under docs/ agree with the code they describe."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sqlalchemy import Column, Index, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql

from api.app import create_app
from api.errors import status_of
from cli.main import app as command
from config.settings import Settings
from db.models import Model
from domain import errors
from domain.advice import RULES
from domain.metrics import METRICS, MetricName
from domain.readiness.model import CAPS, COMPONENTS, TIER_THRESHOLDS, CapSpec, ComponentSpec, Curve
from integrations.stripe.resources import PERMISSIONS, RESOURCES, Resource
from services.snapshot_schema import (
    Converted,
    DataQuality,
    OtherCurrency,
    SnapshotMetrics,
    StoredRecurring,
    StoredTrend,
    UsedRate,
)

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
SHORT_TYPES = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ", "INTEGER": "INT"}
TABLES = Model.metadata.sorted_tables
PUBLIC = {"GET /", "GET /docs", "GET /openapi.json"}


def _page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def _section(page: str, heading: str) -> str:
    found = re.search(
        rf"^(#+) (?:\d+\. )?{re.escape(heading)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL
    )
    assert found, f"there is no heading {heading}"
    return found[2]


def type_of(column: Column[object]) -> str:
    """Return the column's type as the page writes it."""
    text = column.type.compile(DIALECT).replace("NUMERIC", "DECIMAL").replace(", ", ",")
    return SHORT_TYPES.get(text, text)


def constraints_of(column: Column[object]) -> str:
    """Return the column's constraints as the page writes them."""
    parts = ["PK"] if column.primary_key else []
    if not column.primary_key and not column.nullable:
        parts.append("NOT NULL")
    parts += [f"FK {key.target_fullname}" for key in column.foreign_keys]
    if column.server_default is not None:
        parts.append(f"default {column.server_default.arg}")  # type: ignore[attr-defined]
    return ", ".join(parts)


def indexes_of(table: Table) -> Iterator[str]:
    """Yield the table's indexes and unique constraints as the page writes them."""
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield f"UNIQUE ({', '.join(column.name for column in constraint.columns)})"
    for index in table.indexes:
        yield _index(index)


def _index(index: Index) -> str:
    columns = ", ".join(str(part).rpartition(".")[2] for part in index.expressions)
    where = index.dialect_options["postgresql"]["where"]
    unique = "UNIQUE " if index.unique else ""
    return f"{unique}({columns})" + (f" where {where}" if where is not None else "")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_table_is_documented_column_by_column(table: Table) -> None:
    section = _section(_page("data-model.md"), table.name)
    documented = [tuple(row[:3]) for row in _rows(section) if row[0] != "Column"]
    expected = [(f"`{c.name}`", type_of(c), constraints_of(c)) for c in table.columns]
    assert sorted(documented) == sorted(expected)
    for index in indexes_of(table):
        assert f"`{index}`" in section


def test_every_route_is_documented_and_no_other() -> None:
    paths = create_app(Settings(), "postgresql://nowhere/none").openapi()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    named = re.findall(
        r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)` \|", _page("protocol.md"), re.MULTILINE
    )
    documented = {name.replace("/…", "/v1/businesses/{business_id}") for name in named}
    assert documented == served | PUBLIC


def test_the_routes_without_a_token_are_those_of_the_decision() -> None:
    paths = create_app(Settings(), "postgresql://nowhere/none").openapi()["paths"]
    open_paths = {
        path for path, methods in paths.items() for m in methods.values() if not m.get("security")
    }
    listed = {row[0].strip("`") for row in _rows(_page("decisions/0013-public-routes.md"))}
    assert listed - {"route"} == open_paths | {route.removeprefix("GET ") for route in PUBLIC}


def _error_classes(kind: type[errors.VaultraError]) -> Iterator[type[errors.VaultraError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _error_classes(child)


def test_every_error_code_is_documented_with_its_status() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| (\d{3}) \|", _page("protocol.md"), re.MULTILINE))
    expected = {
        kind.code: str(int(status_of(kind()))) for kind in _error_classes(errors.VaultraError)
    }
    assert {code: documented.get(code) for code in expected} == expected


def test_every_command_is_documented() -> None:
    commands = {group.name for group in command.registered_groups}
    commands |= {single.name for single in command.registered_commands}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {name for name in commands if f"| `vaultra {name}" not in readme} == set()


@pytest.mark.parametrize("metric", MetricName)
def test_metric_is_documented_by_its_own_definition(metric: MetricName) -> None:
    section = _section(_page("metrics-and-score.md"), "Metrics")
    [row] = [r for r in _rows(section) if r[0] == f"`{metric.value}`"]
    known = METRICS[metric]
    meaning = [known.definition, known.source, known.window]
    assert row[1:6] == [known.unit.value, known.summable.value, *meaning]


def test_what_a_snapshot_stores_is_documented_field_by_field() -> None:
    section = _section(_page("metrics-and-score.md"), "What a snapshot stores")
    parts = (OtherCurrency, Converted, UsedRate, StoredTrend, StoredRecurring, DataQuality)
    models = (SnapshotMetrics, *parts)
    expected = [
        [f"`{name}`", field.description] for model in models for name, field in _fields(model)
    ]
    assert [row for row in _rows(section) if row[0] != "field"] == expected


def _fields(model: type[BaseModel]) -> Iterable[tuple[str, FieldInfo]]:
    return model.model_fields.items()


def curve_text(curve: Curve, *, money: bool = False) -> str:
    """Return the points as the page writes them: `input:points`, shares in percent."""
    return " ".join(f"{_input(x, money=money)}:{y:g}" for x, y in curve.points)


def _input(value: float, *, money: bool) -> str:
    return f"{value:g}" if money else f"{value * 100:g}%"


def _is_plain(spec: ComponentSpec | CapSpec) -> bool:
    return spec.key.value in {"scale", "history"}


@pytest.mark.parametrize("spec", COMPONENTS, ids=lambda spec: spec.key.value)
def test_component_is_documented_with_weight_curve_and_evidence(spec: ComponentSpec) -> None:
    section = _section(_page("metrics-and-score.md"), "Components")
    [row] = [r for r in _rows(section) if r[0] == f"`{spec.key.value}`"]
    half = "none" if spec.evidence_half is None else str(spec.evidence_half)
    assert row[1:4] == [
        str(spec.weight),
        f"`{curve_text(spec.curve, money=_is_plain(spec))}`",
        half,
    ]


@pytest.mark.parametrize("spec", CAPS, ids=lambda spec: spec.key.value)
def test_cap_is_documented_with_its_curve(spec: CapSpec) -> None:
    section = _section(_page("metrics-and-score.md"), "Caps")
    [row] = [r for r in _rows(section) if r[0] == f"`{spec.key.value}`"]
    assert row[1] == f"`{curve_text(spec.curve, money=_is_plain(spec))}`"


def test_tiers_and_rules_are_documented() -> None:
    page = _page("metrics-and-score.md")
    for tier, line in TIER_THRESHOLDS.items():
        assert f"| `{tier.value}` | {line} |" in page
    catalogue = [row[0] for row in _rows(_section(page, "Recommendations")) if row[0] != "rule"]
    assert catalogue == [f"`{rule.id}`" for rule in RULES]


def _wire_fields(kind: type[msgspec.Struct]) -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        union = msgspec.inspect.type_info(field.type)
        parts = getattr(union, "types", (union,))
        nested = [part.cls for part in parts if isinstance(part, msgspec.inspect.StructType)]
        if nested:
            yield from (f"{field.encode_name}.{name}" for name in _wire_fields(nested[0]))
        else:
            yield field.encode_name


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_every_field_that_is_kept_of_stripe_is_documented(resource: Resource[Any]) -> None:
    section = _section(_page("stripe.md"), "What is kept")
    [row] = [r for r in _rows(section) if r[0] == resource.name.replace("_", " ")]
    assert sorted(row[1].replace("`", "").split(", ")) == sorted(_wire_fields(resource.item))


def test_every_permission_that_a_key_needs_is_documented() -> None:
    for page in ("stripe.md", "how-to/connect-stripe.md"):
        assert set(re.findall(r"`(rak_\w+)`", _page(page))) == set(PERMISSIONS)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=~!]", line)[0] for line in listed}
    documented = {row[0].strip("`") for row in _rows(_page("decisions/0012-libraries.md"))}
    assert names == documented - {"library"}
