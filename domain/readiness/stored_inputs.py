"""The score's inputs as JSON and back, without loss: a what-if then needs no ledger.

Read off the dataclasses' own annotations, so that a new field of `ReadinessInputs` is stored
without a change here. Decimals are strings of all their digits, enumerations their values, days
ISO 8601.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from domain.errors import InvalidInputError
from domain.readiness.inputs import ReadinessInputs

_UNREADABLE = "The stored inputs of the score cannot be read by this version. Recompute the score."


def inputs_to_json(inputs: ReadinessInputs) -> dict[str, Any]:
    """Return the inputs as a JSON object; `inputs_from_json` gives back an equal value."""
    content: dict[str, Any] = _written(inputs)
    return content


def inputs_from_json(content: Mapping[str, Any]) -> ReadinessInputs:
    """Return the inputs that were written.

    A field that did not exist yet gets its default, which is unknown. Raise InvalidInputError for
    content that a newer version wrote, or that nobody did.
    """
    try:
        inputs: ReadinessInputs = _read(ReadinessInputs, content)
    except (ArithmeticError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(_UNREADABLE) from error
    return inputs


def _written(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _written(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_written(part) for part in value]
    return value


def _read(kind: Any, value: Any) -> Any:
    if get_origin(kind) in {Union, types.UnionType}:
        [known] = [part for part in get_args(kind) if part is not type(None)]
        return None if value is None else _read(known, value)
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], part) for part in value)
    if is_dataclass(kind):
        return _object(kind, value)
    if issubclass(kind, date):
        return kind.fromisoformat(value)
    if issubclass(kind, Decimal | Enum):
        return kind(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _object(kind: Any, value: Mapping[str, Any]) -> Any:
    annotations = _annotations(kind)
    if unknown := value.keys() - annotations.keys():
        raise ValueError(f"{kind.__name__} has no {sorted(unknown)}")
    return kind(**{name: _read(annotations[name], part) for name, part in value.items()})


@cache
def _annotations(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
