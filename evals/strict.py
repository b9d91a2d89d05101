"""The base of everything that is written in a dataset: what is unknown is refused by name."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Discriminator, model_validator
from pydantic_core import PydanticCustomError


class Strict(BaseModel):
    """A frozen model whose refusal of an unknown field says which ones there are."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, content: Any) -> Any:
        if isinstance(content, dict):
            allowed = {field.alias or name for name, field in cls.model_fields.items()}
            for name in content:
                if name not in allowed and name not in cls.model_fields:
                    raise PydanticCustomError(
                        "unknown_field",
                        "there is no field {field}; allowed are {allowed}",
                        {"field": str(name), "allowed": ", ".join(sorted(allowed))},
                    )
        return content


def _form_of(written: Any) -> str:
    return "name" if isinstance(written, str) else "object"


# For what is either a name or written out (tagged so): errors then speak of what was meant.
NAME_OR_OBJECT = Discriminator(_form_of)
