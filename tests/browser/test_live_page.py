"""The live page when the line is bad: silence, reconnection, no socket; and that the page itself does not leak."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, WebSocketRoute

from tests.browser.conftest import House, live_value
from tests.browser.test_console import fresh
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

OpenPage = Callable[..., Page]


def hear(page: Page, received: list[object], frames: int) -> None:
    """Wait until so many more frames have come. The driver only listens while it is asked something."""
    wanted = len(received) + frames
    wait_until(
        lambda: page.wait_for_timeout(100) or len(received) >= wanted,
        90,
        lambda: f"{wanted} frames, not {len(received)}",
    )


def test_silence_is_shown_and_the_page_connects_again(open_page: OpenPage) -> None:
    page = open_page()
    lines: list[bool] = []

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        mine = len(lines)
        lines.append(True)
        server.on_message(lambda message: socket.send(message) if lines[mine] else None)

    page.route_web_socket("**/ws/live/", route)
    page.reload()
    fresh(page, "live")
    lines[0] = False

    fresh(page, "reconnecting")
    assert page.locator(".vw-stale").count() > 0
    fresh(page, "live")
    assert len(lines) >= 2
    assert page.locator(".vw-stale").count() == 0
    page.wait_for_function("document.querySelector('[data-vw-fresh-word]').textContent.startsWith('Back after')")


def test_without_a_socket_the_page_polls_and_numbers_change(open_page: OpenPage) -> None:
    page = open_page()
    page.route_web_socket("**/ws/live/", lambda socket: socket.close(code=4000))
    page.reload()

    fresh(page, "polling")
    old = live_value(page, "overview.mem.sum")
    page.wait_for_function(
        "old => document.querySelector(\"[data-live='overview.mem.sum']\").dataset.value !== old",
        arg=old,
        timeout=60_000,
    )


def test_signing_out_elsewhere_is_shown(open_page: OpenPage, house: House) -> None:
    page = open_page()
    fresh(page, "live")
    other = page.context.new_page()
    other.goto("/admin/")
    other.evaluate("document.getElementById('logout-form').submit()")

    fresh(page, "signedout")


def test_many_frames_leave_no_node_and_no_listener_behind(open_page: OpenPage) -> None:
    page = open_page()
    fresh(page, "live")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def counters() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        found = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
        return {name: found[name] for name in ("Nodes", "JSEventListeners")}

    received: list[object] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda text: received.append(text)))
    page.reload()
    fresh(page, "live")
    hear(page, received, 10)
    before = counters()
    hear(page, received, 30)
    after = counters()

    assert after["JSEventListeners"] <= before["JSEventListeners"] + 2
    # Rows of reasons and workers come and go with what the demo does.
    assert after["Nodes"] <= before["Nodes"] + 150
