"""A killed worker appears on the page, is taken by somebody, and goes away; every page is looked at."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

OpenPage = Callable[..., Page]


def a_worker(page: Page) -> int:
    """The process of a worker that the Overview shows: its name ends with it."""
    row = page.locator("[data-vw-workers] tr").first
    row.wait_for()
    return int((row.get_attribute("data-worker") or "").rsplit("-", 1)[1])


def test_a_killed_worker_appears_and_goes_away(open_page: OpenPage, pictures: Path) -> None:
    page = open_page()
    page.goto("/admin/alerts/rules/process_died/")
    page.fill("#id_hold_s", "20")
    page.fill("#id_reason", "a test")
    page.click("button:has-text('Save')")
    page.goto("/admin/")
    line = page.locator("[data-vw-alertline]")
    os.kill(a_worker(page), signal.SIGKILL)

    line.get_by_text("A process died").wait_for()
    assert page.locator('[data-vw-badge="alerts.open"]').inner_text() == "1"
    page.goto("/admin/alerts/")
    row = page.locator("[data-alert]").first
    assert "worker" in row.inner_text()
    assert "killed by SIGKILL" in row.inner_text()
    row.get_by_text("What to do").click()
    page.screenshot(path=pictures / "alerts-light-en.png")
    row.get_by_text("Acknowledge…").click()
    page.fill("dialog #vw-reason", "looking at it")
    page.click("dialog button[type=submit]")
    page.get_by_text("1 alert is acknowledged").wait_for()
    page.locator("[data-alert]").get_by_text("looking at it").wait_for()

    page.locator("[data-vw-news]:not([hidden])").wait_for(timeout=60_000)
    assert page.locator("[data-alert][data-gone]").count() == 1, "it keeps its place"
    page.locator("[data-vw-apply]").click()
    page.get_by_text("No open alert").wait_for()
    wait_until(lambda: page.wait_for_timeout(100) or page.locator("[data-vw-badge]").is_hidden(), 10, "no badge")


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh-hans", "dark")])
def test_pages_are_readable(open_page: OpenPage, pictures: Path, language: str, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    page.context.add_cookies([{"name": "django_language", "value": language, "url": page.url}])
    for name in ("", "?show=cleared", "rules/", "rules/disk/"):
        page.goto(f"/admin/alerts/{name}")
        page.wait_for_load_state("networkidle")
        page.screenshot(
            path=pictures / f"alerts-{name.strip('/?').replace('/', '-') or 'open'}-{scheme}-{language}.png"
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
