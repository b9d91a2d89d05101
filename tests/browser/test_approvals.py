"""What a person is asked before it is done: cards, their answers, and what else can happen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.page_parts import QUESTION, answers, approvals, ask, question_box
from tests.browser.scripted_server import ScriptedRun, ScriptedServer, message

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
]

ARGUMENTS = {"title": "Reduce refunds", "description": "They grow.", "category": "risk"}
CREATE = "create_recommendation"
MESSAGE = "Create the recommendation “Reduce refunds” with medium priority?"
OTHER = "Create the recommendation “Raise prices” with high priority?"


async def asking(page: Page, server: ScriptedServer, *messages: str) -> ScriptedRun:
    """Ask something whose answer stops at approvals; return the run."""
    await ask(page)
    run = await server.next_run()
    await run.say("I would note that.")
    proposed = [await run.propose(CREATE, ARGUMENTS, one) for one in messages or (MESSAGE,)]
    await run.pause(*proposed)
    await expect(approvals(page)).to_have_count(len(proposed))
    return run


def calls(run: ScriptedRun) -> list[str]:
    """Return the ids of the run's tool calls."""
    return [event["toolCallId"] for event in run.events if event["type"] == "TOOL_CALL_START"]


async def press(page: Page, name: str, at: int = 0) -> None:
    """Press a button of a card."""
    await approvals(page).nth(at).get_by_role("button", name=name, exact=True).click()


def editor(page: Page) -> Locator:
    """Return where the arguments of the only card are edited."""
    return page.get_by_label("Arguments, as JSON")


async def open_editor(page: Page) -> None:
    """Open the editor of the first card, or close it."""
    await approvals(page).first.get_by_text("Edit", exact=True).click()


async def answered(server: ScriptedServer) -> list[dict[str, Any]]:
    """Return the payloads that the page sends."""
    return [entry["payload"] for entry in (await server.next_run()).resume]


async def test_card_says_what_would_be_done_and_the_composer_waits(
    page: Page, server: ScriptedServer
) -> None:
    await asking(page, server)
    card = approvals(page)
    await expect(card).to_contain_text(MESSAGE)
    await expect(card.get_by_role("term")).to_have_text(["title", "description", "category"])
    await expect(card.get_by_role("definition")).to_have_text([*ARGUMENTS.values()])
    await expect(card).to_contain_text("Open until 21 Nov 2026, 09:00")
    await expect(answers(page)).to_contain_text("Waiting to run create_recommendation")
    await expect(page.get_by_role("status")).to_have_text("Vaultra waits for your answer.")
    await expect(page.locator("[aria-live=polite]").get_by_text(MESSAGE)).to_be_attached()
    await ask(page, "And then?")
    await expect(page.get_by_role("status")).to_contain_text("Answer what is asked above first")
    await expect(question_box(page)).to_have_value("And then?")


@pytest.mark.parametrize(
    ("choice", "result", "line"),
    [
        ("Approve", '{"id": 1}', "Ran create_recommendation"),
        ("Deny", "Error: a person denied this.", "Denied create_recommendation"),
    ],
)
async def test_answer_goes_on_in_the_same_place(
    page: Page, server: ScriptedServer, choice: str, result: str, line: str
) -> None:
    first = await asking(page, server)
    asked = first.open[0]["id"]
    await press(page, choice)
    run = await server.next_run()
    payload = {"approved": choice == "Approve"}
    assert run.resume == [{"interruptId": asked, "status": "resolved", "payload": payload}]
    await expect(approvals(page)).to_have_count(0)
    await run.emit("TOOL_CALL_RESULT", toolCallId=calls(first)[0], content=result)
    await run.say("So be it.")
    await run.finish()
    await expect(answers(page).get_by_text(line)).to_be_visible()
    await expect(answers(page)).to_have_count(1)
    await expect(answers(page).locator(".answer")).to_have_text(["I would note that.", "So be it."])
    await expect(page.get_by_role("article", name="You")).to_have_text([QUESTION])
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await expect(question_box(page)).to_be_focused()


