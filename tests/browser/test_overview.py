"""The Overview in a real browser: its numbers are the database's, its charts move, its ranges switch, a worker dies."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import House, drawn, live_value
from tests.browser.test_console import fresh
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

OpenPage = Callable[..., Page]
CHARTS = ("memory", "status", "throughput", "latency", "queue_age", "requests", "connections")
TAB = "&memory=lines"


def ask(house: House, statement: str) -> list[tuple[Any, ...]]:
    """Rows of the console's database, read from outside."""
    address = f"file:{house.console.directory / 'console.sqlite3'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=20)) as database:
        return database.execute(statement).fetchall()


def legend(page: Page, chart: str) -> dict[str, str]:
    """Series → its newest value, as the legend shows it."""
    found = page.evaluate(
        """chart => Object.fromEntries([...document.querySelectorAll(`[data-vw-legend="${chart}"] li`)]
          .map(item => [item.dataset.series, item.lastChild.textContent]))""",
        chart,
    )
    return dict(found)


def agrees(page: Page, house: House, path: str, statement: str) -> None:
    """Wait until a live value is what the database says before and after it was looked at."""
    seen: list[str] = []

    def same() -> bool:
        before = str(ask(house, statement)[0][0])
        page.wait_for_timeout(50)
        shown = live_value(page, path)
        seen[:] = [before, shown]
        return shown == before

    wait_until(same, 40, lambda: f"{path}: database and page {seen}", interval=0.2)


def test_the_numbers_are_those_of_the_database(open_page: OpenPage, house: House) -> None:
    page = open_page()
    fresh(page, "live")

    def runs(status: str) -> str:
        return f"SELECT COUNT(*) FROM scheduler_taskrecord WHERE status = '{status}'"

    for status in ("waiting", "ready", "paused", "interrupted"):
        agrees(page, house, f"overview.n.{status}", runs(status))
    agrees(page, house, "overview.req", "SELECT COUNT(*) FROM storage_storagerequest WHERE state = 'pending'")
    agrees(page, house, "overview.loc.1", "SELECT COUNT(*) FROM storage_storagelocation")
    agrees(page, house, "overview.loc.0", "SELECT COUNT(*) FROM storage_storagelocation WHERE filled")
    memory = "COALESCE(json_extract(sample, '$.pss'), json_extract(sample, '$.uss'), json_extract(sample, '$.rss'))"
    agrees(page, house, "overview.mem.sum", f"SELECT SUM({memory}) FROM scheduler_processrow WHERE ended_at IS NULL")


def test_every_chart_is_drawn_and_moves(open_page: OpenPage, pictures: Path) -> None:
    page = open_page(viewport={"width": 1440, "height": 2200})
    fresh(page, "live")
    page.wait_for_function(
        "names => names.every(name => document.querySelector(`[data-vw-legend='${name}'] li`))", arg=CHARTS
    )
    axis = "Chart.getChart(document.querySelector('[data-vw-chart=\"%s\"]')).options.scales.x.max"
    before = {name: page.evaluate(axis % name) for name in CHARTS}
    memory = legend(page, "memory")

    for name in CHARTS:
        assert drawn(page, name), name
        page.wait_for_function(f"old => {axis % name} > old + 2000", arg=before[name])
    wait_until(lambda: page.wait_for_timeout(200) or legend(page, "memory") != memory, 60, "memory to change")
    assert {"web", "…"} <= set(memory), "the largest have a line, the others one together"
    assert len(memory) == 6
    # What is told by slots of five seconds goes on where the history ended.
    ends = "Chart.getChart(document.querySelector('[data-vw-chart=throughput]')).data.datasets[0].data.at(-1).x"
    last = page.evaluate(ends)
    page.wait_for_function(f"old => {ends} > old", arg=last)
    page.screenshot(path=pictures / "overview.png", full_page=True)


