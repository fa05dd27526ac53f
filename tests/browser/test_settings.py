"""The Settings pages in a real browser, with real processes behind them: typing, scheduling, acknowledgement, back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import House

SETTINGS, HISTORY = "/admin/settings/", "/admin/settings/history/"
CHANGE_PAGE = re.compile(r"/admin/settings/history/\d+/$")
#: What a refusal's status looks like in the browser's console.
REFUSED = r"status of (409|422)"
#: The promise is 5 s; a little more for the page that tells it, on a machine that runs other tests as well.
SOON_MS = 15_000


def review(page: Page, **values: str) -> None:
    """Edit fields and go to the review."""
    page.goto(SETTINGS)
    for name, text in values.items():
        page.fill(f"#v-{name}", text)
    page.click("[data-vw-review]")
    expect(page.locator("#difference")).to_be_visible()


def save(page: Page, reason: str) -> str:
    """Save what is reviewed; the path of the change's page."""
    page.fill("#vw-reason", reason)
    page.get_by_role("button", name="Save the change").click()
    page.wait_for_url(CHANGE_PAGE)
    return page.url.removeprefix(page.url.split("/admin/")[0])


def have_all(page: Page) -> None:
    """Every process that can tell has the change."""
    expect(page.locator("tr[data-ack=applied][data-role=worker]")).to_have_count(2, timeout=SOON_MS)
    for role in ("web", "io", "pusher"):
        expect(page.locator(f"tr[data-ack=applied][data-role={role}]")).to_have_count(1, timeout=SOON_MS)
    expect(page.locator("tr[data-ack=waiting]")).to_have_count(0, timeout=SOON_MS)


def test_what_is_typed_is_judged_at_its_field_and_projected(open_page: Callable[..., Page], pictures: Path) -> None:
    page = open_page()
    page.goto(SETTINGS)
    button = page.locator("[data-vw-review]")
    expect(button).to_be_disabled()
    workers = page.locator("[data-vw-projection] tr[data-figure=workers] td.vw-num")
    before = workers.inner_text()

    page.fill("#v-workers", "64")
    expect(workers).to_contain_text(f"{before} →")
    page.fill("#v-pool_size", "0")
    page.fill("#v-cluster_timeout", "7200")
    expect(page.locator("#e-pool_size")).to_contain_text("from 1 to 500")
    expect(page.locator("#e-cluster_timeout")).to_contain_text("must be below the retry time")
    expect(page.locator("#v-pool_size")).to_have_attribute("aria-invalid", "true")
    expect(button).to_have_text(re.compile("Review 3 changes"))
    page.screenshot(path=pictures / "settings.png")

    page.fill("#v-cluster_retry", "8000")
    expect(page.locator("#e-cluster_timeout")).to_be_hidden()
    page.fill("#v-pool_size", "10")
    expect(page.locator("#e-pool_size")).to_be_hidden()
    expect(page.locator("#v-pool_size")).not_to_have_attribute("aria-invalid", "true")
    expect(button).to_have_text(re.compile("Review 3 changes"))
    page.fill("#vw-find", "time-out")
    expect(page.locator("[data-setting=cluster_retry]")).to_be_visible()
    expect(page.locator("[data-setting=workers]")).to_be_hidden()


def test_a_fault_that_is_sent_anyway_comes_back_with_everything_typed(open_page: Callable[..., Page]) -> None:
    page = open_page(tolerate=REFUSED)
    page.goto(SETTINGS)
    page.fill("#v-plan_cache", "99")
    page.fill("#v-pool_size", "many")
    expect(page.locator("#e-pool_size")).to_be_visible()

    page.click("[data-vw-review]")

    expect(page.locator("#e-pool_size")).to_contain_text("is not a value of pool_size")
    expect(page.locator("[role=alert]").first).to_contain_text("Nothing was changed")
    expect(page.locator("#v-pool_size")).to_be_focused()
    assert (page.input_value("#v-plan_cache"), page.input_value("#v-pool_size")) == ("99", "many")


def test_a_change_is_acknowledged_by_every_process_and_rolled_back(
    open_page: Callable[..., Page], pictures: Path
) -> None:
    page = open_page(tolerate=REFUSED)
    review(page, max_retries="77", pool_size="12")
    page.get_by_role("button", name="Save the change").click()
    expect(page.locator(".vw-error")).to_contain_text("reason_missing")
    first = save(page, "shorter waits")
    have_all(page)
    expect(page.locator("tr[data-ack=cannot][data-role=demo]")).to_have_count(1)
    expect(page.locator("#observation")).to_contain_text("the first hour after the change is not over")
    page.screenshot(path=pictures / "change.png", full_page=True)

    page.goto(first)
    page.get_by_role("link", name="Roll back to before it").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("max_retries: 77 → 1000")
    expect(dialog).to_contain_text("This is a new change")
    dialog.locator("#vw-reason").fill("it was better before")
    dialog.get_by_role("button", name="Roll back").click()
    page.wait_for_function("path => location.pathname !== path && /history.\\d+.$/.test(location.pathname)", arg=first)
    have_all(page)

    page.goto(first)
    expect(page.locator(".vw-kv")).to_contain_text("brought back earlier values")
    page.goto(SETTINGS)
    assert (page.input_value("#v-max_retries"), page.input_value("#v-pool_size")) == ("1000", "10")


