"""Definitions as a person uses them: look at a file, choose, compare two versions, switch a periodic start."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.tasks import block, detail

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

OpenPage = Callable[..., Page]
LIST = "/admin/scheduler/taskdefinition/"


def shoot(page: Page, name: str) -> None:
    """A picture for people, where one is wanted."""
    if folder := os.environ.get("VWED_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def choose(page: Page, *definitions: dict[str, Any]) -> None:
    """Choose a file with these definitions and look at it."""
    page.goto(f"{LIST}import/")
    data = json.dumps(definitions).encode()
    page.locator("#vw-file").set_input_files({"name": "a.task", "mimeType": "application/json", "buffer": data})
    page.locator('input[name="replace"]').check()
    page.get_by_role("button", name="Check", exact=True).click()


def test_a_file_is_looked_at_chosen_from_and_compared(open_page: OpenPage) -> None:
    page = open_page()
    lift = block(2, "IfElseBp", {"if": [block(3, "BreakBp")], "else": [block(4, "DelayBp", timeMillis="5")]},
                 conditionIf="=taskInputs.n > 1")  # fmt: skip
    inputs = [{"name": "n", "type": "Long", "label": "Number", "required": True, "defaultValue": "2"}]
    first = {"label": "Lift", "detail": detail(block(1, "PrintBp", message="up"), lift, inputs=inputs)}
    choose(page, first, {"label": "Other", "detail": detail(block(1, "PrintBp", message="x"))},
           {"label": "Broken", "detail": detail(block(1, "NoSuchBp"))})  # fmt: skip

    expect(page.get_by_role("button", name="Import 2, leave 1")).to_be_visible()
    page.locator('input[name="choose"][value="Other"]').uncheck()
    shoot(page, "import-en")
    page.get_by_role("button", name="Import 1, leave 2").click()
    expect(page.get_by_role("link", name="Lift", exact=True)).to_be_visible()
    assert page.get_by_role("link", name="Other", exact=True).count() == 0

    lift["children"]["else"].append(block(5, "PrintBp", message="new"))
    changed = detail(lift, block(1, "PrintBp", message="=taskInputs.n"), inputs=[{**inputs[0], "type": "Double"}])
    choose(page, {"label": "Lift", "detail": changed})
    page.get_by_role("button", name="Import 1, leave 0").click()

    page.get_by_role("link", name="Lift", exact=True).click()
    page.locator("details.vw-problem summary").first.click()
    shoot(page, "definition-tree-en")
    expect(page.get_by_text("rootBlock › b2 IfElseBp › if › b3 BreakBp")).to_be_visible()
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("button", name="Show the difference").click()
    expect(page.get_by_text("1 block added")).to_be_visible()
    expect(page.get_by_text("1 block moved")).to_be_visible()
    shoot(page, "difference-en")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_periodic_start_is_switched_on_and_off(theme: str, open_page: OpenPage) -> None:
    page = open_page(color_scheme=theme, locale="en-US")
    page.goto(LIST)
    for button in page.get_by_role("link", name="Run…").all():
        expect(button).to_be_in_viewport(ratio=1)
    shoot(page, f"definitions-{theme}")
    page.get_by_role("link", name="Weigh pallet", exact=True).click()
    page.get_by_role("link", name="Periodic").click()
    page.get_by_label("Start it periodically").check()
    page.get_by_label("Period (ms)").fill("1000")
    page.get_by_label("Delay (ms)").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("starts by itself", exact=False).first).to_be_visible()

    # The console has a cluster: it really starts.
    page.wait_for_function(
        "async () => (await (await fetch(location.href)).text()).includes('/admin/r/period-')", timeout=30_000
    )
    page.reload()
    shoot(page, f"periodic-{theme}")
    page.get_by_label("Start it periodically").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("does not start by itself")).to_be_visible()
