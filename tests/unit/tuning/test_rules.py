"""What values must be towards each other, what they will cost, and when a change is in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scheduler.conf import Values
from scheduler.errors import Refused
from vwed.tuning import rules, times
from vwed.tuning.facts import Facts
from vwed.tuning.projection import connection_sum, project

MB = 1024 * 1024
SERVER = Facts(
    max_connections=100, server="mysql", memory_bytes=8 * 1024 * MB, roles={"web": 2}, pooled=True, runs_a_day=500
)


def test_the_defaults_have_no_fault() -> None:
    assert rules.check(Values(), replace(SERVER, roles={"web": 1})) == {}


@pytest.mark.parametrize(
    ("changed", "name", "words"),
    [
        ({"cluster_timeout_s": 7200}, "cluster_timeout", "starts twice"),
        ({"lease_min_s": 5.0}, "lease_min", "at least 10 s"),
        ({"claim_stale_s": 2.0}, "claim_stale", "2 s"),
        ({"slice_ms": 10_000}, "slice", "10 s"),
        ({"effect_retry_min_s": 61.0}, "effect_retry_min", "60 s"),
        ({"effects_per_target": 100, "effects_at_once": 50}, "effects_per_target", "50"),
        ({"log_days": 366}, "log_days", "365 days"),
        ({"block_rows": 2_000_000}, "block_rows", "1000000"),
        ({"pool_size": 40}, "pool_size", "allows 100"),
    ],
)
def test_each_fault_is_told_at_its_parameter(changed: dict, name: str, words: str) -> None:
    found = rules.check(replace(Values(), **changed), SERVER)

    assert list(found) == [name]
    assert words in found[name][0]


def test_a_fault_that_was_there_keeps_nobody_from_another_change() -> None:
    bad = replace(Values(), slice_ms=20_000)

    assert rules.new_problems(bad, replace(bad, record_rows=2000)) == {}
    assert rules.new_problems(Values(), bad) != {}


def test_the_projection_multiplies_connections_processes_and_the_worst_case() -> None:
    before, after = Values(pool_size=50, pool_overflow=100), Values()

    lines = {line.code: line for line in project(before, after, SERVER)}

    assert lines["connections"].before - lines["connections"].after == 2 * (150 - 30)
    assert lines["connections"].after == connection_sum(after, SERVER).total == 2 * 30 + 2 * 2 + 7 + 2
    assert lines["connections_worst"].after == lines["connections"].after * 16 * MB
    assert lines["connections"].limit == 100
    assert project(after, before, SERVER)[0].exceeded
    assert lines["records"].after == 365 * 500


def test_without_a_pool_a_web_process_counts_once() -> None:
    assert connection_sum(Values(), replace(SERVER, pooled=False)).pool == 1


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("UTC", "2026-03-01T01:00+00:00", "2026-03-01T02:00+00:00"),
        ("UTC", "2026-03-01T02:00+00:00", "2026-03-02T02:00+00:00"),
        ("Asia/Shanghai", "2026-03-01T12:00+00:00", "2026-03-01T18:00+00:00"),
        ("Europe/Berlin", "2026-03-28T22:00+00:00", "2026-03-29T01:00+00:00"),  # the clocks jump from 2 to 3
        ("Europe/Berlin", "2026-10-24T22:00+00:00", "2026-10-25T00:00+00:00"),  # 2 o'clock comes twice: the first
        ("Europe/Berlin", "2026-10-25T00:30+00:00", "2026-10-26T01:00+00:00"),
    ],
)
def test_tonight_is_two_o_clock_on_the_clocks_of_the_installation(settings, zone: str, now: str, expected: str) -> None:
    settings.TIME_ZONE = zone

    assert times.tonight(datetime.fromisoformat(now)) == datetime.fromisoformat(expected)


def test_times_are_understood_and_refused(settings) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    now = datetime(2026, 3, 1, tzinfo=UTC)

    assert times.parse("now", now) is None
    assert times.parse("2026-03-01T12:00", now) == datetime(2026, 3, 1, 4, tzinfo=UTC)
    for text in ("soon", "2026-02-01T00:00", "2028-01-01T00:00"):
        with pytest.raises(Refused) as caught:
            times.parse(text, now)
        assert caught.value.code == "wrong_time"
