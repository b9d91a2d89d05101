"""Approvals: a person's word on one tool call, bound to exactly what was proposed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

# Long enough for a person who is asked in the evening, short enough that figures still hold.
APPROVAL_LIFETIME = timedelta(hours=24)


class ApprovalState(StrEnum):
    """Where an approval stands (`approvals.state`)."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


def fingerprint(tool: str, arguments: Mapping[str, object]) -> str:
    """Return the SHA-256, in hexadecimal, of a tool call's name and arguments, in any order."""
    written = json.dumps([tool, arguments], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()
