"""OpenAI's error responses: the exception that becomes one, and the standard ones by status."""

from __future__ import annotations

from typing import Any

from domain.errors import InvalidInputError
from sandbox.model.script import Status


class RefusedError(InvalidInputError):
    """The request is not one that OpenAI would take. Read the message, it names the field."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        """Take what OpenAI's error object holds: message, param, code and its `type`."""
        super().__init__(message)
        self.status = status
        self.param = param
        self.reason = code
        self.kind = kind

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the response."""
        error = {"message": self.message, "type": self.kind, "param": self.param}
        return {"error": {**error, "code": self.reason}}


# (message, type, code) as https://platform.openai.com/docs/guides/error-codes lists them.
_STANDARD: dict[int, tuple[str, str, str | None]] = {
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request.", "server_error", None),
    503: ("The engine is currently overloaded, please try again later.", "server_error", None),
}


def scripted_refusal(step: Status) -> RefusedError:
    """Return the error response that a Status step asks for."""
    fallback = _STANDARD[500] if step.status >= 500 else ("Bad request.", "invalid_request_error")
    message, kind, *code = _STANDARD.get(step.status, fallback)
    return RefusedError(
        step.message or message,
        status=step.status,
        kind=kind,
        code=step.code or next(iter(code), None),
    )
