"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Finding:
    """What was found: a sentence for a person, and where there is more, a list for a script."""

    text: str
    ok: bool = True
    items: list[dict[str, Any]] = field(default_factory=list)
