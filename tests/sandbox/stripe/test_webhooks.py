from __future__ import annotations

import pytest

from sandbox.stripe.faults import Faults, Trouble
from tests.sandbox.stripe.conftest import Answer, Client
from tests.sandbox.stripe.platform import (
    FIRST_KEY,
    PLATFORM,
    SECOND_KEY,
    SECRET,
    open_platform,
    post,
)

PATH = "/v1/webhook_endpoints"
HOOK = "https://app.example.com/hook"


async def create(client: Client, key: str = FIRST_KEY, **form: str) -> Answer:
    return await post(client, PATH, {"url": HOOK, "enabled_events[0]": "*", **form}, key=key)


async def delete(client: Client, endpoint_id: str, key: str = FIRST_KEY) -> Answer:
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{client.stripe.url}{PATH}/{endpoint_id}"
    async with client.session.delete(url, headers=headers) as response:
        return Answer(response.status, response.headers, await response.json())


async def test_secret_is_told_at_creation_only() -> None:
    async with open_platform() as client:
        created = await create(client)
        read = await client.get(f"{PATH}/{created.json['id']}", key=FIRST_KEY)
    assert created.json["secret"].startswith("whsec_")
    assert "secret" not in read.json
    assert read.json == {k: v for k, v in created.json.items() if k != "secret"}


async def test_endpoint_keeps_what_it_was_given() -> None:
    async with open_platform() as client:
        form = {"enabled_events[1]": "charge.refunded", "enabled_events[0]": "charge.succeeded"}
        endpoint = (
            await create(client, **form, description="ours", **{"metadata[team]": "a"})
        ).json
    assert set(endpoint["enabled_events"]) == {"charge.refunded", "charge.succeeded"}
    assert endpoint["url"] == HOOK
    assert endpoint["status"] == "enabled"
    assert endpoint["description"] == "ours"
    assert endpoint["metadata"] == {"team": "a"}
    assert endpoint["application"] is None


async def test_connect_endpoint_belongs_to_the_application() -> None:
    async with open_platform() as client:
        endpoint = (await create(client, SECRET, connect="true")).json
    assert endpoint["application"] == PLATFORM.client_id


async def test_endpoints_are_listed_newest_first_page_by_page() -> None:
    async with open_platform() as client:
        made = [(await create(client)).json["id"] for _ in range(3)]
        page = await client.get(f"{PATH}?limit=2", key=FIRST_KEY)
        rest = await client.get(f"{PATH}?limit=2&starting_after={page.ids[-1]}", key=FIRST_KEY)
    assert page.ids + rest.ids == made[::-1]
    assert (page.json["has_more"], rest.json["has_more"]) == (True, False)


async def test_endpoint_of_another_account_does_not_exist() -> None:
    async with open_platform() as client:
        endpoint_id = (await create(client)).json["id"]
        assert (await client.get(PATH, key=SECOND_KEY)).ids == []
        assert (await client.get(f"{PATH}/{endpoint_id}", key=SECOND_KEY)).status == 404
        assert (await delete(client, endpoint_id, SECOND_KEY)).status == 404
        cursor = await client.get(f"{PATH}?starting_after={endpoint_id}", key=SECOND_KEY)
        assert cursor.status == 400


async def test_endpoint_can_be_changed_and_disabled() -> None:
    async with open_platform() as client:
        endpoint_id = (await create(client)).json["id"]
        form = {"disabled": "true", "enabled_events[]": "charge.refunded"}
        changed = await post(client, f"{PATH}/{endpoint_id}", form, key=FIRST_KEY)
    assert changed.json["status"] == "disabled"
    assert changed.json["enabled_events"] == ["charge.refunded"]
    assert changed.json["url"] == HOOK


async def test_deleted_endpoint_is_gone() -> None:
    async with open_platform() as client:
        endpoint_id = (await create(client)).json["id"]
        gone = await delete(client, endpoint_id)
        assert gone.json == {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}
        assert (await client.get(f"{PATH}/{endpoint_id}", key=FIRST_KEY)).status == 404


@pytest.mark.parametrize(
    ("form", "param", "code"),
    [
        ({"enabled_events[]": "*"}, "url", "parameter_missing"),
        ({"url": HOOK}, "enabled_events", "parameter_missing"),
        ({"url": "ftp://x", "enabled_events[]": "*"}, "url", "url_invalid"),
        ({"url": HOOK, "enabled_events[]": "All!"}, "enabled_events[0]", None),
        (
            {"url": HOOK, "enabled_events[]": "*", "connect": "1"},
            "connect",
            "parameter_invalid_boolean",
        ),
        ({"url": HOOK, "enabled_events[]": "*", "secret": "x"}, "secret", "parameter_unknown"),
    ],
)
async def test_wrong_endpoint_is_refused(
    form: dict[str, str], param: str, code: str | None
) -> None:
    async with open_platform() as client:
        answer = await post(client, PATH, form, key=FIRST_KEY)
    assert answer.status == 400
    assert (answer.error["param"], answer.error.get("code")) == (param, code)


async def test_repeated_creation_with_one_idempotency_key_makes_one_endpoint() -> None:
    faults = Faults(script=(Trouble.FAILED,))
    form = {"url": HOOK, "enabled_events[]": "*"}
    async with open_platform(faults=faults) as client:
        answers = [
            await post(client, PATH, form, key=FIRST_KEY, Idempotency_Key="k1") for _ in range(3)
        ]
        listed = await client.get(PATH, key=FIRST_KEY)
        other = {**form, "description": "x"}
        reused = await post(client, PATH, other, key=FIRST_KEY, Idempotency_Key="k1")
    assert [answer.status for answer in answers] == [500, 200, 200]
    assert answers[1].json == answers[2].json
    assert answers[2].headers["Idempotent-Replayed"] == "true"
    assert listed.ids == [answers[1].json["id"]]
    assert (reused.status, reused.error["type"]) == (400, "idempotency_error")
