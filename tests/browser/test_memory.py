"""The Memory page in a real browser: figures move and equal the rows, a probe's result appears, ranges are drawn."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import House, drawn, live_value
from tests.support.waiting import wait_until


def test_figures_move_and_a_collection_is_answered(
    house: House, open_page: Callable[..., Page], pictures: Path
) -> None:
    page = open_page()
    page.goto("/admin/memory/")
    expect(page.locator("tr[data-process]").filter(has_text="worker 1")).to_have_count(1)
    page.wait_for_function("document.querySelectorAll('[data-vw-legend=memory] li').length > 2")
    before = live_value(page, "memory.sum")
    wait_until(lambda: page.wait_for_timeout(200) or live_value(page, "memory.sum") != before, 20, "the sum to move")
    assert drawn(page, "memory")
    page.click("[data-vw-range='1h']")
    page.wait_for_url("**/admin/memory/?range=1h")
    page.wait_for_function("document.querySelectorAll('[data-vw-legend=memory] li').length > 2")
    assert drawn(page, "memory")
    page.click("text=As table")
    expect(page.locator("[data-vw-astable] tbody tr").first).to_contain_text("MB")
    page.screenshot(path=pictures / "memory.png", full_page=True)

    row = page.locator("tr[data-process]").filter(has_text=re.compile("worker 1"))
    row.get_by_label(re.compile("^Heap snapshot")).click()
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("counts every object by type")
    dialog.get_by_role("button", name="Heap snapshot").click()
    page.wait_for_url("**/admin/memory/probes/*/")
    expect(page.locator("#types")).to_contain_text("dict")
    page.screenshot(path=pictures / "snapshot.png", full_page=True)


def test_the_page_in_chinese_and_dark_says_the_same(open_page: Callable[..., Page], pictures: Path) -> None:
    page = open_page(color_scheme="dark", locale="zh-CN")
    page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": page.url}])
    page.goto("/admin/memory/")
    expect(page.locator("h2").filter(has_text="内存在增长吗")).to_be_visible()
    page.wait_for_function("document.querySelectorAll('[data-vw-legend=memory] li').length > 2")
    page.screenshot(path=pictures / "memory-zh-dark.png", full_page=True)
