"""Ended requests and the journal are bounded; live requests are never pruned."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from storage import matching, requests, retention
from storage.models import LocationEvent, StorageRequest
from storage.retention import Pruned, Retention
from tests.db.storage.warehouse import Bell, after, build, find, lock, release

pytestmark = pytest.mark.django_db


def test_ended_requests_go_after_their_time_and_live_ones_stay() -> None:
    build("B-01", "B-02")
    for site in ("B-01", "B-02"):
        lock("R9", site)
    find("consumed")
    release("B-01")
    matching.match(["B-01"], Bell())
    find("consumed")
    find("granted", first_at=after(1), now=after(1))
    release("B-02")
    matching.match(["B-02"], Bell())
    find("expired", retries=0, group="C")
    find("expired2", retries=1, group="C")
    find("expired2", retries=1, group="C", now=after(5))
    find("pending", group="C")
    now = timezone.now()

    assert retention.run_once(now, Retention()).requests == 0
    assert retention.run_once(now + timedelta(seconds=301), Retention()).requests == 2
    assert set(StorageRequest.objects.values_list("holder", flat=True)) == {"granted", "pending"}


def test_the_database_refuses_to_delete_a_request_whose_grant_is_not_consumed() -> None:
    build("B-01")
    lock("R9", "B-01")
    find("R1")
    release("B-01")
    matching.match(["B-01"], Bell())

    assert requests.prune(timezone.now() + timedelta(days=400), timedelta(0)) == 0
    assert StorageRequest.objects.count() == 1


def events(count: int, days_old: float = 0) -> None:
    at = timezone.now() - timedelta(days=days_old)
    LocationEvent.objects.bulk_create(
        LocationEvent(at=at, site_id="B-01", action="filled", actor="m") for _ in range(count)
    )


def test_the_journal_is_bounded_in_time() -> None:
    events(3, days_old=100)
    events(2)

    assert retention.run_once(timezone.now(), Retention()) == Pruned(events=3)
    assert LocationEvent.objects.count() == 2


def test_the_journal_is_bounded_in_rows() -> None:
    events(30)

    assert retention.run_once(timezone.now(), Retention(journal_rows=10)).events == 20
    assert LocationEvent.objects.count() == 10


def test_one_run_is_bounded_and_the_next_goes_on() -> None:
    events(1200, days_old=100)
    keep = Retention(max_batches=1)

    assert [retention.run_once(timezone.now(), keep).events for _ in range(4)] == [500, 500, 200, 0]


def test_nothing_to_prune_costs_three_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build("B-01")

    with django_assert_num_queries(3):
        assert retention.run_once(timezone.now(), Retention()) == Pruned()