async def test_card_is_answered_by_the_keyboard_alone(page: Page, server: ScriptedServer) -> None:
    await asking(page, server)
    await expect(question_box(page)).to_be_focused()
    for name in ("Deny", "Approve"):
        await page.keyboard.press("Shift+Tab")
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(editor(page)).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(editor(page)).to_be_hidden()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert await answered(server) == [{"approved": True}]


async def test_all_answers_are_sent_at_once_and_can_be_changed_until_then(
    page: Page, server: ScriptedServer
) -> None:
    await asking(page, server, MESSAGE, OTHER)
    await press(page, "Approve")
    approve = approvals(page).first.get_by_role("button", name="Approve")
    await expect(approve).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_role("status")).to_have_text("1 more to answer above.")
    await press(page, "Deny")
    await expect(approve).to_have_attribute("aria-pressed", "false")
    assert server.started.empty()
    await press(page, "Approve", at=1)
    assert await answered(server) == [{"approved": False}, {"approved": True}]


async def test_arguments_can_be_edited(page: Page, server: ScriptedServer) -> None:
    first = await asking(page, server)
    await open_editor(page)
    written = await editor(page).input_value()
    await editor(page).fill(written.replace("Reduce refunds", "Halve refunds"))
    await press(page, "Approve")
    run = await server.next_run()
    edited = {**ARGUMENTS, "title": "Halve refunds"}
    assert [one["payload"] for one in run.resume] == [{"approved": True, "editedArgs": edited}]
    await run.emit("TOOL_CALL_RESULT", toolCallId=calls(first)[0], content="{}")
    await answers(page).get_by_text("Ran create_recommendation").click()
    await expect(answers(page).locator("pre").first).to_contain_text("Halve refunds")


async def test_edit_that_is_no_json_is_not_sent(page: Page, server: ScriptedServer) -> None:
    await asking(page, server)
    await open_editor(page)
    for wrong in ('{"title": ', "[]", "null"):
        await editor(page).fill(wrong)
        await press(page, "Approve")
        problem = approvals(page).get_by_role("alert")
        await expect(problem).to_have_text(
            "This is not a JSON object. Correct it, or close the editor."
        )
        await expect(editor(page)).to_be_focused()
    await open_editor(page)
    await expect(editor(page)).to_be_hidden()
    await press(page, "Approve")
    assert await answered(server) == [{"approved": True}]


