"""Connecting by a restricted key: what it may read is tried first, and told; and parting again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.engine import URL

from domain.access import Role
from integrations.stripe.resources import ACCOUNT_PERMISSION, PERMISSIONS, RESOURCES
from sandbox.stripe.faults import Faults
from tests.api.problems import assert_problem
from tests.api.stripe_steps import Stripe, opened
from tests.integrations.stripe.ledgers import KEY

OTHER_KEY = "rk_test_another_key"
WEAK_KEY = "rk_test_that_may_read_little"
SECRET_KEY = "sk_test_0123456789abcdefghij"


def _granted(*missing: str) -> list[str]:
    return [permission for permission in PERMISSIONS if permission not in missing]


async def _assert_nothing_stored(stripe: Stripe) -> None:
    assert (await stripe.service.rows())["integration_accounts"] == 0


async def test_connection_shows_the_account_and_nothing_of_the_key(
    database_url: URL, logs: list[Any]
) -> None:
    async with opened(database_url) as stripe:
        response = await stripe.connect()
        assert response.status_code == 201, response.text
        answer = response.json()
        assert (answer["status"], answer["auth"]) == ("active", "restricted_key")
        assert answer["missing_permissions"] == []
        assert await stripe.shown() == answer
        assert await stripe.token() == KEY
        assert KEY not in response.text + await stripe.dump() + repr(logs)


async def test_every_list_is_tried_once_and_at_the_same_time(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        stripe.sandbox.api.faults = Faults(latency_ms=1_000)
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert (await stripe.connect()).status_code == 201
        # One after the other, they would take a second each.
        assert loop.time() - started < len(RESOURCES) / 2
        assert set(stripe.sandbox.api.traffic.values()) == {1}
        assert len(stripe.sandbox.api.traffic) == len(RESOURCES) + 1


async def test_permission_that_can_be_done_without_is_recorded_and_shown(
    database_url: URL,
) -> None:
    missing = ["rak_customer_read", "rak_payout_read"]
    async with opened(database_url, keys={KEY: _granted(*missing)}) as stripe:
        response = await stripe.connect()
        assert response.status_code == 201, response.text
        assert response.json()["missing_permissions"] == missing
        assert (await stripe.shown())["missing_permissions"] == missing


async def test_key_with_more_permissions_clears_what_was_missing(database_url: URL) -> None:
    keys = {KEY: _granted("rak_customer_read"), OTHER_KEY: None}
    async with opened(database_url, keys=keys) as stripe:
        await stripe.connect()
        await stripe.connect(OTHER_KEY)
        assert (await stripe.shown())["missing_permissions"] == []
        assert await stripe.token() == OTHER_KEY


@pytest.mark.parametrize(
    "required",
    [
        "rak_charge_read",
        "rak_dispute_read",
        "rak_balance_transaction_source_read",
        ACCOUNT_PERMISSION,
    ],
)
async def test_missing_permission_that_nothing_works_without_refuses_with_all_names(
    database_url: URL, required: str
) -> None:
    async with opened(database_url, keys={KEY: _granted(required, "rak_payout_read")}) as stripe:
        problem = assert_problem(await stripe.connect(), 502, "stripe_permission_missing")
        assert required in problem["detail"]
        assert "rak_payout_read" in problem["detail"]
        assert "dashboard" in problem["hint"]
        await _assert_nothing_stored(stripe)


async def test_key_that_stripe_refuses_is_not_stored(database_url: URL, logs: list[Any]) -> None:
    async with opened(database_url) as stripe:
        response = await stripe.connect(OTHER_KEY)
        assert_problem(response, 502, "stripe_key_refused")
        await _assert_nothing_stored(stripe)
        assert OTHER_KEY not in response.text + repr(logs)


async def test_secret_key_is_refused_with_the_way_to_a_restricted_one(
    database_url: URL, logs: list[Any]
) -> None:
    async with opened(database_url, keys=[SECRET_KEY]) as stripe:
        response = await stripe.connect(SECRET_KEY)
        problem = assert_problem(response, 422, "invalid_input")
        assert "can move money" in problem["detail"]
        assert "restricted key" in problem["hint"]
        assert not stripe.sandbox.api.traffic
        await _assert_nothing_stored(stripe)
        assert SECRET_KEY not in response.text + repr(logs)


async def test_viewer_may_neither_connect_nor_disconnect(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        viewer = await stripe.service.add_member(Role.VIEWER)
        assert_problem(await stripe.connect(user_id=viewer), 403, "not_permitted")
        assert not stripe.sandbox.api.traffic
        await stripe.connect()
        assert await stripe.disconnect(viewer) == 403
        assert await stripe.token() == KEY


async def test_role_that_is_lost_while_stripe_is_asked_connects_nothing(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        admin = await stripe.service.add_member(Role.ADMIN)
        stripe.sandbox.api.faults = Faults(latency_ms=2_000)
        asked = asyncio.create_task(stripe.connect(user_id=admin))
        # The sandbox counts requests, and tells nobody.
        while not stripe.sandbox.api.traffic:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await stripe.service.execute(
            "UPDATE user_business_memberships SET role = 'viewer' WHERE user_id = :id", id=admin
        )
        assert_problem(await asked, 403, "not_permitted")
        await _assert_nothing_stored(stripe)


async def test_admin_disconnects_and_the_token_is_gone(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        admin = await stripe.service.add_member(Role.ADMIN)
        await stripe.connect()
        assert await stripe.disconnect(admin) == 204
        assert await stripe.token() is None
        assert (await stripe.shown())["status"] == "revoked"
        syncs = await stripe.service.client.post(
            f"{stripe.service.business}/integrations/stripe/syncs"
        )
        assert_problem(syncs, 502, "stripe_key_refused")


async def test_disconnecting_twice_is_as_good_as_once(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        await stripe.connect()
        assert [await stripe.disconnect(), await stripe.disconnect()] == [204, 204]


async def test_nothing_connected_cannot_be_disconnected(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        assert await stripe.disconnect() == 404


async def test_account_can_be_connected_again(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        first = (await stripe.connect()).json()
        await stripe.disconnect()
        again = await stripe.connect()
        assert again.status_code == 201, again.text
        assert (again.json()["id"], again.json()["status"]) == (first["id"], "active")
        assert await stripe.token() == KEY


async def test_events_that_lacked_a_permission_are_tried_again_with_a_new_key(
    database_url: URL,
) -> None:
    async with opened(database_url) as stripe:
        await stripe.connect()
        await stripe.service.execute(
            "WITH event AS (INSERT INTO stripe_events"
            " (integration_id, stripe_event_id, event_type, payload)"
            " SELECT id, 'evt_1', 'payout.paid', '{}' FROM integration_accounts RETURNING id)"
            " INSERT INTO stripe_event_failures"
            " (event_id, attempts, error_code, error_message, set_aside_at)"
            " SELECT id, 1, 'stripe_permission_missing', 'rak_payout_read', now() FROM event"
        )
        await stripe.connect()
        assert (await stripe.service.rows())["stripe_event_failures"] == 0


async def test_account_of_another_business_is_refused_until_it_is_free(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        other = await stripe.other_shop()
        await stripe.connect()
        problem = assert_problem(await stripe.connect(shop=other), 409, "conflict")
        assert "another business" in problem["detail"]
        await stripe.disconnect()
        assert (await stripe.connect(shop=other)).status_code == 201
        assert_problem(await stripe.connect(), 409, "conflict")


async def test_of_two_businesses_at_once_one_gets_the_account(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        other = await stripe.other_shop()
        answers = await asyncio.gather(stripe.connect(), stripe.connect(shop=other))
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        assert (await stripe.service.rows())["integration_accounts"] == 1
