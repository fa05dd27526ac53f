"""What the pages show, how many queries they cost, and that no data becomes script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.commands import sites
from scheduler.models import JournalEntry, TaskDefinition, TaskRecord, Wait
from scheduler.states import BlockCode, Status
from storage.models import StorageLocation, StorageRequest
from tests.web.conftest import add_block, add_log

HOSTILE = "\"><script>alert(1)</script>{{6007*6007}}' onload=x: alert(1), y"
TABS = ("blocks", "log", "values", "effects", "family")


def detail(record: TaskRecord, tab: str = "blocks") -> str:
    return f"/admin/scheduler/taskrecord/{record.pk}/change/?tab={tab}"


@pytest.fixture
def admin(as_role: Callable[[str], Client]) -> Client:
    return as_role("root")


def test_the_list_shows_where_each_run_stands(admin: Client, make_record: Callable[..., TaskRecord]) -> None:
    waiting = make_record("run-w", Status.WAITING)
    Wait.objects.create(
        record=waiting, branch="0", block="b3", key="order:o1", code="order", since_ms=clock.now_ms(),
        args={"robot": "AMB-03", "order": "o1", "state": "RUNNING"},
    )  # fmt: skip
    make_record("run-f", Status.FAILED, ended_at=clock.now(), ended_reason="Location B-03 does not exist.")

    text = admin.get("/admin/scheduler/taskrecord/").content.decode()

    assert "AMB-03 executes order o1: RUNNING." in text
    assert "Location B-03 does not exist." in text
    assert "Waiting" in text
    assert "hourglass_top" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=run-1", {"run-1", "run-10"}),
        ("q=robot:AMB-07", {"run-2"}),
        ("q=order:4711", {"run-3"}),
        ("q=Transport", {"run-1", "run-10", "run-2", "run-3"}),
        ("q=nothing-like-it", set()),
        ("status=failed", {"run-2"}),
        ("status=active", {"run-1", "run-10", "run-3"}),
        ("status=no-such-status", {"run-1", "run-10", "run-2", "run-3"}),
    ],
)
def test_search_and_filters_find_their_runs(
    query: str, found: set[str], admin: Client, make_record: Callable[..., TaskRecord]
) -> None:
    make_record("run-1")
    make_record("run-10")
    make_record("run-2", Status.FAILED, agv_id="AMB-07", ended_at=clock.now())
    make_record("run-3", Status.READY, out_order_no="4711")
    make_record("run-p", periodic=True)

    listing = admin.get(f"/admin/scheduler/taskrecord/?{query}").context["listing"]

    assert {row.record_id for row in listing.rows} == found


def test_pages_go_forth_and_back_over_every_row_once(admin: Client, make_record: Callable[..., TaskRecord]) -> None:
    for number in range(120):
        make_record(f"run-{number:03d}")
    seen: list[str] = []
    url, pages = "", []
    while True:
        listing = admin.get(f"/admin/scheduler/taskrecord/{url}").context["listing"]
        pages.append([row.record_id for row in listing.rows])
        seen += pages[-1]
        if not listing.next_url:
            break
        url = listing.next_url
    back = admin.get(f"/admin/scheduler/taskrecord/{listing.previous_url}").context["listing"]

    assert seen == [f"run-{number:03d}" for number in reversed(range(120))]
    assert [row.record_id for row in back.rows] == pages[-2]


def test_the_list_costs_the_same_queries_for_one_row_and_for_fifty(
    admin: Client, make_record: Callable[..., TaskRecord]
) -> None:
    for number in range(50):
        record = make_record(f"run-{number}", Status.WAITING)
        Wait.objects.create(
            record=record, branch="0", block="b", key=f"time:{number}", code="time", since_ms=1, due_ms=2
        )
    admin.get("/admin/scheduler/taskrecord/")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        admin.get("/admin/scheduler/taskrecord/")

    assert len(queries) <= 10, [query["sql"] for query in queries]


@pytest.mark.parametrize("tab", TABS)
def test_a_run_with_hundreds_of_rows_stays_within_its_query_budget(
    tab: str, admin: Client, make_record: Callable[..., TaskRecord]
) -> None:
    record = make_record("run-1", Status.WAITING)
    for number in range(100):
        add_block(record, number, f"b{number}")
        add_log(record, "block.print", message=str(number))
        JournalEntry.objects.create(record=record, at=clock.now(), to_status=Status.READY)
    Wait.objects.create(record=record, branch="0", block="b3", key="order:o1", code="robot", since_ms=1)
    admin.get(detail(record, tab))
    with CaptureQueriesContext(connection) as queries:
        answer = admin.get(detail(record, tab))

    assert answer.status_code == 200
    assert len(queries) <= 14, [query["sql"] for query in queries]


def test_the_overview_names_what_most_runs_wait_for(admin: Client, make_record: Callable[..., TaskRecord]) -> None:
    now = clock.now()
    for number in range(3):
        record = make_record(f"run-{number}", Status.WAITING)
        key = f"run-{number}/b1"
        Wait.objects.create(record=record, branch="0", block="b1", key=f"site:{key}", code="location", since_ms=1)
        StorageRequest.objects.create(
            key=key, holder=record.record_id, lock_for=record.record_id, kind="find", group_name="B", filled=False,
            rank=number, wait_key=key, first_at=now, retry_period_ms=1000,
        )  # fmt: skip

    page = admin.get("/admin/")

    assert [(row["text"], row["count"]) for row in page.context["reasons"]] == [("an empty location in group B", 3)]
    why = page.context["live"]["overview"]["why"]
    assert why["n"] == sum(row["count"] for row in page.context["reasons"]) == 3
    assert '<span class="vw-num" data-vw-sum>3</span>' in page.content.decode()


def test_overview_stays_within_its_query_budget(admin: Client, make_record: Callable[..., TaskRecord]) -> None:
    for number in range(30):
        make_record(f"run-{number}", Status.READY)
    admin.get("/admin/")
    with CaptureQueriesContext(connection) as queries:
        admin.get("/admin/")

    assert len(queries) <= 19, [query["sql"] for query in queries]


def test_a_run_shows_blocks_in_order_with_states_and_outputs(
    admin: Client, make_record: Callable[..., TaskRecord]
) -> None:
    record = make_record("run-1")
    add_block(record, 1, "b1", path="b1", outputs='{"siteId":"B-03"}')
    add_block(record, 2, "b2", path="b1/if/b2", code=BlockCode.FAILED, reason="No such location.")

    page = admin.get(detail(record))

    blocks = page.context["blocks"]
    assert [(block.record.name, block.depth) for block in blocks] == [("b1", 1), ("b2", 2)]
    text = page.content.decode()
    assert "No such location." in text
    assert "B-03" in text


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_hostile_names_values_and_logs_stay_text(
    tab: str, language: str, admin: Client, make_record: Callable[..., TaskRecord]
) -> None:
    admin.cookies["django_language"] = language
    record = make_record(
        HOSTILE[:60], Status.WAITING, label=HOSTILE, state_description=HOSTILE, agv_id=HOSTILE, variables=f'"{HOSTILE}'
    )
    add_block(record, 1, HOSTILE, outputs=HOSTILE, reason=HOSTILE)
    add_log(record, "block.print", message=HOSTILE)
    JournalEntry.objects.create(record=record, at=clock.now(), to_status=Status.READY, actor=HOSTILE, reason=HOSTILE)
    Wait.objects.create(
        record=record,
        branch="0",
        block=HOSTILE,
        key="x",
        code="lock",
        since_ms=1,
        args={"site": HOSTILE, "holder": HOSTILE},
    )

    for url in (detail(record, tab), "/admin/scheduler/taskrecord/", "/admin/"):
        text = admin.get(url).content.decode()
        assert "<script>alert" not in text
        assert "36084049" not in text


@pytest.mark.parametrize("code", ["location", "lock", "robot", "order", "effect", "time", "child", "no-such-code"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_wait_says_why_since_and_links_its_holder(
    code: str, language: str, admin: Client, make_record: Callable[..., TaskRecord]
) -> None:
    admin.cookies["django_language"] = language
    holder = make_record("run-holder")
    record = make_record("run-1", Status.WAITING)
    now = clock.now_ms()
    args = {"site": "B-03", "holder": "run-holder", "criteria": "x", "n": 3, "of": 1000, "id": "run-holder"}
    Wait.objects.create(
        record=record, branch="0", block="b3", key="k", code=code, args=args,
        since_ms=now - 60_000, due_ms=now + 60_000, deadline_ms=now + 60_000,
    )  # fmt: skip

    page = admin.get(detail(record))

    (card,) = page.context["waits"]
    text = page.content.decode()
    assert card.sentence
    assert "{time}" not in card.sentence
    assert "{group}" not in card.sentence
    if code == "child":  # it may take as long as it likes
        assert card.attempt is None
    else:  # half of the time has passed, and what making the page took
        assert card.attempt is not None
        assert 499 <= card.attempt < 700
    assert f"/taskrecord/{holder.pk}/change/" in text


def test_a_deadlock_is_named(admin: Client, make_record: Callable[..., TaskRecord]) -> None:
    names = ["run-a", "run-b", "run-c"]
    rows = {name: make_record(name, Status.WAITING) for name in names}
    for name, holder in zip(names, [*names[1:], names[0]], strict=True):
        Wait.objects.create(
            record=rows[name],
            branch="0",
            block="b",
            key=name,
            code="lock",
            since_ms=1,
            args={"site": "S", "holder": holder},
        )

    (card,) = admin.get(detail(rows["run-a"])).context["waits"]

    assert card.tone == "decide"
    assert all(name in card.sentence for name in names)


def test_a_definition_shows_its_tree_inputs_and_versions(admin: Client, definition: TaskDefinition) -> None:
    url = f"/admin/scheduler/taskdefinition/{definition.pk}/change/"

    tree = admin.get(url).context["tree"]
    inputs = admin.get(f"{url}?tab=inputs").context["inputs"]
    versions = admin.get(f"{url}?tab=versions").context["versions"]

    assert [(row.type, row.depth, row.branch) for row in tree] == [
        ("RootBp", 0, ""),
        ("IfElseBp", 1, ""),
        ("PrintBp", 2, "if"),
        ("PrintBp", 2, "else"),
    ]
    assert [item.name for item in inputs] == ["target", "pallets", "careful", "extra"]
    assert [version.number for version in versions] == [1]
    assert admin.get(f"{url}?version=99").status_code == 404


def test_definitions_are_found_by_a_part_of_their_label_in_any_case(admin: Client, definition: TaskDefinition) -> None:
    found = admin.get("/admin/scheduler/taskdefinition/?q=SPORT").context["listing"]
    missing = admin.get("/admin/scheduler/taskdefinition/?q=nothing").context["listing"]

    assert [row.label for row in found.rows] == ["Transport A→B"]
    assert missing.rows == []


def test_a_location_says_who_holds_it(
    admin: Client, site: StorageLocation, make_record: Callable[..., TaskRecord]
) -> None:
    record = make_record("run-1", Status.WAITING)
    sites.lock(["B-03"], "run-1", actor="tests", origin="command")

    page = admin.get(f"/admin/storage/storagelocation/{site.pk}/change/").content.decode()
    board = admin.get("/admin/storage/map/").content.decode()

    assert f"/taskrecord/{record.pk}/change/" in page
    assert "data-lock" in board


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("/admin/", "manage.py import_tasks"),
        ("/admin/", "no cluster is alive"),
        ("/admin/scheduler/taskrecord/", "manage.py run_task"),
        ("/admin/scheduler/taskdefinition/", "manage.py import_tasks"),
        ("/admin/storage/storagelocation/", "manage.py locations create"),
        ("/admin/storage/map/", "manage.py locations create"),
        ("/admin/services/", "manage.py cluster"),
    ],
)
def test_an_empty_installation_says_what_to_do_next(url: str, says: str, admin: Client) -> None:
    assert says in admin.get(url).content.decode()


def test_the_palette_finds_pages_in_both_languages_runs_definitions_and_locations(
    admin: Client, make_record: Callable[..., TaskRecord], site: StorageLocation
) -> None:
    make_record("run-77")

    def found(term: str) -> str:
        return admin.get("/admin/search/", {"s": term, "extended": "1"}).content.decode()

    assert "/admin/storage/map/" in found("storage m")
    assert "run-77" in found("run-7")
    assert "Transport A→B" in found("transp")
    assert "B-03" in found("B-0")
    assert found("x") == ""


def test_the_short_address_of_a_run_leads_to_its_page(admin: Client, make_record: Callable[..., TaskRecord]) -> None:
    record = make_record("run-77")

    assert admin.get("/admin/r/run-77/")["Location"] == f"/admin/scheduler/taskrecord/{record.pk}/change/"
    assert admin.get("/admin/r/run-78/").status_code == 404