async def test_no_editing_where_the_answer_may_not_hold_it(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    run = await server.next_run()
    proposed = await run.propose(CREATE, ARGUMENTS, MESSAGE)
    del proposed["responseSchema"]["properties"]["editedArgs"]
    await run.pause(proposed)
    await expect(approvals(page).get_by_role("button")).to_have_text(["Approve", "Deny"])


async def test_refused_edit_is_explained_and_can_be_corrected(
    page: Page, server: ScriptedServer
) -> None:
    await asking(page, server)
    await open_editor(page)
    await editor(page).fill('{"title": "X"}')
    server.refuse_next(422, detail="editedArgs do not fit.", code="invalid_input")
    await press(page, "Approve")
    await expect(
        page.get_by_role("alert").filter(has_text="editedArgs do not fit.")
    ).to_be_visible()
    await expect(editor(page)).to_have_value('{"title": "X"}')
    await expect(page.get_by_role("status")).to_have_text("Vaultra waits for your answer.")
    await press(page, "Deny")
    assert await answered(server) == [{"approved": False}]


async def test_reload_shows_what_is_still_asked_and_goes_on(
    page: Page, server: ScriptedServer
) -> None:
    first = await asking(page, server)
    await page.reload()
    await expect(approvals(page)).to_contain_text(MESSAGE)
    await expect(page.get_by_role("status")).to_have_text("Vaultra waits for your answer.")
    await press(page, "Approve")
    run = await server.next_run()
    await page.reload()
    await expect(answers(page)).to_contain_text(["", "Running create_recommendation …"])
    await run.emit("TOOL_CALL_RESULT", toolCallId=calls(first)[0], content="{}")
    await run.say("Noted.")
    await run.finish()
    await expect(answers(page).get_by_text("Ran create_recommendation")).to_be_visible()
    await expect(answers(page).locator(".answer")).to_have_text(["I would note that.", "Noted."])
    await expect(page.get_by_role("article", name="You")).to_have_text([QUESTION])


async def test_reload_before_the_answer_arrived_asks_again(
    page: Page, server: ScriptedServer
) -> None:
    await asking(page, server)
    await page.context.set_offline(True)
    await press(page, "Approve")
    await expect(page.get_by_role("status")).to_have_text("The connection was lost. Reconnecting …")
    await page.evaluate("() => { window.fetch = () => new Promise(() => {}) }")
    await page.context.set_offline(False)
    await page.reload()
    await expect(approvals(page)).to_contain_text(MESSAGE)
    await press(page, "Deny")
    assert await answered(server) == [{"approved": False}]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("approval_decided", "This was already answered elsewhere."),
        ("approval_expired", "This has expired, and nothing was changed. Ask for it again."),
    ],
)
async def test_answer_that_comes_too_late_shows_the_conversation_as_it_is(
    page: Page, server: ScriptedServer, code: str, told: str
) -> None:
    first = await asking(page, server)
    first.open.clear()
    first.stored.append(message("assistant", "It was noted by someone else."))
    server.refuse_next(409, detail="Too late.", code=code)
    await press(page, "Approve")
    await expect(page.get_by_role("alert").filter(has_text=told)).to_be_visible()
    await expect(approvals(page)).to_have_count(0)
    await expect(page.get_by_text("It was noted by someone else.")).to_be_visible()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()


async def test_question_while_another_page_was_asked_shows_what_is_asked(
    page: Page, server: ScriptedServer
) -> None:
    first = await asking(page, server)
    asked = list(first.open)
    first.open.clear()
    await page.reload()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    first.open.extend(asked)
    server.refuse_next(409, detail="Run 1 waits.", code="approval_pending")
    await ask(page, "And then?")
    await expect(approvals(page)).to_contain_text(MESSAGE)
    waits = page.get_by_role("alert").filter(has_text="The conversation waits for an answer.")
    await expect(waits).to_be_visible()
    await expect(question_box(page)).to_have_value("And then?")


async def test_cancelling_what_waits_changes_nothing_and_frees_the_conversation(
    page: Page, server: ScriptedServer
) -> None:
    run = await asking(page, server)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Cancel").click()
    await run.wait_for_cancel()
    await expect(answers(page)).to_contain_text("Cancelled. Nothing was changed.")
    await expect(approvals(page)).to_have_count(0)
    await expect(question_box(page)).to_be_focused()
    await page.reload()
    await expect(page.get_by_role("main")).to_contain_text("Cancelled. Nothing was changed.")
    await ask(page, "And then?")
    assert (await server.next_run()).question == "And then?"


async def test_cancelling_what_was_answered_elsewhere_says_so(
    page: Page, server: ScriptedServer
) -> None:
    run = await asking(page, server)
    run.open.clear()
    await page.get_by_role("button", name="Cancel").click()
    told = page.get_by_role("alert").filter(has_text="This was already answered elsewhere.")
    await expect(told).to_be_visible()
    await expect(approvals(page)).to_have_count(0)


async def test_card_fits_a_phone(page: Page, server: ScriptedServer) -> None:
    await page.set_viewport_size({"width": 320, "height": 640})
    await ask(page)
    run = await server.next_run()
    await run.pause(await run.propose(CREATE, {"x" * 60: "y" * 300}, "z" * 300))
    await open_editor(page)
    wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0
