"""Who may ask for what: accounts, their keys, a Connect platform and what OAuth granted it."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import hdrs, web

from domain.errors import InvalidInputError
from sandbox.stripe import wire
from sandbox.stripe.facts import Shop
from sandbox.stripe.ledger import Ledger

Keys = Iterable[str] | Mapping[str, Collection[str] | None]
Scope = Literal["read_only", "read_write"]

_KEY = re.compile(r"(?:sk|rk)_(test|live)_\w+")


@dataclass(frozen=True)
class Account:
    """A Stripe account to serve: its ledger and the keys that open it.

    `keys` are `rk_…` or `sk_…` keys of the shop's mode: a plain iterable grants everything, a
    mapping gives each key its `rak_…` permissions (None: all).
    """

    ledger: Ledger
    keys: Keys = ()


@dataclass(frozen=True)
class Platform:
    """A Connect platform: the application that accounts may connect to by OAuth.

    `redirect_uris` are the addresses it registered; None takes any on this computer. The
    platform is an account itself, one without business.
    """

    client_id: str = "ca_sandbox"
    secret_key: str = field(default="sk_test_platform", repr=False)
    redirect_uris: tuple[str, ...] | None = None
    account_id: str = "acct_1SandboxPlatform01"
    name: str = "Sandbox Platform"

    @property
    def livemode(self) -> bool:
        """Whether it works on live data."""
        return self.secret_key.startswith("sk_live_")

    def account(self) -> Account:
        """Return the platform's own account."""
        shop = Shop(account_id=self.account_id, name=self.name, livemode=self.livemode)
        return Account(Ledger.from_facts(shop=shop), keys=(self.secret_key,))


@dataclass(frozen=True, slots=True)
class Grant:
    """What an account allowed the platform; the tokens work until it is deauthorized."""

    account_id: str
    scope: Scope
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and for which account's objects; `permissions` None means all."""

    key: str = field(repr=False)
    ledger: Ledger = field(repr=False)
    permissions: frozenset[str] | None = None
    read_only: bool = False

    @property
    def account_id(self) -> str:
        """The account whose objects are asked for."""
        return self.ledger.shop.account_id

    def require(self, permission: str) -> None:
        """Raise ApiError (403) without the permission; writing includes reading."""
        if self.read_only and not permission.endswith("_read"):
            raise wire.read_only_access(self.account_id)
        if self.permissions is None:
            return
        writing = re.sub("_read$", "_write", permission)
        if not self.permissions & {permission, writing}:
            raise wire.permission_needed(self.key, self.account_id, permission)


class Accounts:
    """The accounts of one sandbox, by key, and the OAuth grants between them."""

    def __init__(self, accounts: Sequence[Account], platform: Platform | None) -> None:
        """Raise InvalidInputError for ids or keys that repeat or that Stripe cannot have made."""
        self.platform = platform
        own = [platform.account()] if platform else []
        self.ledgers: dict[str, Ledger] = {}
        self._callers: dict[str, Caller] = {}
        self._grants: dict[str, list[Grant]] = {}
        for account in (*accounts, *own):
            account_id = account.ledger.shop.account_id
            if account_id in self.ledgers:
                raise InvalidInputError(f"Two accounts are called {account_id}. Rename one.")
            self.ledgers[account_id] = account.ledger
            self._add_keys(account)

    @property
    def businesses(self) -> list[Ledger]:
        """The ledgers of all accounts but the platform, in the order given."""
        own = self.platform.account_id if self.platform else None
        return [ledger for name, ledger in self.ledgers.items() if name != own]

    def caller(self, request: web.Request) -> Caller:
        """Return who asks for what; raise ApiError as Stripe would refuse it."""
        key = presented_key(request.headers.get(hdrs.AUTHORIZATION, ""))
        if key is None:
            raise wire.no_key()
        caller = self._callers.get(key)
        if caller is None:
            raise wire.unknown_key(key)
        wanted = request.headers.get("Stripe-Account") or request.headers.get("Stripe-Context")
        if request.path.startswith("/v1/accounts/"):
            wanted = request.match_info["id"]
        if wanted is None or wanted == caller.account_id:
            return caller
        return self._connected(caller, wanted)

    @property
    def connectable(self) -> list[Ledger]:
        """The ledgers of the accounts that may connect to the platform: those of its mode."""
        mode = self.platform is not None and self.platform.livemode
        return [ledger for ledger in self.businesses if ledger.shop.livemode == mode]

    def connected(self, account_id: str) -> bool:
        """Tell whether the account is connected to the platform."""
        return bool(self._grants.get(account_id))

    def connect(
        self,
        account_id: str,
        scope: Scope,
        *,
        code: str | None = None,
        refresh_token: str | None = None,
    ) -> Grant:
        """Let the platform into the account; return the grant, whose access token is new."""
        ledger = self.ledgers[account_id]
        mode = "live" if ledger.shop.livemode else "test"
        token = f"sk_{mode}_{secrets.token_hex(24)}"
        refresher = refresh_token or f"rt_{secrets.token_hex(24)}"
        grant = Grant(account_id, scope, token, refresher, code)
        self._callers[token] = Caller(token, ledger, read_only=scope == "read_only")
        self._grants.setdefault(account_id, []).append(grant)
        return grant

    def find_grant(self, refresh_token: str) -> Grant | None:
        """Return the first grant with the refresh token."""
        grants = (grant for several in self._grants.values() for grant in several)
        return next((grant for grant in grants if grant.refresh_token == refresh_token), None)

    def disconnect(self, account_id: str, *, code: str | None = None) -> None:
        """Take the platform's access away: all of it, or what one code gave."""
        kept: list[Grant] = []
        for grant in self._grants.pop(account_id, []):
            if code is not None and grant.code != code:
                kept.append(grant)
            else:
                del self._callers[grant.access_token]
        if kept:
            self._grants[account_id] = kept

    def revoke_key(self, key: str) -> None:
        """Make a key stop working, as an owner does who deletes it in the dashboard."""
        self._callers.pop(key, None)

    def _connected(self, caller: Caller, account_id: str) -> Caller:
        """Return the platform as a caller of the connected account."""
        platform = self.platform
        if platform is None or caller.key != platform.secret_key:
            raise wire.foreign_account(caller.key, account_id)
        scopes = {grant.scope for grant in self._grants.get(account_id, [])}
        if not scopes:
            raise wire.foreign_account(caller.key, account_id)
        read_only = scopes == {"read_only"}
        return Caller(caller.key, self.ledgers[account_id], read_only=read_only)

    def _add_keys(self, account: Account) -> None:
        keys, ledger = account.keys, account.ledger
        granted = keys if isinstance(keys, Mapping) else dict.fromkeys(keys)
        mode = "live" if ledger.shop.livemode else "test"
        for key, permissions in granted.items():
            match = _KEY.fullmatch(key)
            if match is None or match[1] != mode:
                expected = f"rk_{mode}_… or sk_{mode}_…"
                raise InvalidInputError(
                    f"{wire.redacted(key)!r} is no key of this shop: {expected}."
                )
            if key in self._callers:
                raise InvalidInputError(f"{wire.redacted(key)!r} opens two accounts. Change one.")
            allowed = None if permissions is None else frozenset(permissions)
            self._callers[key] = Caller(key, ledger, allowed)


def presented_key(authorization: str) -> str | None:
    """Return the key of a Bearer or Basic header, or None if there is none."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None
