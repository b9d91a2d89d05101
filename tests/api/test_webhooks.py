"""What Stripe sends is verified, stored once and queued; everything else is refused and counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.engine import URL

from tests.api.problems import assert_problem
from tests.api.stripe_steps import ACCOUNT, SECRET, WEBHOOKS, Stripe, event, opened, signed
from tests.databases import cloned_database
from tests.integrations.stripe.ledgers import KEY

shared_loop = pytest.mark.asyncio(loop_scope="module")
OLD_SECRET = "whsec_that_is_being_replaced"
MIB = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stripe(server_url: URL, template: str) -> AsyncIterator[Stripe]:
    """The service without a worker, connected by a key, with a secret and the one before it."""
    secrets = f"{SECRET},{OLD_SECRET}"
    async with (
        cloned_database(server_url, template) as url,
        opened(url, STRIPE_WEBHOOK_SECRET=secrets) as steps,
    ):
        await steps.connected()
        yield steps


async def _assert_refused(
    stripe: Stripe,
    body: dict[str, Any] | bytes,
    headers: dict[str, str] | None = None,
    *,
    reason: str,
) -> dict[str, Any]:
    """Check that a delivery is refused with 400, counted once, and leaves nothing behind."""
    before, counted = await stripe.service.rows(), await stripe.refused()
    problem = assert_problem(await stripe.deliver(body, headers), 400, "webhook_refused")
    assert problem["reason"] == reason
    assert await stripe.service.rows() == before
    assert await stripe.refused() == {**counted, reason: counted.get(reason, 0) + 1}
    return problem


async def _stored(stripe: Stripe, sent: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await stripe.service.query(
        "SELECT to_jsonb(e) FROM stripe_events e WHERE stripe_event_id = :id", id=sent["id"]
    )
    return found


@shared_loop
async def test_event_is_stored_and_acknowledged_before_any_work(stripe: Stripe) -> None:
    sent = event()
    response = await stripe.deliver(sent)
    assert (response.status_code, response.json()) == (200, {"outcome": "stored"})
    stored = await _stored(stripe, sent)
    assert (stored["event_type"], stored["processed_at"]) == ("charge.refunded", None)
    payload = stored["payload"]
    assert (payload["object"], payload["object_id"]) == ("charge", "ch_3Small00001")
    assert (payload["created"], payload["livemode"]) == (sent["created"], False)


@shared_loop
async def test_events_of_one_account_queue_one_job(stripe: Stripe) -> None:
    for _ in range(3):
        assert (await stripe.deliver(event())).status_code == 200
    queued = "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'stripe_events'"
    assert await stripe.service.query(queued) == 1


@shared_loop
async def test_nothing_personal_of_an_event_is_kept(stripe: Stripe, logs: list[Any]) -> None:
    assert (await stripe.deliver(event())).status_code == 200
    kept = await stripe.dump() + repr(logs)
    assert "canary" not in kept.lower()
    assert SECRET not in kept


@shared_loop
async def test_same_delivery_again_stores_nothing(stripe: Stripe) -> None:
    body = json.dumps(event()).encode()
    headers = signed(body)
    outcomes = [(await stripe.deliver(body, headers)).json()["outcome"] for _ in range(3)]
    assert outcomes == ["stored", "duplicate", "duplicate"]


@shared_loop
async def test_same_delivery_many_times_at_once_is_stored_once(stripe: Stripe) -> None:
    body = json.dumps(event()).encode()
    answers = await asyncio.gather(*(stripe.deliver(body) for _ in range(8)))
    outcomes = sorted(answer.json()["outcome"] for answer in answers)
    assert outcomes == ["duplicate"] * 7 + ["stored"]


@shared_loop
async def test_delivery_signed_with_the_old_secret_is_taken_while_rotating(stripe: Stripe) -> None:
    body = json.dumps(event()).encode()
    assert (await stripe.deliver(body, signed(body, secret=OLD_SECRET))).status_code == 200


@shared_loop
@pytest.mark.parametrize("secret", ["whsec_of_somebody_else", "", " ", KEY], ids=repr)
async def test_signature_of_another_secret_is_refused(stripe: Stripe, secret: str) -> None:
    body = json.dumps(event()).encode()
    await _assert_refused(stripe, body, signed(body, secret=secret), reason="bad_signature")


@shared_loop
async def test_changed_body_is_refused(stripe: Stripe) -> None:
    body = json.dumps(event()).encode()
    changed = body.replace(b"ch_3Small00001", b"ch_3Small00002")
    await _assert_refused(stripe, changed, signed(body), reason="bad_signature")


@shared_loop
async def test_body_written_anew_with_the_same_meaning_is_refused(stripe: Stripe) -> None:
    sent = event()
    written, anew = json.dumps(sent).encode(), json.dumps(sent, indent=2).encode()
    await _assert_refused(stripe, anew, signed(written), reason="bad_signature")


@shared_loop
@pytest.mark.parametrize("seconds", [301, 3_600, 90 * 86_400])
async def test_replayed_body_is_refused(stripe: Stripe, seconds: int) -> None:
    body = json.dumps(event()).encode()
    headers = signed(body, at=time.time() - seconds - 1)
    await _assert_refused(stripe, body, headers, reason="too_old")


@shared_loop
@pytest.mark.parametrize("seconds", [330, 3_600, 90 * 86_400])
async def test_timestamp_of_the_future_is_refused(stripe: Stripe, seconds: int) -> None:
    body = json.dumps(event()).encode()
    await _assert_refused(stripe, body, signed(body, at=time.time() + seconds), reason="in_future")


@shared_loop
@pytest.mark.parametrize("header", ["", "t=", "v1=00", "t=1,v0=00", "t=x,v1=00", "\xe4", "t=1,v1"])
async def test_header_that_is_no_signature_is_refused(stripe: Stripe, header: str) -> None:
    body = json.dumps(event()).encode()
    headers = httpx.Headers({"Stripe-Signature": header}, encoding="latin-1")
    before = await stripe.service.rows()
    response = await stripe.service.anonymous.post(WEBHOOKS, content=body, headers=headers)
    assert_problem(response, 400, "webhook_refused")
    assert await stripe.service.rows() == before


@shared_loop
async def test_delivery_without_a_signature_is_refused(stripe: Stripe) -> None:
    await _assert_refused(stripe, event(), {}, reason="no_signature")


@shared_loop
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b'{"object": "event"}', b"[" * 100_000]
)
async def test_signed_body_that_is_no_event_is_refused(stripe: Stripe, body: bytes) -> None:
    await _assert_refused(stripe, body, reason="unreadable")


@shared_loop
async def test_event_of_an_account_that_nobody_connected_is_refused(stripe: Stripe) -> None:
    sent = event(account="acct_1OfSomebodyElse0")
    await _assert_refused(stripe, sent, reason="unknown_account")


@shared_loop
async def test_event_that_names_the_connected_account_is_stored(stripe: Stripe) -> None:
    response = await stripe.deliver(event(account=ACCOUNT.id))
    assert response.json() == {"outcome": "stored"}


@shared_loop
@pytest.mark.parametrize("account", [None, ACCOUNT.id])
async def test_event_of_the_other_mode_is_acknowledged_and_not_stored(
    stripe: Stripe, account: str | None
) -> None:
    before = await stripe.service.rows()
    sent = event(livemode=True, **({"account": account} if account else {}))
    assert (await stripe.deliver(sent)).json() == {"outcome": "other_mode"}
    assert await stripe.service.rows() == before


@shared_loop
async def test_type_that_nobody_knows_is_acknowledged(stripe: Stripe) -> None:
    sent = event("v9.galaxy.created", data={"object": {"object": "galaxy"}})
    assert (await stripe.deliver(sent)).json() == {"outcome": "stored"}
    assert (await _stored(stripe, sent))["payload"].get("object_id") is None


async def _pieces(total: int, read: list[int]) -> AsyncIterator[bytes]:
    for start in range(0, total, 65_536):
        read.append(start)
        yield b" " * min(65_536, total - start)
        await asyncio.sleep(0)


@shared_loop
@pytest.mark.parametrize("size", [MIB + 1, 5 * MIB])
@pytest.mark.parametrize("chunked", [False, True])
async def test_body_over_1_mib_is_refused(stripe: Stripe, size: int, chunked: bool) -> None:
    before, counted = await stripe.service.rows(), await stripe.refused()
    content = _pieces(size, []) if chunked else b" " * size
    response = await stripe.service.anonymous.post(WEBHOOKS, content=content)
    assert "1 MiB" in assert_problem(response, 413, "body_too_large")["detail"]
    assert await stripe.service.rows() == before
    assert (await stripe.refused())["body_too_large"] == counted.get("body_too_large", 0) + 1


@shared_loop
async def test_endless_body_is_not_read_to_its_end(stripe: Stripe) -> None:
    counted, read = await stripe.refused(), list[int]()
    url = f"{stripe.service.url}{WEBHOOKS}"
    async with httpx.AsyncClient(timeout=60) as client:
        try:
            response = await client.post(url, content=_pieces(256 * MIB, read))
        except httpx.TransportError:
            # The answer came before all was sent; that it was not read on is what counts.
            pass
        else:
            assert response.status_code == 413
    assert len(read) * 65_536 < 32 * MIB
    assert (await stripe.refused())["body_too_large"] == counted.get("body_too_large", 0) + 1


@shared_loop
async def test_body_over_the_limit_of_other_routes_is_taken(stripe: Stripe) -> None:
    sent = event()
    sent["data"]["object"]["description"] = "x" * (MIB - len(json.dumps(sent)) - 30)
    assert len(json.dumps(sent)) > 900_000
    assert (await stripe.deliver(sent)).json() == {"outcome": "stored"}


async def test_without_a_secret_nothing_is_taken(database_url: URL) -> None:
    async with opened(database_url) as stripe:
        await stripe.connected()
        before = await stripe.service.rows()
        body = json.dumps(event()).encode()
        for headers in (signed(body), signed(body, secret=""), {}):
            problem = assert_problem(await stripe.deliver(body, headers), 404, "webhook_refused")
            assert "STRIPE_WEBHOOK_SECRET" in problem["detail"]
        assert await stripe.service.rows() == before
        assert await stripe.refused() == {"no_secret": 3}


@pytest.mark.parametrize("configured", [",", f"{SECRET},", " , "])
async def test_empty_secret_among_others_opens_nothing(database_url: URL, configured: str) -> None:
    async with opened(database_url, STRIPE_WEBHOOK_SECRET=configured) as stripe:
        await stripe.connected()
        before = await stripe.service.rows()
        body = json.dumps(event()).encode()
        response = await stripe.deliver(body, signed(body, secret=""))
        problem = assert_problem(response, 503, "configuration")
        assert "STRIPE_WEBHOOK_SECRET" in problem["detail"]
        assert await stripe.service.rows() == before


async def test_unnamed_account_is_not_guessed_among_several(database_url: URL) -> None:
    async with opened(database_url, STRIPE_WEBHOOK_SECRET=SECRET) as stripe:
        await _assert_refused(stripe, event(), reason="unknown_account")
        await stripe.connected()
        assert (await stripe.deliver(event())).json() == {"outcome": "stored"}
        await _second_connection(stripe)
        await _assert_refused(stripe, event(), reason="ambiguous_account")
        assert (await stripe.deliver(event(account=ACCOUNT.id))).json() == {"outcome": "stored"}


async def _second_connection(stripe: Stripe) -> None:
    """Connect another business to another account, by a key, behind the service's back."""
    other = await stripe.other_shop()
    await stripe.service.execute(
        "INSERT INTO integration_accounts (business_id, provider, external_id, metadata)"
        " SELECT :id, provider, 'acct_1Another00000001', metadata FROM integration_accounts",
        id=other.business_id,
    )


