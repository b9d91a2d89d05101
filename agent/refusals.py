"""What a provider's refusal means: for whom to say it, and whether and when to ask again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from config.logs import get_logger
from domain.errors import ModelError, ModelUnavailableError

_logger = get_logger(__name__)
# The same request would be refused again.
_NEVER = {400, 413, 422}


def refused(status: int, headers: Mapping[str, str]) -> ModelError:
    """Return the error of an HTTP status: ModelUnavailableError where asking again may help."""
    _logger.warning("model.refused", status=status)
    if status in {401, 403}:
        return ModelError("The model provider refused the key. Check OPENAI_API_KEY.")
    if status == 404:
        return ModelError("The provider has no such model. Check VAULTRA_MODEL.")
    if status in _NEVER:
        return ModelError(
            f"The model provider answered {status}: it does not take this request. "
            "Ask for less at a time, or begin a new conversation."
        )
    after = patience(headers)
    if status == 429:
        message = "The model provider is over its limit. Try again in a minute."
        return ModelUnavailableError(message, retry_after=after)
    message = f"The model provider answered {status}. Try again in a minute."
    # The provider's own word on whether the same request may succeed later.
    hopeless = headers.get("x-should-retry") == "false"
    if (status >= 500 or status == 408) and not hopeless:
        return ModelUnavailableError(message, retry_after=after)
    return ModelError(message)


def patience(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds the provider wants to be left alone, None if it does not say."""
    exact, stated = headers.get("retry-after-ms"), headers.get("Retry-After")
    seconds = None if exact is None else _number(exact)
    if seconds is not None:
        return seconds / 1000
    return None if stated is None else _number(stated, _until(stated))


def _number(text: str, otherwise: float | None = None) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return otherwise
    return otherwise if math.isnan(number) else max(0.0, number)


def _until(text: str) -> float | None:
    """Return the seconds until a date as HTTP writes it (RFC 9110, 10.2.3), None if it is none."""
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
