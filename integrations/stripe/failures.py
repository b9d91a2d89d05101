"""From Stripe's refusals to our errors; neither the key nor a body ever gets into a message."""

from __future__ import annotations

import re

import aiohttp
import msgspec

from domain.errors import StripeError, StripeKeyError, StripePermissionError

CONNECTION_FAILURES = (aiohttp.ClientError, TimeoutError, OSError)
_MISSING = "resource_missing"
# A platform's answer once the account's owner has disconnected it.
_NO_ACCESS = "account_invalid"
_PERMISSION = re.compile(r"\brak_[a-z_]+_(?:read|write)\b")
_CODE = re.compile(r"[a-z_]{1,60}")


class TransientStripeError(StripeError):
    """Stripe is busy or cannot be reached. Try the sync again in a minute."""


class MissingObjectError(StripeError):
    """Stripe does not know an object that the request named. It may have been deleted.

    404 if the object itself was asked for, 400 if it was a parameter (`starting_after`).
    """

    def __init__(self, message: str, *, status: int) -> None:
        """Keep the status beside the message."""
        super().__init__(message)
        self.status = status


class _Reason(msgspec.Struct):
    code: str | None = None
    type: str | None = None
    message: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Reason


def refusal(
    status: int, body: bytes, *, what: str, permission: str, should_retry: str | None = None
) -> StripeError:
    """Return the error for an answer that is not 200.

    `what` was asked for ("the list of charges"); `permission` is named if Stripe names none;
    `should_retry` is the Stripe-Should-Retry header.
    """
    if status == 401:
        return StripeKeyError()
    if _may_pass(status, should_retry):
        return TransientStripeError(
            f"Stripe answered {status} to the request for {what}, again and again. "
            "Try the sync again in a minute."
        )
    reason = _reason(body)
    if reason.code == _NO_ACCESS:
        return StripeKeyError("Stripe lets us into this account no more. Connect it again.")
    if status == 403:
        return _denied(reason, what=what, permission=permission)
    code = next((c for c in (reason.code, reason.type) if c and _CODE.fullmatch(c)), "no code")
    message = f"Stripe refused the request for {what} ({status}, {code})."
    if code == _MISSING:
        return MissingObjectError(message, status=status)
    return StripeError(message)


def unreachable(what: str, cause: BaseException | None = None) -> TransientStripeError:
    """Return the error for a connection that failed, timed out or broke off.

    Of the cause, whose text may quote the answer, only the kind is told.
    """
    kind = "" if cause is None else f" ({type(cause).__name__})"
    return TransientStripeError(
        f"The connection to Stripe failed during the request for {what}{kind}.",
        hint="Check that STRIPE_API_BASE is right and that this machine can reach it.",
    )


def unreadable(what: str) -> StripeError:
    """Return the error for an answer that is complete but is not what Stripe documents."""
    return StripeError(
        f"Stripe's answer to the request for {what} does not have the documented form.",
        hint="Check that STRIPE_API_BASE is Stripe's API.",
    )


def _may_pass(status: int, should_retry: str | None) -> bool:
    """Whether the same request may succeed later; all our requests are reads, safe to repeat.

    Of the 4xx, 409 is a conflict with another request, and 429 is the rate limit or a lock that
    another request holds. Stripe answers the rate limit with Stripe-Should-Retry: false, meant for
    clients that would come back at once; we wait. Of any other 4xx the header decides.
    """
    if status == 429 or status >= 500:
        return True
    if status == 403 or status < 400:
        return False
    return should_retry == "true" or (status == 409 and should_retry != "false")


def _reason(body: bytes) -> _Reason:
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error
    except msgspec.DecodeError:
        return _Reason()


def _denied(reason: _Reason, *, what: str, permission: str) -> StripePermissionError:
    # Stripe lists every permission that would do; the one that is on our list is the one to add.
    named = _PERMISSION.findall(reason.message or "")
    wanted = permission if permission in named or not named else named[0]
    return StripePermissionError(
        f"The Stripe key may not read {what}.",
        hint=f"Add the permission {wanted} to the restricted key.",
    )