async def test_event_goes_to_the_business_of_its_account(database_url: URL) -> None:
    async with opened(database_url, STRIPE_WEBHOOK_SECRET=SECRET) as stripe:
        await stripe.connected()
        await _second_connection(stripe)
        sent = event(account="acct_1Another00000001")
        assert (await stripe.deliver(sent)).status_code == 200
        owner = "SELECT external_id FROM integration_accounts WHERE id = :id"
        found = await _stored(stripe, sent)
        owned_by = await stripe.service.query(owner, id=found["integration_id"])
        assert owned_by == "acct_1Another00000001"


async def test_event_of_a_disconnected_account_is_acknowledged(database_url: URL) -> None:
    async with opened(database_url, STRIPE_WEBHOOK_SECRET=SECRET) as stripe:
        await stripe.connected()
        path = f"{stripe.service.business}/integrations/stripe"
        assert (await stripe.service.client.delete(path)).status_code == 204
        before = await stripe.service.rows()
        assert (await stripe.deliver(event())).json() == {"outcome": "disconnected"}
        assert await stripe.service.rows() == before


def _deauthorized(created: float) -> dict[str, Any]:
    application = {"id": "ca_1", "object": "application", "name": "Vaultra"}
    return event(
        "account.application.deauthorized",
        account=ACCOUNT.id,
        created=int(created),
        data={"object": application},
    )


