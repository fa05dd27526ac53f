"""The Database page in a real browser: its figures are those of the command, and they are followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import House, live_value
from tests.support.waiting import wait_until


def test_figures_equal_those_of_the_command(house: House, open_page: Callable[..., Page], pictures: Path) -> None:
    page = open_page()
    page.goto("/admin/database/")
    expect(page.locator("#file")).to_contain_text("SQLite has no pool and no process list")

    def equal() -> bool:
        told = house.console.manage("db_connections")
        page.wait_for_timeout(1100)
        return live_value(page, "database.open") == str(told["open"]) and told["open"] > 0

    wait_until(equal, 30, lambda: f"the page says {live_value(page, 'database.open')}")
    assert int(live_value(page, "database.size")) > 100_000
    expect(page.locator("#processes tbody tr").filter(has_text="worker 1")).to_have_count(1)
    expect(page.locator("#tables tbody tr")).to_have_count(10)
    page.screenshot(path=pictures / "database.png", full_page=True)


def test_it_is_readable_in_chinese_and_dark(open_page: Callable[..., Page], pictures: Path) -> None:
    page = open_page(color_scheme="dark", locale="zh-CN")
    page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": page.url}])
    page.goto("/admin/database/")
    expect(page.locator("#file")).to_contain_text("适用于单机")
    page.screenshot(path=pictures / "database-zh-dark.png", full_page=True)
