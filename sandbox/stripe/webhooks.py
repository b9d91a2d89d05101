"""Webhook endpoints: where an account wants its events sent, and the secrets they are signed by."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from sandbox.stripe import wire
from sandbox.stripe.calls import Call
from sandbox.stripe.params import read_expand, read_list
from sandbox.stripe.render import Json
from sandbox.stripe.table import cut_page

READ_PERMISSION, WRITE_PERMISSION = "rak_webhook_read", "rak_webhook_write"
PATH = "/v1/webhook_endpoints"

_EVENT_TYPE = re.compile(r"\*|[a-z0-9_]+(?:\.[a-z0-9_]+)+")
_NAME = re.compile(r"(\w+)(?:\[([^\]]*)\])?")
_FIELDS = {"url", "enabled_events", "connect", "api_version", "description", "metadata"}
# Stripe hands these to endpoints of the application only (docs.stripe.com/api/events/types).
_OF_APPLICATION = "account.application."


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """One address; `secrets` sign its deliveries, the newest first."""

    id: str
    account_id: str
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    created: int
    livemode: bool
    enabled_events: tuple[str, ...] = ("*",)
    connect: bool = False
    application: str | None = None
    api_version: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    enabled: bool = True

    def wants(self, event_type: str) -> bool:
        """Tell whether events of the type go here."""
        if not self.enabled:
            return False
        if event_type.startswith(_OF_APPLICATION) and not self.connect:
            return False
        return not {"*", event_type}.isdisjoint(self.enabled_events)

    def to_json(self) -> Json:
        """Return Stripe's object; the secret is told at creation only."""
        return {
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": self.application,
            "created": self.created,
            "description": self.description,
            "enabled_events": list(self.enabled_events),
            "livemode": self.livemode,
            "metadata": self.metadata,
            "status": "enabled" if self.enabled else "disabled",
            "url": self.url,
        }


