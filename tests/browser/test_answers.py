"""What an answer looks like: streamed text, Markdown, tool calls, and how it ends."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.browser.page_parts import QUESTION, answers, ask, question_box
from tests.browser.scripted_server import ScriptedServer, message

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_answer_grows_while_it_is_written(page: Page, server: ScriptedServer) -> None:
    await ask(page)
    run = await server.next_run()
    await expect(answers(page)).to_have_text("Thinking …")
    await run.say("Revenue ", end=False)
    await expect(answers(page)).to_have_text("Revenue")
    await run.go_on("rose.", end=True)
    await expect(answers(page)).to_contain_text("Revenue rose.")
    await run.finish()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await expect(answers(page)).to_have_text("Revenue rose.")


async def test_finished_paragraphs_are_read_out_once(page: Page, server: ScriptedServer) -> None:
    await ask(page)
    run = await server.next_run()
    spoken = page.locator("[aria-live=polite]").get_by_role("paragraph")
    await run.say("Revenue rose.\n\nRefunds ", end=False)
    await expect(spoken).to_have_text(["Revenue rose."])
    await run.go_on("fell.", end=True)
    await run.finish()
    await expect(spoken).to_have_text(["Revenue rose.", "Refunds fell."])


async def test_markdown_is_shown_as_what_it_means(page: Page, server: ScriptedServer) -> None:
    await ask(page)
    run = await server.next_run()
    await run.say(
        "# Result\nUp **8 %**, *really*, by `mrr_total` and snake_case_names.\n\n"
        "1. First\n   - nested\n2. [Terms](https://example.com/a_(b))\n- loose\n\n"
        "| Month | Revenue |\n|---|---:|\n| June | 1 \\| 2 |\n\n"
        "```sql\nselect *\nfrom `x`\n```\nEnd"
    )
    await run.finish()
    answer = answers(page)
    await expect(answer.get_by_role("heading", name="Result")).to_be_visible()
    await expect(answer.get_by_role("strong")).to_have_text("8 %")
    await expect(answer.get_by_role("emphasis")).to_have_text("really")
    await expect(answer.locator("p code")).to_have_text("mrr_total")
    await expect(answer.locator("ol > li")).to_have_count(2)
    await expect(answer.locator("ol ul li")).to_have_text("nested")
    await expect(answer.locator(".answer > ul > li")).to_have_text("loose")
    link = answer.get_by_role("link", name="Terms")
    await expect(link).to_have_attribute("href", "https://example.com/a_(b)")
    await expect(link).to_have_attribute("rel", re.compile("noopener"))
    await expect(answer.get_by_role("cell")).to_have_text(["June", "1 | 2"])
    await expect(answer.locator("pre")).to_have_text("select *\nfrom `x`\n")
    await expect(answer.get_by_text("End", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    "hostile",
    [
        "<img src=x onerror=\"document.title='taken'\">",
        "<script>document.title='taken'</script>",
        "[x](javascript:document.title='taken')",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](//example.com)",
        "![x](https://example.com/pixel.png)",
        "| <img src=x onerror=\"document.title='taken'\"> |\n|---|",
        "```<svg onload=alert(1)>\n<b>x</b>\n```",
        "- " * 20_000,
        "**" * 20_000,
    ],
    ids=lambda text: text[:12],
)
async def test_hostile_markdown_stays_inert(
    page: Page, server: ScriptedServer, hostile: str
) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    await ask(page)
    run = await server.next_run()
    await run.say(hostile)
    await run.say("And that was it.")
    await run.finish()
    await expect(answers(page)).to_contain_text("And that was it.")
    made = answers(page).locator("img, svg, script, a, b, [onerror], [onload]")
    await expect(made).to_have_count(0)
    if "taken" in hostile:
        await expect(answers(page)).to_contain_text("document.title='taken'")
    assert "taken" not in await page.title()
    # Whatever the page stumbles over makes it connect again.
    assert server.resumed_after == []
    assert {urlsplit(url).netloc for url in requests} == {urlsplit(server.url).netloc}


async def test_tool_call_is_a_line_and_then_opens(page: Page, server: ScriptedServer) -> None:
    await ask(page)
    run = await server.next_run()
    await run.call_tool("query_snapshots", {"metrics": ["mrr"]}, None)
    await expect(answers(page)).to_have_text("Reading query_snapshots …")
    call_id = run.events[-1]["toolCallId"]
    await run.emit("TOOL_CALL_RESULT", toolCallId=call_id, content='{"value":"12.00"}')
    summary = answers(page).get_by_text("Read query_snapshots")
    await expect(summary).to_be_visible()
    await expect(answers(page).get_by_text("Thinking …")).to_be_visible()
    result = answers(page).get_by_text('{\n  "value": "12.00"\n}')
    await expect(result).to_be_hidden()
    await summary.click()
    await expect(result).to_be_visible()
    await expect(answers(page).locator("pre").first).to_contain_text('"mrr"')


async def test_failed_tool_call_says_so(page: Page, server: ScriptedServer) -> None:
    await ask(page)
    run = await server.next_run()
    await run.call_tool("trigger_stripe_sync", {}, "Error: Your role does not allow this.")
    await expect(answers(page).get_by_text("Could not finish trigger_stripe_sync")).to_be_visible()


@pytest.mark.parametrize("way", ["Escape", "button"])
async def test_cancelled_answer_is_marked_as_such(
    page: Page, server: ScriptedServer, way: str
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.say("Revenue ", end=False)
    await expect(answers(page)).to_have_text("Revenue")
    if way == "button":
        await page.get_by_role("button", name="Cancel").click()
    else:
        await page.keyboard.press("Escape")
    await expect(page.get_by_role("status")).to_have_text("Cancelling …")
    await run.wait_for_cancel()
    await run.go_on("", end=True)
    await run.finish("cancelled")
    await expect(answers(page)).to_contain_text("Cancelled. This answer is not complete.")
    await expect(question_box(page)).to_be_focused()
    run.stored.append(message("assistant", "Revenue ", run.events[-2]["messageId"]))
    await page.reload()
    await expect(page.get_by_role("main")).to_contain_text(
        "Cancelled. This answer is not complete."
    )


async def test_failed_run_says_why_and_can_be_asked_again(
    page: Page, server: ScriptedServer
) -> None:
    await ask(page)
    run = await server.next_run()
    await run.emit("RUN_ERROR", code="model_error", message="The model did not answer.")
    await expect(answers(page)).to_contain_text("The model did not answer.")
    await page.get_by_role("button", name="Ask again").click()
    assert (await server.next_run()).question == QUESTION
