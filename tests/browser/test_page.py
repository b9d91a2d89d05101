"""The page itself: the token, asking, a conversation from its start to a new one."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.browser.page_parts import QUESTION, answers, ask, question_box
from tests.browser.scripted_server import TOKEN, ScriptedServer, message

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_token_leaves_the_address_bar(page: Page) -> None:
    await expect(question_box(page)).to_be_visible()
    assert urlsplit(page.url).fragment == ""


async def test_page_without_token_asks_for_it(page: Page, server: ScriptedServer) -> None:
    await page.evaluate("sessionStorage.clear()")
    await page.goto(server.url)
    field = page.get_by_label("Access token")
    await expect(field).to_be_focused()
    await expect(question_box(page)).to_be_hidden()
    await field.fill(TOKEN)
    await page.keyboard.press("Enter")
    await expect(question_box(page)).to_be_focused()


async def test_refused_token_is_asked_for_again_and_keeps_the_question(
    page: Page, server: ScriptedServer
) -> None:
    server.token = "another-token"
    await ask(page)
    problem = page.get_by_role("alert").filter(has_text="not valid, or has expired")
    await expect(problem).to_be_visible()
    await page.get_by_label("Access token").fill("another-token")
    await page.get_by_role("button", name="Continue").click()
    await expect(question_box(page)).to_have_value(QUESTION)
    await expect(page.get_by_role("article")).to_have_count(0)


async def test_link_with_a_new_token_works_in_the_open_page(
    page: Page, server: ScriptedServer
) -> None:
    server.token = "another-token"
    await page.goto(f"{server.url}/#token=another-token")
    await ask(page)
    assert (await server.next_run()).question == QUESTION


async def test_refusal_of_the_old_token_that_comes_late_keeps_the_new_one(
    page: Page, server: ScriptedServer
) -> None:
    await expect(question_box(page)).to_be_visible()
    server.token = "another-token"
    server.refuses_at_once.clear()
    await page.reload()
    await page.goto(f"{server.url}/#token=another-token")
    async with page.expect_response(lambda response: response.status == 401):
        server.refuses_at_once.set()
    await ask(page)
    assert (await server.next_run()).question == QUESTION


async def test_example_question_is_asked_by_a_click(page: Page, server: ScriptedServer) -> None:
    await expect(page.get_by_role("main").get_by_role("button")).to_have_count(4)
    await page.get_by_role("button", name="What should we do first?").click()
    run = await server.next_run()
    assert run.question == "What should we do first?"
    await expect(page.get_by_role("article", name="You")).to_have_text(run.question)
    await expect(page.get_by_role("button", name="How fresh is the data?")).to_be_hidden()


async def test_shift_enter_starts_a_new_line(page: Page, server: ScriptedServer) -> None:
    await question_box(page).fill("One")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("Two")
    await page.keyboard.press("Enter")
    assert (await server.next_run()).question == "One\nTwo"
    await expect(question_box(page)).to_have_value("")


async def test_question_while_answering_waits_in_the_box(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    await server.next_run()
    await ask(page, "And then?")
    await expect(page.get_by_role("status")).to_have_text("Wait for this answer, or cancel it.")
    await expect(question_box(page)).to_have_value("And then?")


async def test_question_while_loading_stays_in_the_box(page: Page, server: ScriptedServer) -> None:
    server.history_ready.clear()
    await page.reload()
    await question_box(page).fill(QUESTION)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("The conversation is still loading.")
    server.history_ready.set()
    await expect(page.get_by_role("button", name="Send")).to_be_enabled()
    await page.keyboard.press("Enter")
    assert (await server.next_run()).question == QUESTION


async def test_refused_question_is_explained_and_not_lost(
    page: Page, server: ScriptedServer
) -> None:
    await expect(page.get_by_role("button", name="What should we do first?")).to_be_visible()
    server.refuse_next(422, detail="That looks like a secret key.", hint="Take the key out.")
    await ask(page, "Is sk_live_1 in use?")
    problem = page.get_by_role("alert").filter(has_text="That looks like a secret key.")
    await expect(problem).to_have_text("That looks like a secret key. Take the key out.")
    await expect(question_box(page)).to_have_value("Is sk_live_1 in use?")
    await expect(page.get_by_role("article")).to_have_count(0)


async def test_stored_messages_are_shown_from_all_pages(page: Page, server: ScriptedServer) -> None:
    await ask(page, "One?")
    run = await server.next_run()
    await run.say("Two.")
    await run.finish()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    run.stored += [
        message("user", "Three?"),
        message("assistant", "**Four**."),
        message("tool", "x"),
    ]
    await page.reload()
    await expect(page.get_by_role("article")).to_have_text(["One?", "Two.", "Three?", "Four."])


async def test_new_conversation_starts_empty_in_another_thread(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.say("Revenue rose.")
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.get_by_role("article")).to_have_count(0)
    await expect(question_box(page)).to_be_focused()
    await ask(page, "Again?")
    await server.next_run()
    assert len(server.messages) == 2


async def test_title_and_freshness_are_shown(page: Page, server: ScriptedServer) -> None:
    await ask(page)
    run = await server.next_run()
    data = {"as_of": "2026-11-20T09:30:00+00:00", "stale": True}
    await run.emit("STATE_SNAPSHOT", snapshot={"title": "Revenue in autumn", "data": data})
    header = page.get_by_role("banner")
    await expect(header).to_contain_text("Revenue in autumn")
    await expect(header).to_contain_text("Data is old: 20 Nov 2026, 09:30")
    await run.finish()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await page.reload()
    await expect(header).to_contain_text("Data is old: 20 Nov 2026, 09:30")


async def test_page_fits_a_phone(page: Page, server: ScriptedServer) -> None:
    await page.set_viewport_size({"width": 320, "height": 640})
    await ask(page, "w" * 200)
    run = await server.next_run()
    row = "|" + "a long cell | " * 8
    await run.say(f"{row}\n|{'---|' * 8}\n{row}\n\n```\n{'x' * 300}\n```\n\n{'y' * 300}")
    await run.finish()
    await expect(answers(page).get_by_role("table")).to_be_visible()
    wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0
