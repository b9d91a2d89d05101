"""Every failure as `application/problem+json` (RFC 9457), its status from one table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from domain import errors

STATUSES: dict[type[errors.VaultraError], HTTPStatus] = {
    errors.InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotAuthenticatedError: HTTPStatus.UNAUTHORIZED,
    errors.NotPermittedError: HTTPStatus.FORBIDDEN,
    errors.RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.BudgetUsedUpError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.NoDataError: HTTPStatus.CONFLICT,
    errors.EventsExpiredError: HTTPStatus.GONE,
    errors.ConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ExternalServiceError: HTTPStatus.BAD_GATEWAY,
}
NOT_JSON = "The body is not valid JSON."
# What the framework refuses by itself; 400 where the body is no text, or nested too deeply.
FRAMEWORK_ERRORS = {
    400: ("malformed_json", NOT_JSON),
    404: ("unknown_route", "There is no such route. The routes are listed at /docs."),
    405: ("method_not_allowed", "This route does not take this method."),
}


def status_of(error: errors.VaultraError) -> HTTPStatus:
    """Return the status of the error's class, or of the nearest one above it."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(
    status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return a problem; members without a value are left out."""
    content = {
        "type": f"urn:vaultra:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **{name: value for name, value in more.items() if value},
    }
    if status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")


def internal_problem() -> JSONResponse:
    """Return the answer to a request that met a bug: nothing of it is told."""
    return problem(500, "internal", "Something went wrong on our side. Try again.")


def _on_vaultra_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.VaultraError)
    headers = {}
    if isinstance(error, errors.RateLimitedError) and error.retry_after is not None:
        # Whole seconds (RFC 9110), rounded up: a request that keeps to it is granted.
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return problem(status_of(error), error.code, error.message, headers=headers, hint=error.hint)


def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, detail = FRAMEWORK_ERRORS.get(error.status_code, ("http_error", str(error.detail)))
    return problem(error.status_code, code, detail, headers=error.headers)


def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # A field of the address is reported once by each dependency that reads it.
    messages = {
        ".".join(str(part) for part in item["loc"]): _message(item) for item in error.errors()
    }
    fields = [{"field": field, "message": message} for field, message in messages.items()]
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return problem(400, "malformed_json", NOT_JSON, fields=fields)
    return problem(422, "invalid_input", "Some fields are missing or wrong.", fields=fields)


def _message(item: Mapping[str, Any]) -> str:
    """Return what is wrong without the input itself: it may hold what should not be repeated."""
    if item["type"] == "union_tag_invalid":
        context = item["ctx"]
        return f"Input should have as {context['discriminator']} one of {context['expected_tags']}"
    return str(item["msg"])


def install(app: FastAPI) -> None:
    """Answer every failure that the application foresees as a problem."""
    app.add_exception_handler(errors.VaultraError, _on_vaultra_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
