"""Charts of the past: at most 300 buckets, right means, gaps that stay gaps, few queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler.errors import Refused
from tests.db.monitoring.making import MB, NOON, NOON_S, samples, series, system
from vwed.monitoring import ranges
from vwed.monitoring.ranges import read_chart

pytestmark = pytest.mark.django_db


def line(chart: dict[str, Any], name: str) -> dict[int, list[float]]:
    """Seconds since noon → mean, least, most of the buckets that have any."""
    (found,) = [each for each in chart["series"] if each["name"] == name]
    return {ms // 1000 - NOON_S: rest for ms, *rest in found["points"] if rest[0] is not None}


@pytest.mark.parametrize("name", ranges.RANGES)
@pytest.mark.parametrize("chart", ranges.CHARTS)
def test_every_chart_of_every_range_has_at_most_300_buckets_and_costs_at_most_3_queries(chart: str, name: str) -> None:
    samples(series("web"), range(NOON_S - 60, NOON_S, 5))
    system(range(NOON_S - 60, NOON_S, 5), status_ready=3)
    with CaptureQueriesContext(connection) as captured:
        read = read_chart(chart, name, NOON)
    assert len(captured) <= 3
    assert read["to_ms"] - read["from_ms"] == ranges.RANGES[name].length * 1000
    for each in read["series"]:
        assert len(each["points"]) == ranges.RANGES[name].length // ranges.RANGES[name].step <= 300


def test_a_gap_stays_a_gap() -> None:
    samples(series("web"), [NOON_S - 20, NOON_S - 5], size=10 * MB)
    assert line(read_chart("memory", "live", NOON), "web") == {-20: [10 * MB] * 3, -5: [10 * MB] * 3}


def test_a_bucket_has_the_mean_the_least_and_the_most_of_its_samples() -> None:
    web = series("web")
    for at, size in ((0, 10), (5, 20), (10, 60)):
        samples(web, [NOON_S + at], size=size * MB)
    chart = read_chart("memory", "1h", NOON + timedelta(seconds=12))
    assert line(chart, "web") == {0: [30 * MB, 10 * MB, 60 * MB]}
    assert chart["last_ms"] == (NOON_S + 10) * 1000


def test_what_is_not_rolled_up_yet_is_read_finer_and_weighs_its_time() -> None:
    web = series("web")
    samples(web, [NOON_S], resolution=60, size=10 * MB, least=5 * MB)
    samples(web, range(NOON_S, NOON_S + 120, 5), size=40 * MB)  # the first minute is rolled up already
    system([NOON_S], resolution=60, queue_age_ms=[100, 50, 150])
    system(range(NOON_S + 60, NOON_S + 120, 5), queue_age_ms=400)
    now = NOON + timedelta(seconds=125)
    assert line(read_chart("memory", "24h", now), "web") == {0: [25 * MB, 5 * MB, 40 * MB]}
    assert line(read_chart("queue_age", "24h", now), "oldest") == {0: [250, 50, 400]}


def test_a_new_installation_shows_its_first_minutes_in_the_long_ranges_too() -> None:
    samples(series("web"), range(NOON_S - 120, NOON_S, 60), resolution=60)
    assert len(line(read_chart("memory", "90d", NOON), "web")) == 1


def test_runs_are_told_by_the_minute_and_a_status_that_nobody_has_is_zero() -> None:
    system([NOON_S], finished=5, failed=0, cancelled=1, status_ready=7)
    now = NOON + timedelta(seconds=4)
    assert line(read_chart("throughput", "live", now), "finished") == {0: [60, 60, 60]}
    assert line(read_chart("status", "live", now), "ready") == {0: [7, 7, 7]}
    assert line(read_chart("status", "live", now), "waiting") == {0: [0, 0, 0]}
    assert line(read_chart("latency", "live", now), "p95") == {}


def test_the_largest_series_stand_first_and_the_many_small_ones_are_added_up() -> None:
    for number in range(ranges.SERIES_LIMIT + 3):
        samples(series(f"worker {number + 1}"), [NOON_S], size=(100 - number) * MB)
    chart = read_chart("memory", "live", NOON)
    assert [each["name"] for each in chart["series"]][:2] == ["worker 1", "worker 2"]
    assert chart["series"][-1]["label"] == "others, 3"
    assert line(chart, "others") == {0: [(76 + 75 + 74) * MB] * 3}


def test_without_a_sample_it_says_so() -> None:
    chart = read_chart("memory", "1h", NOON)
    assert (chart["series"], chart["last_ms"]) == ([], None)


@pytest.mark.parametrize(("chart", "name", "code"), [("", "live", "unknown_chart"), ("memory", "7d", "unknown_range")])
def test_another_chart_or_range_is_refused_with_what_there_is(chart: str, name: str, code: str) -> None:
    with pytest.raises(Refused, match=r"live|memory|7d") as refused:
        read_chart(chart, name, NOON)
    assert refused.value.code == code
