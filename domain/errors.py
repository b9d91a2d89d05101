"""The one tree of errors that a person may see.

::

    VaultraError
    ├── InvalidInputError          the request cannot be understood or is out of bounds
    │   └── PeriodError            a period that does not exist, is not over or is reversed
    ├── NotAuthenticatedError      no valid credentials
    ├── NotPermittedError          the role does not allow it
    ├── RateLimitedError           asked too often
    ├── NotFoundError              no such thing, or not yours
    ├── ConflictError              the present state does not allow it
    │   ├── RunActiveError         the conversation is busy
    │   ├── RunIdReusedError       the same run id came with another body
    │   ├── ApprovalPendingError   the conversation waits for an approval
    │   ├── ApprovalDecidedError   somebody has answered it already
    │   ├── ApprovalExpiredError   nobody answered it in time
    │   └── ApprovalStaleError     what it was given upon has changed
    ├── NoDataError                there is nothing to compute from yet
    ├── EventsExpiredError         events of a run were pruned
    ├── ToolTimeoutError           a tool took too long
    ├── ToolResultTooLargeError    a tool's result is more than a model should read
    ├── ConfigurationError         the service is not set up right
    │   └── DatabaseError          the database is not reachable or not migrated
    └── ExternalServiceError       somebody else's service failed
        ├── StripeError            Stripe did not answer as it should
        │   ├── StripeKeyError     Stripe refused the key
        │   └── StripePermissionError  the key lacks a permission
        └── ModelError             the model provider did not answer as it should
            └── ModelUnavailableError  it cannot answer at present
                └── BudgetUsedUpError  the day's budget does not allow another call

A class's docstring is its default message: it tells the person what to do next.
"""

from __future__ import annotations

import inspect


class VaultraError(Exception):
    """Something went wrong. Try again; if it goes on, look at the service's log."""

    code = "error"

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        """Take the class's docstring as the message unless told a better one."""
        self.message = message or inspect.cleandoc(type(self).__doc__ or "")
        self.hint = hint
        super().__init__(self.message)


class InvalidInputError(VaultraError):
    """The request cannot be understood. Check its fields and send it again."""

    code = "invalid_input"


class PeriodError(InvalidInputError):
    """That period cannot be used. Name months as YYYY-MM, the first one first."""

    code = "invalid_period"


class NotAuthenticatedError(VaultraError):
    """Send a valid access token: Authorization: Bearer <token>."""

    code = "not_authenticated"


class NotPermittedError(VaultraError):
    """Your role does not allow this. Ask an owner or an admin of the business."""

    code = "not_permitted"


class RateLimitedError(VaultraError):
    """You have asked too often. Wait a moment and send the same request again."""

    code = "rate_limited"

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Take after how many seconds the same request would be granted."""
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class NotFoundError(VaultraError):
    """There is no such thing here. Check the identifier."""

    code = "not_found"


class ConflictError(VaultraError):
    """That does not fit the present state. Reload and try again."""

    code = "conflict"


class RunActiveError(ConflictError):
    """This conversation is still answering. Wait for it, cancel it, or send whenBusy=enqueue."""

    code = "run_active"


class RunIdReusedError(ConflictError):
    """This run id was used with another body. Use a new run id for a new message."""

    code = "run_id_reused"


class ApprovalPendingError(ConflictError):
    """This conversation waits for an approval. Answer it, or cancel the run that asks."""

    code = "approval_pending"


class ApprovalDecidedError(ConflictError):
    """This approval was answered already. Reload to see what came of it."""

    code = "approval_decided"


class ApprovalExpiredError(ConflictError):
    """This approval has expired. Ask for the same again."""

    code = "approval_expired"


class ApprovalStaleError(ConflictError):
    """What this was approved upon has changed since. Look again, and ask again."""

    code = "approval_stale"


class NoDataError(VaultraError):
    """There is no data for this yet. Connect Stripe and sync first."""

    code = "no_data"


class EventsExpiredError(VaultraError):
    """The events of this run were pruned. Read the conversation's messages instead."""

    code = "events_expired"


class ToolTimeoutError(VaultraError):
    """The tool took too long. Ask for less at a time."""

    code = "tool_timeout"


class ToolResultTooLargeError(VaultraError):
    """The result is too large to read. Ask for fewer months or metrics at a time."""

    code = "tool_result_too_large"


class ConfigurationError(VaultraError):
    """The service is not set up. Run vaultra doctor."""

    code = "configuration"


class DatabaseError(ConfigurationError):
    """The database cannot be used. Check DATABASE_URL, then run vaultra migrate."""

    code = "database_unavailable"


class ExternalServiceError(VaultraError):
    """Another service did not answer as it should. Try again in a minute."""

    code = "external_service"


class StripeError(ExternalServiceError):
    """Stripe did not answer as it should. Try the sync again in a minute."""

    code = "stripe_error"


class StripeKeyError(StripeError):
    """Stripe refused the key. Reconnect the account with a new restricted key."""

    code = "stripe_key_refused"


class StripePermissionError(StripeError):
    """The Stripe key lacks a permission. Add the named permission to the restricted key."""

    code = "stripe_permission_missing"


class ModelError(ExternalServiceError):
    """The model provider did not answer as it should. Try again in a minute."""

    code = "model_error"


class ModelUnavailableError(ModelError):
    """The model provider cannot answer at present. Try again in a minute."""

    code = "model_unavailable"

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        """Take how many seconds the provider asks to wait, if it says."""
        super().__init__(message)
        self.retry_after = retry_after


class BudgetUsedUpError(ModelUnavailableError):
    """Today's budget for the language model is used up. It starts again at 00:00 UTC."""

    code = "budget_used_up"
