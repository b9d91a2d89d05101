"""Every failure as `application/problem+json` (RFC 9457), its status from one table."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from config.logs import get_logger
from domain import errors

STATUSES: dict[type[errors.VaultraError], HTTPStatus] = {
    errors.InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotAuthenticatedError: HTTPStatus.UNAUTHORIZED,
    errors.NotPermittedError: HTTPStatus.FORBIDDEN,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.NoDataError: HTTPStatus.CONFLICT,
    errors.EventsExpiredError: HTTPStatus.GONE,
    errors.ConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ExternalServiceError: HTTPStatus.BAD_GATEWAY,
}
_logger = get_logger(__name__)


def status_of(error: errors.VaultraError) -> HTTPStatus:
    """Return the status of the error's class, or of the nearest one above it."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """Return a problem; members without a value are left out."""
    content = {
        "type": f"urn:vaultra:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **{name: value for name, value in more.items() if value},
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")


def _on_vaultra_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.VaultraError)
    return problem(status_of(error), error.code, error.message, hint=error.hint)


def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: "unknown_route", 405: "method_not_allowed"}
    details = {
        404: "There is no such route. The routes are listed at /docs.",
        405: "This route does not take this method.",
    }
    code = codes.get(error.status_code, "http_error")
    return problem(error.status_code, code, details.get(error.status_code, str(error.detail)))


def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # The input itself stays out: it may hold what should not be repeated.
    fields = [
        {"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"]}
        for item in error.errors()
    ]
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return problem(400, "malformed_json", "The body is not valid JSON.", fields=fields)
    return problem(422, "invalid_input", "Some fields are missing or wrong.", fields=fields)


def _on_bug(request: Request, error: Exception) -> Response:
    _logger.error("request.failed", path=request.url.path, exc_info=error)
    return problem(500, "internal", "Something went wrong on our side. Try again.")


def install(app: FastAPI) -> None:
    """Answer every failure of the application as a problem."""
    app.add_exception_handler(errors.VaultraError, _on_vaultra_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(Exception, _on_bug)