def test_ranges_switch_are_in_the_address_and_come_back_with_it(open_page: OpenPage) -> None:
    page = open_page()
    fresh(page, "live")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/history/" in request.url else None)

    page.click("[data-vw-range='24h']")
    page.wait_for_url("**/admin/?range=24h")
    bounds = "(() => { const x = Chart.getChart(document.querySelector('[data-vw-chart=%s]')).options.scales.x;"
    bounds += " return x.max - x.min; })()"
    for name in CHARTS:
        page.wait_for_function(f"{bounds % name} === 86400000")
        assert any(f"chart={name}&range=24h" in url for url in asked)
    # The tiles go on meanwhile.
    old = live_value(page, "overview.mem.sum")
    wait_until(lambda: page.wait_for_timeout(200) or live_value(page, "overview.mem.sum") != old, 60, "a live tile")

    page.click("[data-vw-mode=lines]")
    page.wait_for_url(f"**/admin/?range=24h{TAB}")
    page.reload()
    expect(page.locator("[data-vw-range='24h']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-vw-mode=lines]")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f"{bounds % 'memory'} === 86400000")
    assert (
        page.evaluate("Chart.getChart(document.querySelector('[data-vw-chart=memory]')).options.scales.y.stacked")
        is False
    )

    page.click("[data-vw-range='live']")
    page.wait_for_url("**/admin/?memory=lines")
    page.wait_for_function(f"{bounds % 'memory'} < 300000")


def test_a_range_without_samples_says_since_when(open_page: OpenPage) -> None:
    page = open_page()
    hour = 3_600_000
    empty = {"from_ms": 10 * hour, "to_ms": 20 * hour, "step_ms": hour, "last_ms": 5 * hour, "series": []}
    page.route("**/history/*range=90d", lambda route: route.fulfill(json=empty))
    page.route("**/history/*range=10d", lambda route: route.fulfill(json={**empty, "last_ms": None}))
    note = page.locator("[data-vw-panel=status] [data-vw-chart-note]")
    for name, said in (("90d", "No samples since 01-01"), ("10d", "No samples in this range."), ("live", "")):
        page.click(f"[data-vw-range='{name}']")
        expect(note).to_contain_text(said)
    expect(note).to_be_hidden()


def test_a_chart_is_read_as_a_table(open_page: OpenPage) -> None:
    page = open_page()
    card = page.locator("[data-vw-panel=status]")
    page.wait_for_function("document.querySelectorAll('[data-vw-legend=status] li').length > 4")
    card.get_by_text("As table").click()

    expect(card.locator("caption")).to_contain_text("The last 20 points, as of")
    expect(card.locator("thead")).to_contain_text("Waiting")
    assert 1 <= card.locator("tbody tr").count() <= 20
    card.get_by_text("As table").click()
    expect(card.locator("table")).to_have_count(0)


@pytest.mark.parametrize("path", ["/admin/", "/admin/?range=24h", "/admin/?wall=1"])
def test_dark_and_chinese_speak_chinese(path: str, open_page: OpenPage, pictures: Path) -> None:
    page = open_page(color_scheme="dark", locale="zh-CN")
    page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": page.url}])
    page.goto(path)

    page.wait_for_function("document.querySelectorAll('[data-vw-legend=throughput] li').length === 3")
    expect(page.locator("[data-vw-legend=throughput]")).to_contain_text("已完成")
    expect(page.locator("[data-vw-panel=memory] h2")).to_have_text("各进程内存（MB）")
    page.screenshot(path=pictures / "overview-zh-dark.png", full_page=True)


