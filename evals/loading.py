"""From a YAML file to a dataset; errors tell the line, the path and what is allowed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from domain.errors import InvalidInputError
from evals.cases import Dataset

SUFFIX = ".yaml"
_HASH_LENGTH = 16
_MOST_PROBLEMS = 20
_INTEGER, _DECIMAL = re.compile(r"[-+]?\d+"), re.compile(r"[-+]?\d+\.\d+")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


class DatasetError(InvalidInputError):
    """The dataset cannot be used. Correct the lines it names and run it again."""

    code = "invalid_dataset"


@dataclass(frozen=True)
class LoadedDataset:
    """A dataset with where it came from; `digest` tells one version of the file from another."""

    name: str
    path: Path
    digest: str
    dataset: Dataset


def list_datasets() -> list[Path]:
    """Return the files of the datasets that come with the product."""
    folder = resources.files("evals") / "datasets"
    return sorted(Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(SUFFIX))


def find_datasets(names: Sequence[str]) -> list[Path]:
    """Return the files meant by names or paths, all of ours without any; raise DatasetError."""
    known = {path.stem: path for path in list_datasets()}
    if not names:
        return list(known.values())
    unknown = [name for name in names if name not in known and not Path(name).is_file()]
    if unknown:
        raise DatasetError(
            f"There is no dataset {', '.join(unknown)}.",
            hint=f"Name a {SUFFIX} file or one of: {', '.join(known)}.",
        )
    return [known.get(name, Path(name)) for name in names]


def load_dataset(path: Path) -> LoadedDataset:
    """Read a dataset; raise DatasetError, naming each line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise DatasetError(f"{path} is not YAML: {error}") from error
    if root is None:
        raise DatasetError(f"{path} is empty.", hint="`vaultra evals schema` prints the format.")
    try:
        dataset = Dataset.model_validate(_Reader(path).read(root))
    except ValidationError as error:
        raise DatasetError(_problems(path, root, error.errors(include_url=False))) from error
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
    return LoadedDataset(path.stem, path, digest, dataset)


class _Reader:
    """Turns nodes into values without YAML's surprises.

    `on` and days stay the text they are, decimals stay exact, and a key given twice is an error.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: set[int] = set()

    def read(self, node: yaml.Node) -> Any:
        if id(node) in self._open:
            raise self._error(node, "this alias contains itself")
        self._open.add(id(node))
        value = self._value(node)
        self._open.discard(id(node))
        return value

    def _value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(member) for member in node.value]
        return _scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in content:
                raise self._error(key, f"{name} is given twice")
            content[name] = self.read(value)
        return content

    def _error(self, node: yaml.Node, problem: str) -> DatasetError:
        return DatasetError(f"{self._path}:{_line(node)}: {problem}")


def _scalar(node: yaml.ScalarNode) -> str | int | bool | Decimal | None:
    text = str(node.value)
    if node.style is not None:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


def _problems(path: Path, root: yaml.Node, errors: Iterable[ErrorDetails]) -> str:
    """Return a line `file:line: path: what is wrong` for each, in the file's order."""
    found = sorted(_problem(root, error) for error in errors)
    told = [f"{path}:{line}: {problem}" for line, problem in found[:_MOST_PROBLEMS]]
    more = len(found) - len(told)
    return "\n".join([*told, f"and {more} more"] if more else told)


def _problem(root: yaml.Node, error: ErrorDetails) -> tuple[int, str]:
    """Return what is wrong and the line of the innermost place that the file has."""
    field = (error.get("ctx") or {}).get("field")
    parts = [*error["loc"], field] if field else [*error["loc"]]
    node, place, line = root, "", _line(root)
    for part in parts:
        found = _child(node, part)
        if found is not None:
            line, node = found
            place += f"[{part}]" if isinstance(part, int) else f".{part}"
    if error["type"] == "missing":
        place += f".{error['loc'][-1]}"
    message = error["msg"].removeprefix("Value error, ")
    return line, f"{place.lstrip('.') or 'dataset'}: {message}"


def _child(node: yaml.Node, part: int | str) -> tuple[int, yaml.Node] | None:
    """Return a child's line and node; None for the parts of a path that only pydantic knows."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return _line(node.value[part]), node.value[part]
    if isinstance(node, yaml.MappingNode):
        pairs = ((key, value) for key, value in node.value if key.value == part)
        return next(((_line(key), value) for key, value in pairs), None)
    return None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
