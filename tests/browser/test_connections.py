"""Connections that break, and pages that are reloaded in the middle of an answer."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.page_parts import QUESTION, answers, ask, question_box
from tests.browser.scripted_server import ScriptedServer, message

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_broken_connection_is_taken_up_where_it_broke(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.say("Revenue ", end=False)
    await expect(answers(page)).to_have_text("Revenue")
    seen = len(run.events)
    await run.hang_up()
    await run.go_on("rose.", end=True)
    await run.finish()
    await expect(answers(page)).to_have_text("Revenue rose.")
    assert server.resumed_after == [seen]
    assert len(server.runs) == 1


async def test_events_that_come_again_are_not_shown_again(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.call_tool("get_readiness", {}, "{}")
    await run.say("Revenue ", end=False)
    await expect(answers(page)).to_contain_text("Revenue")
    server.replays_everything = True
    await run.hang_up()
    await run.go_on("rose.", end=True)
    await run.finish()
    await expect(answers(page).locator(".answer")).to_have_text(["Revenue rose."])
    await expect(answers(page).get_by_text("Read get_readiness")).to_have_count(1)


async def test_connection_that_stays_broken_is_told_and_can_be_tried_again(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.say("Revenue ", end=False)
    await expect(answers(page)).to_have_text("Revenue")
    server.reachable = False
    await run.hang_up()
    await expect(page.get_by_role("status")).to_have_text("The connection was lost. Reconnecting …")
    problem = page.get_by_role("alert").filter(has_text="The connection was lost.")
    await expect(problem).to_be_visible()
    server.reachable = True
    await run.go_on("rose.", end=True)
    await run.finish()
    await page.get_by_role("button", name="Reconnect").click()
    await expect(answers(page)).to_have_text("Revenue rose.")


async def test_silent_connection_is_replaced(page: Page, server: ScriptedServer) -> None:
    await page.clock.install()
    await ask(page)
    run = await server.next_run()
    await run.say("Revenue ", end=False)
    await expect(answers(page)).to_have_text("Revenue")
    seen = len(run.events)
    await page.clock.fast_forward("01:00")
    await page.clock.fast_forward("00:01")
    await run.go_on("rose.", end=True)
    await run.finish()
    await expect(answers(page)).to_have_text("Revenue rose.")
    assert server.resumed_after == [seen]


async def test_cancelling_what_never_arrived_hands_the_question_back(
    page: Page, server: ScriptedServer
) -> None:
    await expect(page.get_by_role("button", name="What should we do first?")).to_be_visible()
    await page.context.set_offline(True)
    await ask(page)
    await page.keyboard.press("Escape")
    problem = page.get_by_role("alert").filter(has_text="The server cannot be reached.")
    await expect(problem).to_be_visible()
    await expect(question_box(page)).to_have_value(QUESTION)


async def test_reload_goes_on_with_the_answer_and_doubles_nothing(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.say("First I look.")
    await run.call_tool("get_readiness", {}, "{}")
    await run.say("The score ", end=False)
    await expect(page.get_by_text("The score")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("The score")).to_be_visible()
    await run.go_on("is 71.", end=True)
    await run.finish()
    await expect(answers(page).locator(".answer")).to_have_text(
        ["First I look.", "The score is 71."]
    )
    await expect(answers(page).get_by_text("Read get_readiness")).to_have_count(1)
    await expect(page.get_by_role("article", name="You")).to_have_text([QUESTION])


async def test_reload_after_the_events_were_pruned_shows_the_stored_answer(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.say("Revenue rose.")
    await expect(answers(page)).to_contain_text("Revenue rose.")
    server.pruned = True
    await page.reload()
    await expect(answers(page)).to_have_text(["Revenue rose."])
    await expect(page.get_by_role("button", name="Send")).to_be_visible()


async def test_reload_before_the_question_arrived_hands_it_back(
    page: Page, server: ScriptedServer
) -> None:
    await expect(page.get_by_role("button", name="What should we do first?")).to_be_visible()
    await page.context.set_offline(True)
    await ask(page)
    await expect(page.get_by_role("status")).to_have_text("The connection was lost. Reconnecting …")
    await page.evaluate("() => { window.fetch = () => new Promise(() => {}) }")
    await page.context.set_offline(False)
    await page.reload()
    await expect(question_box(page)).to_have_value(QUESTION)
    await expect(page.get_by_role("article")).to_have_count(0)
    assert not server.runs


@pytest.mark.parametrize(
    ("partial", "told"),
    [
        ("cancelled", "Cancelled. This answer is not complete."),
        ("failed", "This answer broke off before its end."),
        ("interrupted", "The service stopped while it wrote this. It wrote it again."),
    ],
)
async def test_stored_message_without_an_end_is_marked_as_such(
    page: Page, server: ScriptedServer, partial: str, told: str
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.say("Revenue rose.")
    await run.finish()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    run.stored.append(message("assistant", "Refunds ", partial=partial))
    await page.reload()
    await expect(page.get_by_role("main")).to_contain_text(f"Refunds {told}")


async def test_event_that_the_page_does_not_know_is_passed_over(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.emit("CUSTOM", name="vaultra.attempt", value={"attempt": 2, "void": False})
    await run.emit("TOOL_CALL_ARGS", toolCallId="unheard-of", delta="{}")
    await expect(answers(page)).to_have_text("Thinking …")
    await run.say("Revenue rose.")
    await run.finish()
    await expect(answers(page)).to_have_text("Revenue rose.")
    assert server.resumed_after == []