class Feed:
    """The server's side of a page's socket, played by the test: frames as it likes, from the page's own first one."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/ws/live/", lambda socket: self._take(socket))
        page.reload()
        wait_until(lambda: page.wait_for_timeout(50) or self.sockets, 20, "the page's socket")
        page.wait_for_function("document.querySelectorAll('[data-vw-legend=memory] li').length > 2")
        self.overview = json.loads(page.locator("#vw-live").text_content() or "")["overview"]
        self.now = int(time.time() * 1000)
        self.seq = 0

    def _take(self, socket: WebSocketRoute) -> None:
        socket.on_message(lambda _message: None)
        self.sockets.append(socket)

    def send(self, **changed: Any) -> None:
        """One frame, a second after the last; wait until the page has drawn it."""
        self.seq, self.now = self.seq + 1, self.now + 1000
        frame = {"v": 1, "seq": self.seq, "now": self.now, "t": {"overview": {**self.overview, **changed}}}
        self.sockets[-1].send(json.dumps(frame))
        self.page.wait_for_function(
            "want => document.querySelector('[data-live=\"overview.req\"]').dataset.value === want",
            arg=str(changed["req"]),
        )


def test_reasons_keep_their_order_while_the_pointer_is_over_them(open_page: OpenPage) -> None:
    page = open_page()
    feed = Feed(page)
    now = feed.now

    def why(*codes: str) -> dict[str, Any]:
        return {"at": now, "n": len(codes), "more": 0, "rows": [[code, {}, 1, now - 60_000] for code in codes]}

    def shown() -> list[str | None]:
        return [row.get_attribute("data-code") for row in page.locator("[data-vw-reasons] tr").all()]

    page.clock.install()
    page.clock.fast_forward(11_000)
    feed.send(req=1001, why=why("robot", "time"))
    assert shown() == ["robot", "time"]
    page.locator("[data-vw-reasons] tr").first.hover()
    page.clock.fast_forward(15_000)
    feed.send(req=1002, why=why("time", "robot"))
    assert shown() == ["robot", "time"]
    page.locator("h1").hover()
    feed.send(req=1003, why=why("time", "robot"))
    assert shown() == ["time", "robot"]
    # And not again at once.
    feed.send(req=1004, why=why("robot", "time"))
    assert shown() == ["time", "robot"]


def test_six_hundred_frames_leave_nothing_in_the_page(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 1440, "height": 2200})
    feed = Feed(page)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def counters() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        return {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}

    def frames(start: int, count: int) -> None:
        for number in range(start, start + count):
            sizes = [[name, size + 1000 * (number % 50)] for name, size in feed.overview["mem"]["p"]]
            slot = {"at": feed.now - 5000, "throughput": {"finished": number % 7}, "latency": {"p50": number % 9 + 1}}
            feed.send(req=5000 + number, mem={**feed.overview["mem"], "p": sizes}, s=slot)

    frames(0, 320)  # every ring is full
    before = counters()
    frames(320, 600)
    after = counters()

    assert after["JSEventListeners"] == before["JSEventListeners"]
    assert after["Nodes"] <= before["Nodes"] + 20
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] <= 1_000_000


def test_a_wall_display_shows_its_clock_and_fits_its_screen(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 1920, "height": 1080})
    page.goto("/admin/?wall=1")
    clock = page.locator("[data-vw-clock]")
    told = clock.inner_text()

    expect(clock).not_to_have_text(told)
    expect(clock).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    assert page.locator("#nav-sidebar").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_killed_worker_is_shown_as_gone_and_its_successor_works(open_page: OpenPage, house: House) -> None:
    """The last one: the console of this module has lost a worker then."""
    page = open_page()
    fresh(page, "live")
    name, pid = ask(
        house, "SELECT name, pid FROM scheduler_processrow WHERE role = 'worker' AND ended_at IS NULL AND seat = 1"
    )[0]

    os.kill(pid, signal.SIGKILL)

    expect(page.locator(f'tr[data-worker="{name}"]')).to_have_attribute("data-state", "gone", timeout=15_000)
    expect(page.locator("[data-vw-workers] tr[data-state=alive]")).to_have_count(2, timeout=15_000)
    expect(page.locator("[data-vw-alertline]")).to_contain_text("A process died", timeout=20_000)
