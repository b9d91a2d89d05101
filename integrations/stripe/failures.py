"""From Stripe's refusals to our errors; neither the key nor a body ever gets into a message."""

from __future__ import annotations

import re

import msgspec

from domain.errors import StripeError, StripeKeyError, StripePermissionError

_PERMISSION = re.compile(r"\brak_[a-z_]+_(?:read|write)\b")
_CODE = re.compile(r"[a-z_]{1,60}")


class TransientStripeError(StripeError):
    """Stripe is busy or cannot be reached. Try the sync again in a minute."""


class _Reason(msgspec.Struct):
    code: str | None = None
    type: str | None = None
    message: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Reason


def refusal(status: int, body: bytes, *, what: str, permission: str) -> StripeError:
    """Return the error for an answer that is not 200.

    `what` was asked for ("the list of charges"); `permission` is named if Stripe names none.
    """
    if status == 429 or status >= 500:
        return TransientStripeError(
            f"Stripe answered {status} to the request for {what}, again and again. "
            "Try the sync again in a minute."
        )
    if status == 401:
        return StripeKeyError()
    reason = _reason(body)
    if status == 403:
        return _denied(reason, what=what, permission=permission)
    code = next((c for c in (reason.code, reason.type) if c and _CODE.fullmatch(c)), "no code")
    return StripeError(f"Stripe refused the request for {what} ({status}, {code}).")


def unreachable(what: str) -> TransientStripeError:
    """Return the error for a connection that failed, timed out or broke off."""
    return TransientStripeError(
        f"The connection to Stripe failed during the request for {what}.",
        hint="Check that STRIPE_API_BASE is right and that this machine can reach it.",
    )


def unreadable(what: str) -> StripeError:
    """Return the error for an answer that is complete but is not what Stripe documents."""
    return StripeError(
        f"Stripe's answer to the request for {what} does not have the documented form.",
        hint="Check that STRIPE_API_BASE is Stripe's API.",
    )


def _reason(body: bytes) -> _Reason:
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error
    except msgspec.DecodeError:
        return _Reason()


def _denied(reason: _Reason, *, what: str, permission: str) -> StripePermissionError:
    named = _PERMISSION.search(reason.message or "")
    return StripePermissionError(
        f"The Stripe key may not read {what}.",
        hint=f"Add the permission {named[0] if named else permission} to the restricted key.",
    )