async def _note(stripe: Stripe, **metadata: str | int) -> None:
    """Note something of the connection."""
    await stripe.service.execute(
        "UPDATE integration_accounts SET metadata = metadata || CAST(:more AS jsonb)",
        more=json.dumps(metadata),
    )


@pytest.mark.parametrize(
    ("auth", "seconds", "outcome", "status"),
    [
        ("oauth", 5, "revoked", "revoked"),
        # It is about a grant that was replaced since.
        ("oauth", -3600, "duplicate", "active"),
        # It is about the grant, not about the key.
        ("restricted_key", 5, "stored", "active"),
    ],
)
async def test_deauthorization_revokes_the_grant_it_is_about(
    database_url: URL, auth: str, seconds: int, outcome: str, status: str
) -> None:
    async with opened(database_url, STRIPE_WEBHOOK_SECRET=SECRET) as stripe:
        await stripe.connected()
        await _note(stripe, auth=auth)
        response = await stripe.deliver(_deauthorized(time.time() + seconds))
        assert response.json() == {"outcome": outcome}
        found = await stripe.service.query("SELECT to_jsonb(a) FROM integration_accounts a")
        assert found["status"] == status
        assert (found["access_token_encrypted"] is None) == (status == "revoked")


async def test_deauthorization_in_the_second_of_its_grant_revokes_it(database_url: URL) -> None:
    """Which came first cannot be told: a token that may have been taken back is not kept."""
    at = int(time.time())
    async with opened(database_url, STRIPE_WEBHOOK_SECRET=SECRET) as stripe:
        await stripe.connected()
        await _note(stripe, auth="oauth", authorized_at=at)
        response = await stripe.deliver(_deauthorized(at))
        assert response.json() == {"outcome": "revoked"}
