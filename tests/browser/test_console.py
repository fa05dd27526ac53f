"""The console as a person uses it: sign in, run, watch, cancel, change language and theme."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, House, live_value, log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

OpenPage = Callable[..., Page]
#: Tables that do not fit into their card.
WIDER = """() => [...document.querySelectorAll('.vw-scroll')]
  .filter(each => each.scrollWidth > each.clientWidth).map(each => each.innerText.slice(0, 40))"""


def fresh(page: Page, state: str) -> None:
    """Wait until the sign in the header shows ``state``."""
    page.wait_for_selector(f'[data-vw-fresh][data-state="{state}"]', timeout=45_000)


def start_run(page: Page, label: str) -> None:
    """Run a definition from its form with its defaults; ends on the page of the run."""
    page.goto("/admin/scheduler/taskdefinition/")
    page.get_by_role("row").filter(has_text=label).get_by_role("link", name="Run…").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile(r"/taskrecord/\d+/change/"))


def test_numbers_change_by_themselves_while_tasks_run(open_page: OpenPage) -> None:
    page = open_page()
    fresh(page, "live")
    before = {path: live_value(page, path) for path in ("overview.mem.sum", "overview.ended")}
    address = page.url

    page.wait_for_function(
        "before => Object.entries(before).every(([path, old]) => "
        "document.querySelector(`[data-live='${path}']`).dataset.value !== old)",
        arg=before,
        timeout=60_000,
    )
    runs = "[...document.querySelectorAll('[data-vw-workers] [data-cell=runs]')].map(cell => cell.textContent).join()"
    page.wait_for_function(f"old => {runs} !== old", arg=page.evaluate(runs), timeout=60_000)

    assert page.url == address
    assert page.locator("[data-vw-legend=memory] li").count() >= 3
    assert page.locator("[data-vw-down]").is_hidden()
    legend = page.locator("[data-vw-legend=status]").inner_text()
    assert "Waiting" in legend


def test_the_reasons_add_up_to_the_number_above_them_while_they_change(open_page: OpenPage) -> None:
    page = open_page()
    fresh(page, "live")
    figures = """() => [document.querySelector('[data-vw-sum]').textContent,
      String([...document.querySelectorAll('[data-vw-reasons] tr td:first-child')]
        .reduce((sum, cell) => sum + Number(cell.textContent), 0))]"""
    as_of = page.locator("[data-vw-asof]")

    for _ in range(2):
        told = as_of.inner_text()
        shown, added = page.evaluate(figures)
        assert shown == added
        expect(as_of).not_to_have_text(told, timeout=30_000)
    for row in page.locator("[data-vw-reasons] tr").all():
        expect(row.locator("td").last).to_contain_text("oldest")


def test_a_task_is_run_from_its_form_and_followed_to_its_end(open_page: OpenPage) -> None:
    page = open_page()
    start_run(page, "Weigh pallet")

    # No reload: the page follows its run.
    expect(page.locator(".vw-sentence").first).to_contain_text("Finished in", timeout=60_000)
    assert page.locator(".vw-table tbody tr").count() >= 1
    page.get_by_role("link", name="Inputs and variables").click()
    expect(page.get_by_role("heading", name="Variables")).to_be_visible()


def test_a_run_is_cancelled_in_a_dialog_that_wants_a_reason(open_page: OpenPage) -> None:
    page = open_page()
    start_run(page, "Supply tour")
    record = page.locator(".vw-mono.vw-strong").first.inner_text()

    page.get_by_role("link", name="Cancel…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Cancel 1 run")
    expect(dialog).to_contain_text("robots stay in service")
    assert page.evaluate("document.activeElement.id") == "vw-reason"
    dialog.get_by_role("button", name="Cancel 1 run").click()
    assert dialog.is_visible(), "no reason, no cancellation"
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    page.get_by_role("link", name="Cancel…").click()
    page.get_by_role("dialog").locator("#vw-reason").fill("aisle blocked")
    page.get_by_role("dialog").get_by_role("button", name="Cancel 1 run").click()
    expect(page.get_by_text(re.compile("1 run is (being )?cancelled"))).to_be_visible()
    page.goto(f"/admin/scheduler/auditentry/?q={record}")
    row = page.get_by_role("row").filter(has_text="aisle blocked")
    expect(row).to_contain_text("Cancel a run")


def test_choosing_a_file_to_import_breaks_no_script(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/admin/scheduler/taskdefinition/import/")

    page.set_input_files("#vw-file", {"name": "tour.task", "mimeType": "application/json", "buffer": b"[]"})

    # The script of the theme has run; the fixture fails on every page error.
    expect(page.locator("form input[type=text][readonly]")).to_have_value("tour.task")


def test_every_column_and_the_bulk_actions_are_in_sight_of_a_desktop(open_page: OpenPage) -> None:
    page = open_page()
    for _ in range(2):
        start_run(page, "Supply tour")
    page.goto("/admin/scheduler/taskrecord/")
    for name in ("Created", "Took"):
        expect(page.get_by_role("columnheader", name=name)).to_be_in_viewport(ratio=1)
    # As long as a full page: the bar stays at the lower edge of the window.
    page.evaluate(
        "() => { const body = document.querySelector('#result_list tbody');"
        " while (body.rows.length < 50) body.append(body.rows[0].cloneNode(true)); }"
    )
    expect(page.get_by_role("button", name="Cancel…")).to_be_in_viewport(ratio=1)
    assert page.evaluate(WIDER) == []

    page.goto("/admin/services/")
    assert page.evaluate(WIDER) == []


def test_selected_runs_are_cancelled_together(open_page: OpenPage) -> None:
    page = open_page()
    for _ in range(2):
        start_run(page, "Supply tour")
    page.goto("/admin/scheduler/taskrecord/?status=active&q=Supply")

    page.get_by_role("button", name="Cancel…").click()
    expect(page.get_by_text("Select at least one run.")).to_be_visible()
    page.locator("[data-vw-all]").check()
    page.get_by_role("button", name="Cancel…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(re.compile(r"Cancel \d+ runs?"))
    dialog.locator("#vw-reason").fill("end of shift")
    dialog.locator("button[type=submit]").click()
    page.wait_for_url("**/taskrecord/**")
    expect(page.get_by_text(re.compile(r"\d+ runs? (is|are) (being )?cancelled")).first).to_be_visible()


def test_the_language_is_chosen_before_signing_in_and_from_the_menu(open_page: OpenPage, house: House) -> None:
    page = open_page(sign_in=False)
    page.goto("/admin/login/")
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    log_in(page, house)
    expect(page.locator("h1")).to_contain_text("总览")
    fresh(page, "live")
    expect(page.locator("[data-vw-fresh-word]")).to_contain_text("实时")
    page.locator("nav-user, .truncate", has_text=house.username).last.click()
    page.get_by_role("button", name=re.compile("English")).click()
    expect(page.locator("h1")).to_contain_text("Overview")


CHINESE_PAGES = (
    "/admin/",
    "/admin/scheduler/taskrecord/",
    "/admin/scheduler/taskdefinition/",
    "/admin/scheduler/taskdefinition/import/",
    "/admin/storage/map/",
    "/admin/storage/storagelocation/",
    "/admin/storage/storagerequest/",
    "/admin/services/",
    "/admin/scheduler/auditentry/",
)
#: Latin words that are names, units or data, not language.
_ALLOWED = re.compile(
    r"^(vwed|demo|admin|english|ctrl|k|mb|gb|ms|p\d+|rss|uss|pss|sqlite|task|zip|manage\.py|json|robot|group|holder|who"
    r"|en|zh|hans|esc|page|id)$",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", CHINESE_PAGES)
def test_no_english_is_left_on_a_chinese_page(path: str, open_page: OpenPage) -> None:
    page = open_page(locale="zh-CN")
    page.goto(path)

    text = page.evaluate(
        """() => {
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const found = [];
          while (walk.nextNode()) {
            const parent = walk.currentNode.parentElement;
            if (parent.closest('script,style,[translate=no],.material-symbols-outlined,.vw-icon,pre,code')) continue;
            if (parent.closest('[hidden],[x-cloak],option')) continue;
            found.push(walk.currentNode.data);
          }
          return found.join('\\n');
        }"""
    )
    # Ids and names carry digits; what a wait names is data too.
    text = re.sub(r"\S*[\d~]\S*", " ", text)
    words = {word for word in re.findall(r"[A-Za-z][A-Za-z.'’]+", text) if not _ALLOWED.match(word)}

    assert not {word for word in words if re.fullmatch(r"[A-Z]?[a-z]+", word)}, sorted(words)


def test_dark_and_light_are_chosen_in_the_menu_and_kept(open_page: OpenPage, house: House) -> None:
    page = open_page(color_scheme="light")
    surface = "getComputedStyle(document.querySelector('.vw-card')).backgroundColor"
    light = page.evaluate(surface)

    page.locator(".truncate", has_text=house.username).last.click()
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    dark = page.evaluate(surface)
    page.goto("/admin/scheduler/taskrecord/")

    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    assert page.evaluate(surface) == dark
    assert dark != light


def test_the_palette_finds_a_definition_and_opens_its_form(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("Control+k")
    page.locator("#search-input-command").press_sequentially("weigh")
    page.get_by_role("link", name=re.compile("Run Weigh pallet")).click()

    expect(page.locator("h1")).to_contain_text("Run Weigh pallet")


@pytest.mark.parametrize("path", ["/admin/", "/admin/scheduler/taskrecord/", "/admin/services/", "/admin/storage/map/"])
def test_a_tablet_needs_no_horizontal_scrolling(path: str, open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 1024, "height": 768})
    page.goto(path)

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_map_leads_to_a_location_which_is_taken_out_of_use(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/admin/storage/map/")
    page.locator(".vw-cell").last.click()
    page.get_by_role("link", name="Take out of use…").click()
    page.get_by_role("dialog").locator("#vw-reason").fill("rack damaged")
    page.get_by_role("dialog").get_by_role("button", name="Take out of use").click()

    expect(page.get_by_text("out of use").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("cell", name="rack damaged")).to_be_visible()
    page.get_by_role("link", name="Put back into use…").click()
    page.get_by_role("dialog").get_by_role("button", name="Put back into use").click()
    expect(page.get_by_role("link", name="Take out of use…")).to_be_visible()