def test_a_change_is_scheduled_applied_in_time_and_another_is_cancelled(
    house: House, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    review(page, plan_cache="99")
    page.check("input[name=when][value=tonight]")
    tonight = save(page, "in the quiet hour")
    expect(page.locator("header .vw-chip").first).to_contain_text("scheduled")
    page.goto(SETTINGS)
    expect(page.locator("td").filter(has_text="in the quiet hour")).to_be_visible()
    assert page.input_value("#v-plan_cache") != "99"
    page.goto(tonight)
    page.get_by_role("link", name="Cancel the change").click()
    page.locator("dialog[open] #vw-reason").fill("not tonight")
    page.locator("dialog[open]").get_by_role("button", name="Cancel the change").click()
    expect(page.locator(".vw-kv")).to_contain_text("Cancelled before its time: not tonight")

    # The field takes whole minutes: the next one is at most a minute away.
    review(page, plan_cache="98")
    zone = page.locator("input[name=at] + .vw-subtle").inner_text()
    minute = page.evaluate(
        """zone => new Date(Date.now() + 60000).toLocaleString('sv', { timeZone: zone }).slice(0, 16)""", zone
    )
    page.fill("input[name=at]", minute.replace(" ", "T"))
    expect(page.locator("#vw-when-at")).to_be_checked()
    save(page, "at the full minute")
    due = page.locator("dl time").nth(1).get_attribute("datetime")
    page.mouse.move(0, 0)
    expect(page.locator("header .vw-chip").first).to_contain_text("applied", timeout=75_000)
    have_all(page)
    now = datetime.fromisoformat(page.evaluate("new Date().toISOString()"))
    assert now - datetime.fromisoformat(due or "") < timedelta(seconds=5 + SOON_MS / 1000)


def test_who_comes_second_sees_both_differences(open_page: Callable[..., Page], pictures: Path) -> None:
    mine, theirs = open_page(tolerate=REFUSED), open_page()
    review(mine, pool_size="14")
    review(theirs, pool_size="16", max_retries="88")
    save(theirs, "first")

    mine.fill("#vw-reason", "second")
    mine.get_by_role("button", name="Save the change").click()

    meanwhile = mine.locator("[data-vw-meanwhile]")
    expect(meanwhile).to_contain_text("changed_meanwhile")
    expect(meanwhile).to_contain_text("max_retries")
    expect(mine.locator("#difference tr[data-setting=pool_size]")).to_contain_text("16")
    expect(mine.locator("#difference tr[data-setting=max_retries]")).to_have_count(0)
    mine.screenshot(path=pictures / "meanwhile.png", full_page=True)
    save(mine, "second, after a look at the first")
    mine.goto(SETTINGS)
    assert (mine.input_value("#v-pool_size"), mine.input_value("#v-max_retries")) == ("14", "88")


def test_clusters_are_replaced_from_the_page_with_progress(open_page: Callable[..., Page]) -> None:
    page = open_page()
    review(page, recycle="4000")
    expect(page.locator("#difference")).to_be_visible()
    save(page, "renewed sooner")
    expect(page.locator("tr[data-ack=needs_replacement][data-role=main]")).to_have_count(1)

    page.get_by_role("link", name="Replace the clusters").click()
    page.locator("dialog[open] #vw-reason").fill("take the new value")
    page.locator("dialog[open]").get_by_role("button", name="Replace the clusters").click()

    expect(page.locator("[data-vw-replacing]")).to_contain_text("at it now")
    page.mouse.move(0, 0)
    expect(page.locator("[data-vw-replacing]")).to_have_count(0, timeout=60_000)
    expect(page.locator("tr[data-ack=applied][data-role=main]")).to_have_count(1)


def test_a_file_goes_out_and_comes_in(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page()
    page.goto(SETTINGS)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r'"plan_cache": "\d+"', '"plan_cache": "333"', text), encoding="utf-8")

    page.goto(f"{SETTINGS}import/")
    page.set_input_files("#vw-file", file)
    page.get_by_role("button", name="Review").click()
    expect(page.locator("#difference tr[data-setting]")).to_have_count(1)
    save(page, "from the other hall")
    page.goto(SETTINGS)
    assert page.input_value("#v-plan_cache") == "333"


def test_the_pages_in_chinese_and_dark_say_the_same(open_page: Callable[..., Page], pictures: Path) -> None:
    page = open_page(color_scheme="dark", locale="zh-CN")
    page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": page.url}])
    page.goto(SETTINGS)
    page.fill("#v-workers", "64")
    expect(page.locator("[data-vw-review]")).to_contain_text("审阅 1 项修改")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], "nothing hangs over the edge"  # type: ignore[index]
    page.screenshot(path=pictures / "settings-zh-dark.png")
    page.goto(HISTORY)
    page.locator("tbody a.vw-link").first.click()
    expect(page.locator("#processes h2")).to_have_text("哪些进程已采用")
    page.screenshot(path=pictures / "change-zh-dark.png", full_page=True)
