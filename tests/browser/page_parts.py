"""What the tests look at and do, by the names that a person sees or hears."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

SEND_OR_CANCEL = re.compile("^(Send|Cancel)$")
QUESTION = "How did revenue do?"


def question_box(page: Page) -> Locator:
    """Return where questions are typed."""
    return page.get_by_label("Your question")


def answers(page: Page) -> Locator:
    """Return the answers, oldest first."""
    return page.get_by_role("article", name="Vaultra")


def approvals(page: Page) -> Locator:
    """Return what a person is asked to approve, the first one first."""
    return page.get_by_role("group", name="Approval")


async def ask(page: Page, question: str = QUESTION) -> None:
    """Type a question and send it with Enter, once the page takes one."""
    await expect(page.get_by_role("button", name=SEND_OR_CANCEL)).to_be_enabled()
    await question_box(page).fill(question)
    await page.keyboard.press("Enter")
