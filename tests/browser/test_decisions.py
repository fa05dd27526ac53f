"""A stopped run in the browser, by keyboard alone: find what failed, skip it, continue it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.tasks import block, detail, task_file

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

OpenPage = Callable[..., Page]
PARSES = detail(
    block(1, "SetTaskVariableBp", varName="text", varValue="{"),
    block(2, "StringToJsonObjectBp", convertString="=task.variables.text"),
    block(3, "SetTaskVariableBp", varName="n", varValue="=blocks.b2.convertObject"),
)


def start_stopped(page: Page) -> None:
    """Import the task, run it, and stand on the page of the run that stopped."""
    page.goto("/admin/scheduler/taskdefinition/import/")
    file = {"name": "parses.task", "mimeType": "application/json", "buffer": task_file(Parses=PARSES)}
    page.set_input_files("#vw-file", file)
    page.locator("form:has(#vw-file) button[type=submit]").first.click()
    again = page.get_by_role("button", name=re.compile("^Import"))
    if again.count():
        again.first.click()
    page.goto("/admin/scheduler/taskdefinition/")
    page.get_by_role("row").filter(has_text="Parses").get_by_role("link", name="Run…").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile(r"/taskrecord/\d+/change/"))
    expect(page.locator("[data-vw-decide]")).to_be_visible()


def tab_to(page: Page, text: str) -> None:
    """Press Tab until the element with this text has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if text in page.evaluate("document.activeElement.matches('a, button') ? document.activeElement.innerText : ''"):
            return
    raise AssertionError(f"no way to {text} by keyboard")


def test_a_block_is_skipped_with_its_output_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    start_stopped(page)

    tab_to(page, "Skip b2…")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Skip b2")
    expect(dialog).to_contain_text("Later blocks read convertObject")
    page.keyboard.type('{"a": 7}')
    page.keyboard.press("Tab")
    page.keyboard.type("typed in")
    page.keyboard.press("Enter")

    expect(page.get_by_text("The block is skipped; the run goes on.")).to_be_visible()
    expect(page.locator(".vw-chip").filter(has_text="Finished").first).to_be_visible()
    expect(page.get_by_text("ended by hand")).to_be_visible()


def test_a_run_is_continued_by_keyboard_and_stops_again_as_its_next_attempt(open_page: OpenPage) -> None:
    page = open_page()
    start_stopped(page)

    tab_to(page, "Continue from b2…")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Version 1, as it was started. Blocks that are done are not repeated.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Enter")  # the focus is where it was
    expect(dialog).to_be_visible()
    page.keyboard.press("Enter")

    expect(page.get_by_text("1 run goes on.")).to_be_visible()
    expect(page.get_by_text("failed, then decided")).to_be_visible()
    expect(page.locator("[data-vw-decide]")).to_be_visible()


def test_what_is_refused_instead_of_a_question_is_said_on_the_page(open_page: OpenPage) -> None:
    page = open_page()
    start_stopped(page)

    link = page.get_by_role("link", name="Skip b2…")
    link.evaluate("(link) => { link.href = link.href.replace('block=b2', 'block=b1'); }")
    link.click()

    expect(page.get_by_text("did not stop at block b1")).to_be_visible()
    assert page.get_by_role("dialog").count() == 0
