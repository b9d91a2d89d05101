"""Trying a key or token before it is stored: of what kind it is, and what it may read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from domain.errors import InvalidInputError, StripePermissionError
from integrations.stripe.gateway import StripeAccount, StripeGateway
from integrations.stripe.resources import (
    ACCOUNT_PERMISSION,
    PERMISSIONS,
    REQUIRED,
    RESOURCES,
    Resource,
)

_RESTRICTED_KEY = re.compile(r"rk_(?:test|live)_[A-Za-z0-9_]+")
# The dashboard fills its form from these parameters; without them the page works just as well.
_KEY_PAGE = "https://dashboard.stripe.com/apikeys/create?" + urlencode(
    [("name", "Vaultra"), *(("permissions[]", permission) for permission in PERMISSIONS)]
)
HOW_TO_MAKE_A_KEY = (
    f"Make a restricted key with these read permissions: {', '.join(PERMISSIONS)}. In the Stripe "
    f"dashboard: Developers, API keys, Create restricted key, or {_KEY_PAGE}"
)
_PERMISSION = re.compile(r"\brak_[a-z_]+")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Inspected:
    """An account whose key or token was tried; `missing` are permissions that it can do without."""

    account: StripeAccount
    missing: tuple[str, ...]


def require_restricted_key(text: str) -> str:
    """Return the key without blanks around it; raise InvalidInputError if it is not an `rk_` one.

    A secret key (`sk_…`) could move money; we want none in our database.
    """
    key = text.strip()
    if _RESTRICTED_KEY.fullmatch(key):
        return key
    if key.startswith("sk_"):
        problem = "A secret key can move money, so it is not accepted. It was not stored."
    else:
        problem = "This is not a restricted Stripe key, which starts with rk_live_ or rk_test_."
    raise InvalidInputError(problem, hint=HOW_TO_MAKE_A_KEY)


async def inspect_account(gateway: StripeGateway) -> Inspected:
    """Return the account after reading one item of each list, all at once.

    Raise StripePermissionError that names every permission the key lacks, if one of them is for
    what no sync can do without; StripeKeyError if the key is refused. Holds no database session:
    call it before `connect_stripe`.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            account = tasks.create_task(_if_permitted(gateway.account()))
            pages = {
                resource: tasks.create_task(_if_permitted(gateway.list_page(resource, limit=1)))
                for resource in RESOURCES
            }
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    found, denied = account.result(), {r: page.result() for r, page in pages.items()}
    missing = {r: _named(r, e) for r, e in denied.items() if isinstance(e, StripePermissionError)}
    permissions = tuple(dict.fromkeys(missing.values()))
    if isinstance(found, StripePermissionError):
        raise _lacking((ACCOUNT_PERMISSION, *permissions))
    if any(resource in missing for resource in REQUIRED):
        raise _lacking(permissions)
    return Inspected(found, permissions)


async def _if_permitted(reading: Awaitable[T]) -> T | StripePermissionError:
    try:
        return await reading
    except StripePermissionError as error:
        return error


def _named(resource: Resource[Any], error: StripePermissionError) -> str:
    """Return the permission that Stripe names: a list may need a second one."""
    named = _PERMISSION.search(error.hint or "")
    return named[0] if named else resource.permission


def _lacking(permissions: Sequence[str]) -> StripePermissionError:
    return StripePermissionError(
        f"The Stripe key lacks: {', '.join(permissions)}. Nothing was stored.",
        hint=f"Add them to the key, for reading. {HOW_TO_MAKE_A_KEY}",
    )
