"""The Overview: each number is that of its rows, the address chooses what is shown, and a wall display stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.models import ProcessRow, TaskRecord
from scheduler.states import Status
from storage.models import StorageLocation, StorageRequest
from tests.db.monitoring.making import process, series, system
from vwed.live import frames
from vwed.live.topics import TOPICS
from vwed.models import Growth

AsRole = Callable[[str], Client]
MB = 1_000_000
#: Places in a worker's row.
SEAT, RECORD, LABEL, BLOCK, SINCE, BYTES, RUNS, STATE, RECYCLE_IN, NAME = range(10)


def overview() -> dict[str, Any]:
    """What the topic tells now."""
    return TOPICS["overview"].reader()()


def worker(name: str, seat: int, **fields: Any) -> ProcessRow:
    return process(name, at=clock.now(), seat=seat, **fields)


def test_each_number_is_that_of_its_rows(
    db: None, site: StorageLocation, make_record: Callable[..., TaskRecord]
) -> None:
    make_record("run-1", Status.READY)
    make_record("run-2", Status.WAITING)
    StorageRequest.objects.create(
        key="run-2/b", holder="run-2", lock_for="run-2", kind="find", group_name="B", rank=1, wait_key="run-2/b",
        first_at=clock.now(), retry_period_ms=1000,
    )  # fmt: skip
    StorageLocation.objects.filter(pk=site.pk).update(filled=True)
    worker("w-1", 1, sample={"pss": 30 * MB, "rss": 90 * MB, "connections": 2}, boot_id="a")
    process("web-1", "web", at=clock.now(), sample={"uss": 50 * MB, "rss": 99 * MB, "connections": 3}, boot_id="b")
    slot = int(clock.now().timestamp()) // 5 * 5 - 5
    system([slot], finished=2, failed=1, cancelled=0, latency_p50=3, latency_p95=12, latency_p99=40)
    Growth.objects.create(subject="system", verdict="flat", at=clock.now())

    told = overview()

    assert {name: told["n"][name] for name in ("ready", "waiting", "running")} == {
        "ready": 1,
        "waiting": 1,
        "running": 0,
    }
    assert told["mem"]["p"] == [["web", 50 * MB], ["worker 1", 30 * MB]]
    assert (told["mem"]["sum"], told["mem"]["v"]) == (80 * MB, "flat")
    assert told["mem"]["kind"] == "USS", "the web process tells no PSS: the sum is no better than that"
    assert (told["req"], told["loc"]) == (1, [1, 1])
    assert told["s"] == {
        "at": slot * 1000,
        "throughput": {"finished": 24, "failed": 12, "cancelled": 0},
        "latency": {"p50": 3, "p95": 12, "p99": 40},
    }


def test_a_second_of_the_overview_costs_the_same_queries_for_one_worker_and_for_forty(
    db: None, make_record: Callable[..., TaskRecord]
) -> None:
    make_record("run-1", Status.READY)
    counts = []
    for seats in (range(1, 2), range(2, 41)):
        for seat in seats:
            worker(f"w-{seat}", seat, sample={"pss": MB}, current_record="run-1")
        read = TOPICS["overview"].reader()
        with CaptureQueriesContext(connection) as first:
            read()
        with CaptureQueriesContext(connection) as second:
            read()
        counts.append((len(first), len(second)))

    assert counts[0] == counts[1]
    assert counts[0][0] <= 17
    assert counts[0][1] <= 9


def test_an_old_slot_is_not_told_as_the_present(db: None) -> None:
    system([int(clock.now().timestamp()) // 5 * 5 - 300], finished=2)

    assert overview()["s"] is None


def test_a_worker_says_what_it_runs_and_when_it_is_renewed(db: None, make_record: Callable[..., TaskRecord]) -> None:
    make_record("run-1")
    since = clock.now() - timedelta(seconds=3)
    work = {"current_record": "run-1", "current_block": "b2", "current_since": since}
    worker("w-10", 10, sample={"pss": 30 * MB, "recycle_at": 5000}, runs=4990, **work)
    worker("w-2", 2, draining=True)
    old = clock.now() - timedelta(seconds=12)
    process("w-3", at=old, seat=3)

    rows = {row[NAME]: row for row in overview()["w"]}

    assert list(rows) == ["w-2", "w-3", "w-10"]
    ten = rows["w-10"]
    assert ten[SEAT : SINCE + 1] == ["worker 10", "run-1", "Transport A→B", "b2", clock.at_ms(since)]
    assert (ten[BYTES], ten[RUNS], ten[STATE], ten[RECYCLE_IN]) == (30 * MB, 4990, "alive", 10)
    assert rows["w-2"][STATE] == "draining"
    assert rows["w-3"][STATE] == "late"


def test_a_worker_that_died_keeps_its_row_for_a_minute_and_one_that_was_renewed_does_not(as_role: AsRole) -> None:
    now = clock.now()
    ended = {"ended_at": now - timedelta(seconds=5), "runs": 7}
    worker("killed", 1, cause="died: signal 9", **ended)
    worker("renewed", 2, cause="recycled", **ended)
    worker("long ago", 3, cause="died: signal 9", ended_at=now - timedelta(minutes=2))
    worker("next", 1)

    page = as_role("Viewer").get("/admin/")

    assert [(row["name"], row["state"]) for row in page.context["workers"]] == [("next", "alive"), ("killed", "gone")]
    assert "power_off" in page.content.decode()


def test_a_full_house_fits_into_a_frame(db: None, make_record: Callable[..., TaskRecord]) -> None:
    make_record("0123456789abcdef0123456789abcdef", label="Transport of a long name A→B")
    for seat in range(1, 41):
        sample = {"pss": 300 * MB + seat, "recycle_at": 5000}
        worker(f"worker-0123abcd-{10000 + seat}", seat, runs=4000, sample=sample, current_block="CAgvOperationBp",
               current_record="0123456789abcdef0123456789abcdef", current_since=clock.now())  # fmt: skip

    told = overview()

    assert len(told["w"]) == 32
    assert told["wmore"] == 8
    assert len(frames.dumps(told).encode()) < frames.FRAME_LIMIT / 2


@pytest.mark.parametrize(
    ("query", "pressed"), [("", "live"), ("range=24h", "24h"), ("range=90d", "90d"), ("range=<script>", "live")]
)
def test_the_address_chooses_the_range(as_role: AsRole, query: str, pressed: str) -> None:
    text = as_role("Viewer").get(f"/admin/?{query}").content.decode()

    assert f'data-vw-range="{pressed}" aria-pressed="true"' in text
    assert text.count('data-vw-range="') == 5
    assert text.count('aria-pressed="true"') == 2, "one range and one way of drawing"


def test_every_chart_brings_the_words_of_its_lines(as_role: AsRole) -> None:
    client = as_role("Viewer")
    client.cookies["django_language"] = "zh-hans"

    page = client.get("/admin/?memory=lines")

    cards = {card.name: card for card in page.context["cards"]}
    assert json.loads(cards["throughput"].lines) == {"finished": "已完成", "failed": "执行失败", "cancelled": "已终止"}
    assert json.loads(cards["memory"].lines) == {}
    assert not cards["memory"].stacked
    assert "data-stacked" not in page.content.decode()


def test_tiles_and_charts_lead_to_what_is_behind_them(as_role: AsRole) -> None:
    page = as_role("Viewer").get("/admin/")

    text = page.content.decode()
    for path in ("/admin/database/", "/admin/memory/", "/admin/storage/map/"):
        assert f'<a class="vw-tile" href="{path}"' in text
    for card in page.context["cards"]:
        assert card.name == "latency" or as_role("Viewer").get(card.url).status_code == 200


def test_a_wall_display_has_no_sidebar_and_four_charts(as_role: AsRole) -> None:
    client = as_role("Viewer")
    series("web")

    wall, desk = client.get("/admin/?wall=1"), client.get("/admin/")

    assert [card.name for card in wall.context["cards"]] == ["memory", "status", "throughput", "latency"]
    assert "data-vw-clock" in wall.content.decode()
    assert "nav-sidebar" not in wall.content.decode()
    assert "data-vw-keep" not in wall.content.decode(), "only a login that may stays signed in"
    assert "nav-sidebar" in desk.content.decode()


def test_a_display_stays_signed_in_if_its_login_may(as_role: AsRole, people: dict[str, User]) -> None:
    client = as_role("Viewer")
    assert client.post("/admin/live/keep/").status_code == 403
    people["Viewer"].user_permissions.add(Permission.objects.get(codename="wall_display"))

    kept = client.post("/admin/live/keep/")

    assert kept.status_code == 204
    assert kept.cookies["sessionid"]["max-age"] == 12 * 3600
    assert "data-vw-keep" in client.get("/admin/?wall=1").content.decode()
    assert client.get("/admin/live/keep/").status_code == 405
