"""The case format, version 1: a dataset is a YAML file of this shape."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from domain.errors import InvalidInputError
from evals.expectations import Effects, Expectation
from evals.given import Given, Setting, settle
from evals.strict import Strict

FORMAT = 1


class Turn(Strict):
    """One message of the person and what is expected of the answer.

    `approve` is what the person says to whatever the answer asks approval for.
    """

    user: str = Field(min_length=1, max_length=8000)
    approve: bool = True
    expect: Expectation = Expectation()


class Case(Effects):
    """One conversation about a business of its own, and what it may leave behind."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{2,59}$")
    description: str = Field(min_length=1)
    tags: list[str] = Field(default_factory=list)
    given: Given = Given()
    turns: list[Turn] = Field(min_length=1)


class Dataset(Strict):
    """Cases with what they share."""

    format: Literal[1]
    description: str = Field(min_length=1)
    given: Given = Given()
    cases: list[Case] = Field(min_length=1)

    @model_validator(mode="after")
    def _cases_can_be_replayed(self) -> Dataset:
        seen: set[str] = set()
        for case in self.cases:
            if case.id in seen:
                raise ValueError(f"two cases have the id {case.id}")
            seen.add(case.id)
            try:
                self.setting_of(case)
            except InvalidInputError as error:
                raise ValueError(f"case {case.id}: {error.message}") from error
        return self

    def setting_of(self, case: Case) -> Setting:
        """Return what the case is replayed in."""
        return settle(self.given, case.given)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a dataset, for editors and other programs."""
    schema = Dataset.model_json_schema()
    # A condition is an object too, so of the ways to write a matcher more than one may fit.
    matcher = schema["$defs"]["Matcher"]
    matcher["anyOf"] = matcher.pop("oneOf")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": f"Vaultra eval dataset, format {FORMAT}",
    }
