"""A webhook is believed if Stripe signed exactly this body, just now, with a secret of ours."""

import hashlib
import hmac
import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from hypothesis import assume, example, given
from hypothesis import strategies as st

from integrations.stripe import webhooks
from integrations.stripe.resources import Event
from integrations.stripe.webhooks import WebhookRefusedError, verify
from tests.integrations.stripe.documented import document, texts

NOW = 1_800_000_000
SECRET = "whsec_of_this_test"
PLAIN = {
    "id": "evt_1",
    "object": "event",
    "api_version": "2020-08-27",
    "created": NOW - 2,
    "livemode": False,
    "type": "charge.refunded",
    "data": {"object": {"id": "ch_1", "object": "charge", "created": NOW - 90}},
}
THIN = {
    "id": "evt_2",
    "object": "v2.core.event",
    "type": "v1.charge.refunded",
    "created": "2027-01-15T07:59:58.750Z",
    "livemode": True,
    "context": "acct_7",
    "related_object": {"id": "ch_7", "type": "charge", "url": "/v1/charges/ch_7"},
}


def sign(body: bytes, *, at: int = NOW, secret: str = SECRET, scheme: str = "v1") -> str:
    """Sign as docs.stripe.com/webhooks describes it, without Stripe's library."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},{scheme}={digest}"


def wire(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def accepted(body: bytes, signature: str | None, *secrets: str, now: int = NOW) -> Event:
    return verify(body, signature, secrets=secrets or [SECRET], now=now)


def refused(body: bytes, signature: str | None, *secrets: str, now: int = NOW) -> str:
    with pytest.raises(WebhookRefusedError) as caught:
        verify(body, signature, secrets=secrets or [SECRET], now=now)
    assert SECRET not in f"{caught.value!r}{caught.value.hint}"
    assert caught.value.__cause__ is None
    return caught.value.reason


def test_a_signed_event_names_its_object() -> None:
    body = wire(PLAIN)
    event = accepted(body, sign(body))
    assert (event.id, event.type, event.created, event.livemode) == (
        "evt_1",
        "charge.refunded",
        NOW - 2,
        False,
    )
    assert (event.data.object.object, event.data.object.id) == ("charge", "ch_1")
    assert (event.api_version, event.account) == ("2020-08-27", None)


def test_an_event_of_a_connected_account_names_it() -> None:
    body = wire(PLAIN | {"account": "acct_9"})
    assert accepted(body, sign(body)).account == "acct_9"


def test_a_refund_names_its_charge() -> None:
    refund = {"id": "re_1", "object": "refund", "charge": "ch_5"}
    body = wire(PLAIN | {"data": {"object": refund}})
    assert accepted(body, sign(body)).data.object.charge == "ch_5"


def test_nothing_personal_is_kept_of_an_event() -> None:
    body = wire(PLAIN | {"data": {"object": document(stripe.Charge)}, "request": {"id": "req_1"}})
    event = accepted(body, sign(body))
    kept = {event.data.object.id, event.data.object.charge}
    assert texts([value for value in kept if value]) == {"id"}
    assert "billing_details" not in repr(event)


def test_a_thin_event_is_an_event_about_its_related_object() -> None:
    body = wire(THIN)
    event = accepted(body, sign(body))
    assert event.created == int(datetime(2027, 1, 15, 7, 59, 58, tzinfo=UTC).timestamp())
    assert (event.type, event.account, event.livemode) == ("v1.charge.refunded", "acct_7", True)
    assert (event.data.object.object, event.data.object.id) == ("charge", "ch_7")


def test_a_thin_event_of_an_organisation_names_the_account_at_its_end() -> None:
    body = wire(THIN | {"context": "org_1/acct_8"})
    assert accepted(body, sign(body)).account == "acct_8"


def test_a_thin_event_about_nothing_is_about_itself() -> None:
    body = wire(THIN | {"related_object": None, "context": None})
    event = accepted(body, sign(body))
    assert (event.data.object.object, event.data.object.id) == ("v2.core.event", None)
    assert event.account is None


@pytest.mark.parametrize("age", [-300, -1, 0, 1, 300])
def test_five_minutes_either_way_are_near_enough(age: int) -> None:
    body = wire(PLAIN)
    assert accepted(body, sign(body, at=NOW - age)).id == "evt_1"


@pytest.mark.parametrize(("at", "reason"), [(NOW - 301, "too_old"), (NOW + 301, "in_future")])
def test_more_than_five_minutes_are_not(at: int, reason: str) -> None:
    body = wire(PLAIN)
    assert refused(body, sign(body, at=at)) == reason


def test_an_old_body_cannot_be_sent_again_under_a_new_time() -> None:
    body = wire(PLAIN)
    old = sign(body, at=NOW - 9_000)
    assert refused(body, old.replace(str(NOW - 9_000), str(NOW))) == "bad_signature"
    assert refused(body, f"t={NOW},{old}") == "bad_signature"
    assert refused(body, f"{old},t={NOW}") == "too_old"


@pytest.mark.parametrize("secrets", [["whsec_new", SECRET], [SECRET, "whsec_new"]])
def test_either_secret_signs_while_one_is_replaced(secrets: list[str]) -> None:
    body = wire(PLAIN)
    assert accepted(body, sign(body), *secrets).id == "evt_1"


def test_one_good_signature_among_several_is_enough() -> None:
    body = wire(PLAIN)
    good = sign(body)
    other = sign(body, secret="whsec_new").partition(",")[2]
    assert accepted(body, f"{good},{other}").id == "evt_1"


def test_a_signature_of_the_old_scheme_alone_is_refused() -> None:
    body = wire(PLAIN)
    assert refused(body, sign(body, scheme="v0")) == "bad_signature"


@pytest.mark.parametrize("secrets", [[], [""], [" \t"], [SECRET, ""], ["\n", SECRET]])
def test_an_empty_secret_refuses_everything(secrets: list[str]) -> None:
    body = wire(PLAIN)
    for secret in ["", *secrets]:
        with pytest.raises(WebhookRefusedError) as caught:
            verify(body, sign(body, secret=secret), secrets=secrets, now=NOW)
        assert caught.value.reason == "no_secret"


@pytest.mark.parametrize("signature", [None, ""])
def test_a_body_without_a_signature_is_refused(signature: str | None) -> None:
    assert refused(wire(PLAIN), signature) == "no_signature"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b'{"object": 5}',
        b'{"object": "charge", "id": "ch_1"}',
        b'{"object": "event", "id": "evt_1"}',
        b'{"object": "v2.core.event", "id": "evt_1"}',
        wire(PLAIN | {"data": {"object": {"id": "ch_1"}}}),
        wire(PLAIN | {"created": "soon"}),
        wire(THIN | {"created": "2027-01-15T07:59:58"}),
        wire(THIN | {"created": "99999-01-15T07:59:58Z"}),
    ],
)
def test_a_signed_body_that_is_no_event_is_told_apart(body: bytes) -> None:
    assert refused(body, sign(body)) == "unreadable"


def test_a_body_that_is_no_text_is_refused() -> None:
    body = b'{"id": "\xff"}'
    assert refused(body, sign(body)) == "bad_signature"


def test_a_refusal_repeats_nothing_and_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(WebhookRefusedError) as caught:
        verify(b"a-private-body", f"t={NOW},v1=a-forged-digest", secrets=[SECRET], now=NOW)
    told = f"{caught.value!r} {caught.value.hint} {caplog.text}"
    assert [text for text in ("a-private-body", "a-forged-digest", SECRET) if text in told] == []


# What a header may be made of: the real parts, and whatever else somebody sends.
PARTS = st.one_of(
    st.sampled_from(["t", "v1", "v0", "=", ",", f"{NOW}", "t=", "v1="]), st.text(max_size=12)
)


@given(st.lists(PARTS, max_size=8).map("".join))
@example("t=1=2,v1=a")
@example("t=,v1=a")
@example("v1=a")
@example(f"t={'9' * 5000},v1=a")
@example(f"t={NOW},v1=\u00e9")
@example(f"t={NOW},v1")
def test_no_header_but_a_signature_is_believed(header: str) -> None:
    assert refused(wire(PLAIN), header) in {"no_signature", "bad_signature"}


@given(st.binary(max_size=200), st.data())
def test_a_body_that_was_changed_anywhere_is_refused(tail: bytes, data: st.DataObject) -> None:
    body = wire(PLAIN)
    cut = data.draw(st.integers(0, len(body)))
    changed = body[:cut] + tail + body[cut + data.draw(st.integers(0, 3)) :]
    assume(changed != body)
    assert refused(changed, sign(body)) == "bad_signature"


@given(
    at=st.integers(NOW - 10_000, NOW + 10_000),
    now=st.integers(NOW - 10_000, NOW + 10_000),
    # What Stripe's library reads as the same time, we must read as the same time.
    written=st.sampled_from(["t={}", "t= {}", "t=+{}", "t={}=x", "v0=t,t={},t=1"]),
)
def test_only_the_time_that_was_signed_decides(at: int, now: int, written: str) -> None:
    body = wire(PLAIN)
    signature = sign(body, at=at).replace(f"t={at}", written.format(at))
    if abs(now - at) <= 300:
        assert accepted(body, signature, now=now).id == "evt_1"
    else:
        expected = "too_old" if at < now else "in_future"
        assert refused(body, signature, now=now) == expected


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip))
def test_only_our_secret_signs(ours: str, theirs: str) -> None:
    body = wire(PLAIN)
    if ours == theirs:
        assert accepted(body, sign(body, secret=theirs), ours).id == "evt_1"
    else:
        assert refused(body, sign(body, secret=theirs), ours) == "bad_signature"


def test_stripes_library_signs_what_we_accept() -> None:
    body = wire(PLAIN)
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET, NOW)
    assert header == sign(body)
    assert webhooks.verify(body, header, secrets=[SECRET], now=NOW).id == "evt_1"
