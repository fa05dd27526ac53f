"""What the console reads: the numbers, the order, and how many queries they cost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from storage import matching, selectors
from storage.criteria import Criteria
from storage.models import Area, StorageLocation, StorageRequest
from storage.selectors import CandidateCounts, Place
from storage.states import RequestKind, RequestState
from tests.db.storage.warehouse import START, Bell, after, build, find, lock, release

pytestmark = pytest.mark.django_db


def test_an_area_counts_its_locations_by_state(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build("B-01", "B-02", filled=True)
    build("B-03", disabled=True, disabled_until=timezone.now())
    build("B-04", sync_failed=True)
    build("Y-01", area="Yard")
    lock("R1", "B-01")

    with django_assert_num_queries(1):
        hall, yard = selectors.counts_by_area()

    assert (hall.name, hall.total, hall.filled, hall.empty) == ("Hall", 4, 2, 2)
    assert (hall.locked, hall.disabled, hall.timed, hall.sync_failed) == (1, 1, 1, 1)
    assert (yard.total, yard.locked) == (1, 0)


def test_cells_carry_what_the_map_draws(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build("B-02", "B-01", row=1, column=2, level=1)
    build("A-01", group="A", level=2)
    lock("R1", "B-02")
    area = Area.objects.get()

    with django_assert_num_queries(1):
        cells = selectors.cells(area.pk)

    assert [cell.site_id for cell in cells] == ["A-01", "B-01", "B-02"]
    assert (cells[2].locked_by, cells[2].row, cells[2].column, cells[2].rev) == ("R1", 1, 2, 2)
    assert [cell.site_id for cell in selectors.cells(area.pk, group="A")] == ["A-01"]
    assert [cell.site_id for cell in selectors.cells(area.pk, level=1)] == ["B-01", "B-02"]


def test_only_changed_cells_are_sent_again() -> None:
    build("B-01", "B-02")
    StorageLocation.objects.update(changed_at=timezone.now() - timedelta(hours=1))
    since = timezone.now() - timedelta(minutes=1)
    lock("R1", "B-02")

    assert [cell.site_id for cell in selectors.changed_cells(Area.objects.get().pk, since)] == ["B-02"]


def test_locks_are_listed_by_holder_and_page(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build("B-01", "B-02", "B-03", "B-04")
    for site, holder in (("B-01", "R1"), ("B-02", "R2"), ("B-04", "R1")):
        lock(holder, site)

    with django_assert_num_queries(1):
        rows = selectors.locked_rows()

    assert [(row.site_id, row.area, row.holder) for row in rows] == [
        ("B-01", "Hall", "R1"),
        ("B-02", "Hall", "R2"),
        ("B-04", "Hall", "R1"),
    ]
    assert [row.site_id for row in selectors.locked_rows(holders=["R1"])] == ["B-01", "B-04"]
    assert [row.site_id for row in selectors.locked_rows(after="B-01", limit=1)] == ["B-02"]


def test_the_journal_is_newest_first() -> None:
    build("B-01")
    lock("R1", "B-01")
    release("B-01")

    assert [event.action for event in selectors.journal("B-01", limit=2)] == ["forced", "locked"]


def test_requests_are_counted_by_state(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build("B-01", disabled=True)
    find("R1")
    find("R2", retries=1)
    find("R2", retries=1, now=after(9))

    with django_assert_num_queries(1):
        counts = selectors.request_counts()

    assert counts[RequestState.PENDING] == 1
    assert counts[RequestState.EXPIRED] == 1
    assert counts[RequestState.GRANTED] == 0
    assert len(selectors.ended_requests(timezone.now() - timedelta(minutes=5))) == 1


def test_the_queue_is_in_order_of_grants_with_candidates(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build("B-01", filled=True)
    build("B-02", disabled=True)
    build("B-03")
    lock("R9", "B-03")
    find("young", first_at=after(5), now=after(5), group="B", filled=False)
    find("old", group="B", filled=False)
    find("urgent", first_at=after(9), now=after(9), priority=3, content="X")
    lock("R8", "B-03")

    with django_assert_num_queries(2):
        rows = selectors.queue()

    assert [row.holder for row in rows] == ["urgent", "old", "R8", "young"]
    by_holder = {row.holder: row for row in rows}
    assert by_holder["old"].candidates == CandidateCounts(total=3, eligible=0, fill=1, locked=1, off=1)
    assert by_holder["urgent"].candidates == CandidateCounts(total=3, eligible=0, fill=0, locked=1, off=1)
    assert by_holder["R8"].candidates == CandidateCounts(total=1, eligible=0, fill=0, locked=1, off=0)
    assert by_holder["R8"].kind == RequestKind.LOCK
    assert by_holder["old"].criteria == Criteria(group="B", filled=False)
    assert by_holder["old"].queue == by_holder["young"].queue


def test_a_full_page_of_different_wishes_is_still_two_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    build("B-01", disabled=True)
    for n in range(selectors.PAGE + 5):
        find(f"R{n:02}", first_at=after(n), now=after(n), group=f"G{n}", filled=True, content="X", type=1)

    with django_assert_num_queries(2):
        page = selectors.queue(limit=500)

    assert len(page) == selectors.PAGE
    last = StorageRequest.objects.get(key=page[-1].key)
    assert len(selectors.queue(after=(last.rank, last.pk))) == 5


def test_an_empty_queue_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        assert selectors.queue() == []


def test_the_place_is_counted_among_the_same_wishes(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build("B-01", disabled=True)
    for n in range(3):
        find(f"R{n}", first_at=after(n), now=after(n))
    find("other", group="C")
    request = StorageRequest.objects.get(key="R1:find")

    with django_assert_num_queries(1):
        assert selectors.place(request) == Place(2, 3)
    find("R0", retries=0, now=START + timedelta(days=1))
    assert selectors.place(StorageRequest.objects.get(key="other:find")) == Place(1, 1)


def test_who_wants_a_location_is_asked_by_its_values(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build("B-01", filled=True)
    build("C-01", group="C")
    lock("R9", "B-01")
    lock("R9", "C-01")
    lock("R8", "B-01")
    find("R1", group="B", filled=True, first_at=after(1), now=after(1))
    find("R2", group="B", filled=False)
    find("R3", group="C")

    with django_assert_num_queries(2):
        assert [row.holder for row in selectors.who_wants("B-01")] == ["R8", "R1"]
    assert selectors.who_wants("nowhere") == []


def test_obstacles_of_a_request_follow_the_warehouse(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build("B-01", "B-02")
    for site in ("B-01", "B-02"):
        lock("R9", site)
    find("R1")
    request = StorageRequest.objects.get()

    with django_assert_num_queries(2):
        assert selectors.obstacles(request).locked == 2
    release("B-01")
    assert selectors.obstacles(request).eligible == 1


def test_a_granted_request_has_no_place() -> None:
    build("B-01")
    lock("R9", "B-01")
    find("R1")
    release("B-01")
    matching.match(["B-01"], Bell())

    assert selectors.place(StorageRequest.objects.get()) is None
