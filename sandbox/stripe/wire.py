"""Stripe's error answers: status, body and wording."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A request that Stripe refuses, with the answer it gives."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Keep what goes on the wire; `kind` is Stripe's error type."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body; fields that Stripe would leave out are absent."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code is not None:
            page = self.code.replace("_", "-")
            error |= {"code": self.code, "doc_url": f"https://stripe.com/docs/error-codes/{page}"}
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


def missing_object(kind: str, object_id: str, *, param: str = "id") -> ApiError:
    """Return the answer to an unknown id: 404 if asked for itself, 400 as a parameter."""
    return ApiError(
        404 if param == "id" else 400,
        f"No such {kind.replace('_', ' ')}: '{object_id}'",
        code="resource_missing",
        param=param,
    )


def invalid_integer(param: str, message: str) -> ApiError:
    """Return the answer to a number that is none, or is out of bounds."""
    return ApiError(400, message, code="parameter_invalid_integer", param=param)


def unknown_parameter(param: str) -> ApiError:
    """Return the answer to a parameter that the endpoint does not have."""
    return ApiError(
        400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param
    )


def empty_parameter(param: str) -> ApiError:
    """Return the answer to a parameter without a value."""
    message = (
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to "
        f"unset a parameter; however '{param}' cannot be unset. You should remove '{param}' "
        "from your request or supply a non-empty value."
    )
    return ApiError(400, message, code="parameter_invalid_empty", param=param)


def unrecognized_url(method: str, path: str) -> ApiError:
    """Return the answer to a path or method that the API does not have."""
    message = (
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we "
        "can help at https://support.stripe.com/."
    )
    return ApiError(404, message)


def no_key() -> ApiError:
    """Return the answer to a request without a key."""
    message = (
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
    )
    return ApiError(401, message, headers=_CHALLENGE)


def unknown_key(key: str) -> ApiError:
    """Return the answer to a key that does not exist."""
    return ApiError(401, f"Invalid API Key provided: {redacted(key)}", headers=_CHALLENGE)


def permission_needed(key: str, account_id: str, permission: str) -> ApiError:
    """Return the answer to a restricted key that lacks a permission."""
    message = (
        f"The provided key '{redacted(key)}' does not have the required permissions for this "
        f"endpoint on account '{account_id}'. Having the '{permission}' permission would allow "
        "this request to continue."
    )
    return ApiError(403, message)


def foreign_account(key: str, account_id: str) -> ApiError:
    """Return the answer to a key that asks for somebody else's account."""
    message = (
        f"The provided key '{redacted(key)}' does not have access to account '{account_id}' (or "
        "that account does not exist). Application access may have been revoked."
    )
    return ApiError(403, message, code="account_invalid")


def rate_limited(reason: str) -> ApiError:
    """Return the answer to one request too many; Stripe sends no Retry-After."""
    message = (
        "Request rate limit exceeded. You can learn more about rate limits here "
        "https://stripe.com/docs/rate-limits."
    )
    headers = {"Stripe-Rate-Limited-Reason": reason, "Stripe-Should-Retry": "false"}
    return ApiError(429, message, code="rate_limit", headers=headers)


def lock_timeout() -> ApiError:
    """Return the answer to a request for an object that another one holds."""
    message = (
        "This object cannot be accessed right now because another API request or Stripe process "
        "is currently accessing it. If you see this error intermittently, retry the request. If "
        "you see this error frequently and are making multiple concurrent requests to a single "
        "object, make your requests serially or at a lower rate. For more details, see "
        "https://stripe.com/docs/rate-limits#object-lock-timeouts."
    )
    return ApiError(429, message, code="lock_timeout", headers={"Stripe-Should-Retry": "true"})


def read_only_access(account_id: str) -> ApiError:
    """Return the answer to a write by an application that was granted `read_only`."""
    message = (
        "This application does not have the required permissions for this endpoint on account "
        f"'{account_id}'."
    )
    return ApiError(403, message)


def reused_idempotency_key(key: str) -> ApiError:
    """Return the answer to an idempotency key that comes with another request."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request."
    )
    return ApiError(400, message, kind="idempotency_error")


def missing_parameter(param: str) -> ApiError:
    """Return the answer to a request that lacks what it needs."""
    message = f"Missing required param: {param}."
    return ApiError(400, message, code="parameter_missing", param=param)


def invalid_url(param: str) -> ApiError:
    """Return the answer to a text that is no web address."""
    return ApiError(400, "Not a valid URL", code="url_invalid", param=param)


class OAuthError(ApiError):
    """What the OAuth routes refuse, in OAuth's own form (RFC 6749, section 5.2)."""

    def __init__(self, status: int, error: str, description: str) -> None:
        """Take the error's name, e.g. `invalid_grant`, and a sentence about it."""
        super().__init__(status, description, code=error)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return {"error": self.code, "error_description": self.message}


def server_failure() -> ApiError:
    """Return the answer of a Stripe that has trouble itself."""
    message = "An unknown error occurred. Please try again."
    return ApiError(500, message, kind="api_error")


def redacted(key: str) -> str:
    """Return the key as Stripe repeats it: its mode and last four characters at most."""
    if len(key) < 16:
        return "*" * len(key)
    return f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"


_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Stripe"'}
