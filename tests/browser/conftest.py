"""A real console with its demo warehouse, and a real browser that complains about everything it does not like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.support.console import Console

#: What the browser says when a page is left while its socket is still connecting: nobody's fault.
_LEFT_EARLY = "WebSocket is closed before the connection is established"
#: Reported by every page, so that a violation of the policy becomes a console error.
_WATCH = """document.addEventListener('securitypolicyviolation',
  event => console.error('CSP', event.violatedDirective, event.blockedURI))"""
PATIENCE_MS = 20_000


class House:
    """The running console and its administrator."""

    def __init__(self, console: Console, username: str, password: str) -> None:
        self.console = console
        self.address = console.address
        self.username = username
        self.password = password


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """``manage.py console --demo`` on a database of its own."""
    console = Console(tmp_path_factory.mktemp("console"))
    try:
        console.start("--prepare", "--demo", "--workers", "2")
        said = console.wait_for(r"Log in\s+(?P<name>\w+)  with the password  (?P<password>\S+)", 90)
        yield House(console, said["name"], said["password"])
    finally:
        console.end()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """The driver, for the tests of one module."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's chromium."""
    made = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    yield made
    made.close()


@pytest.fixture
def open_page(browser: Browser, house: House) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser of its own; at the end nothing may have been complained about."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(*, sign_in: bool = True, tolerate: str = r"(?!)", **options: Any) -> Page:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        context = browser.new_context(base_url=house.address, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(_WATCH)
        page = context.new_page()

        def note(text: str) -> None:
            if not re.search(tolerate, text) and _LEFT_EARLY not in text:
                complaints.append(text)

        page.on("console", lambda m: note(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: note(f"page error: {error}"))
        page.on("response", lambda r: note(f"{r.status} {r.url}") if r.status >= 500 else None)
        if sign_in:
            log_in(page, house)
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


def log_in(page: Page, house: House) -> None:
    """Sign in as the administrator."""
    page.goto("/admin/login/?next=/admin/")
    page.fill("#id_username", house.username)
    page.fill("#id_password", house.password)
    page.click("#login-form button[type=submit]")
    page.wait_for_url("**/admin/")


def live_value(page: Page, path: str) -> str:
    """The raw value that a live element shows."""
    return page.locator(f'[data-live="{path}"]').first.get_attribute("data-value") or ""


def drawn(page: Page, name: str) -> bool:
    """Whether anything but the empty surface is on a canvas. Looks at a copy: reading it often costs the page."""
    return bool(
        page.evaluate(
            """name => { const canvas = document.querySelector(`[data-vw-chart="${name}"]`);
            const { width, height } = canvas;
            const copy = Object.assign(document.createElement('canvas'), { width, height });
            const context = copy.getContext('2d', { willReadFrequently: true });
            context.drawImage(canvas, 0, 0);
            const data = context.getImageData(0, 0, copy.width, copy.height).data;
            const colours = new Set(); for (let i = 0; i < data.length; i += 4) if (data[i + 3]) colours.add(data[i]);
            return colours.size > 3; }""",
            name,
        )
    )


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where a test may put screenshots."""
    return tmp_path