class WebhookEndpoints:
    """Every endpoint of every account, as the API makes and shows them."""

    def __init__(self, client_id: str | None) -> None:
        """Take the platform's client id, which its Connect endpoints carry."""
        self._client_id = client_id
        self._endpoints: dict[str, WebhookEndpoint] = {}

    def __len__(self) -> int:
        return len(self._endpoints)

    def add(self, account_id: str, url: str, *, created: int, **options: Any) -> WebhookEndpoint:
        """Register an endpoint; `options` are fields of WebhookEndpoint."""
        secret = options.pop("secret", None) or new_secret()
        endpoint = WebhookEndpoint(
            id=f"we_{secrets.token_hex(12)}",
            account_id=account_id,
            url=url,
            secrets=(secret,),
            created=created,
            **{"livemode": False, **options},
        )
        if endpoint.connect:
            endpoint = replace(endpoint, application=self._client_id)
        self._endpoints[endpoint.id] = endpoint
        return endpoint

    def of_account(self, account_id: str) -> list[WebhookEndpoint]:
        """Return the account's endpoints, oldest first."""
        endpoints = self._endpoints.values()
        return [endpoint for endpoint in endpoints if endpoint.account_id == account_id]

    def get(self, endpoint_id: str) -> WebhookEndpoint:
        """Return the endpoint as it is now; raise ApiError if there is none."""
        if endpoint_id not in self._endpoints:
            raise wire.missing_object("webhook_endpoint", endpoint_id)
        return self._endpoints[endpoint_id]

    def roll_secret(self, endpoint_id: str) -> str:
        """Add a new secret and return it; deliveries are signed by the old ones as well."""
        endpoint, secret = self.get(endpoint_id), new_secret()
        self._endpoints[endpoint_id] = replace(endpoint, secrets=(secret, *endpoint.secrets))
        return secret

    def expire_old_secrets(self, endpoint_id: str) -> None:
        """Sign by the newest secret alone from now on."""
        endpoint = self.get(endpoint_id)
        self._endpoints[endpoint_id] = replace(endpoint, secrets=endpoint.secrets[:1])

    def create(self, call: Call) -> Json:
        """Make an endpoint; the answer alone holds its secret."""
        given = _read_form(call.params, _FIELDS)
        for name in ("url", "enabled_events"):
            if not given.get(name):
                raise wire.missing_parameter(name)
        endpoint = self.add(
            call.caller.account_id,
            created=call.as_of // 1_000,
            livemode=call.ledger.shop.livemode,
            **given,
        )
        return endpoint.to_json() | {"secret": endpoint.secrets[0]}

    def list(self, call: Call) -> Json:
        """Return a page, newest first."""
        query = read_list(call.params, filters=(), expandable=())
        endpoints = self.of_account(call.caller.account_id)
        positions = {endpoint.id: position for position, endpoint in enumerate(endpoints)}
        cursors = {}
        for param in ("starting_after", "ending_before"):
            cursor = getattr(query, param)
            if cursor is not None and cursor not in positions:
                raise wire.missing_object("webhook_endpoint", cursor, param=param)
            cursors[param] = None if cursor is None else positions[cursor]
        page, has_more = cut_page(
            range(len(endpoints)),
            limit=query.limit,
            after=cursors["starting_after"],
            before=cursors["ending_before"],
        )
        rows = [endpoints[position].to_json() for position in page]
        return {"object": "list", "url": PATH, "has_more": has_more, "data": rows}

    def retrieve(self, call: Call) -> Json:
        """Return one of the account's endpoints."""
        read_expand(call.params, expandable=())
        return self._own(call).to_json()

    def update(self, call: Call) -> Json:
        """Change an endpoint's address, events, description, metadata or whether it is enabled."""
        given = _read_form(call.params, _FIELDS - {"connect", "api_version"} | {"disabled"})
        if "disabled" in given:
            given["enabled"] = not given.pop("disabled")
        endpoint = replace(self._own(call), **given)
        self._endpoints[endpoint.id] = endpoint
        return endpoint.to_json()

    def delete(self, call: Call) -> Json:
        """Remove an endpoint."""
        endpoint = self._own(call)
        del self._endpoints[endpoint.id]
        return {"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}

    def _own(self, call: Call) -> WebhookEndpoint:
        endpoint = self.get(call.path["id"])
        if endpoint.account_id != call.caller.account_id:
            raise wire.missing_object("webhook_endpoint", endpoint.id)
        return endpoint


def new_secret() -> str:
    """Return a signing secret in Stripe's form."""
    return f"whsec_{secrets.token_hex(16)}"


def _read_form(pairs: Iterable[tuple[str, str]], known: set[str]) -> dict[str, Any]:
    """Return the fields of a form with `name[0]` and `name[key]`; raise ApiError for others."""
    given: dict[str, Any] = {}
    for pair, value in pairs:
        match = _NAME.fullmatch(pair)
        if match is None or match[1] not in known:
            raise wire.unknown_parameter(pair)
        name = match[1]
        if name == "enabled_events":
            given[name] = (*given.get(name, ()), value)
        elif name == "metadata":
            given.setdefault(name, {})[match[2] or ""] = value
        else:
            given[name] = _read_value(name, value)
    _check_events(given.get("enabled_events", ()))
    return given


def _read_value(name: str, value: str) -> str | bool:
    if name in ("connect", "disabled"):
        if value not in ("true", "false"):
            message = f"Invalid boolean: {value}"
            raise wire.ApiError(400, message, code="parameter_invalid_boolean", param=name)
        return value == "true"
    if name == "url" and not _is_web_address(value):
        raise wire.invalid_url(name)
    return value


def _is_web_address(text: str) -> bool:
    address = urlsplit(text)
    return address.scheme in ("http", "https") and bool(address.hostname)


def _check_events(types: Sequence[str]) -> None:
    for position, event_type in enumerate(types):
        if not _EVENT_TYPE.fullmatch(event_type):
            param = f"enabled_events[{position}]"
            raise wire.ApiError(400, f"Invalid {param}: must be an event type or *", param=param)
