"""The hour before a change beside the hours after it, from made samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vwed.models import ChangeSet, Observation, SystemSample
from vwed.tuning import changes, observation
from vwed.tuning.observation import METRICS, Verdict

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MB = 1024 * 1024


def applied() -> ChangeSet:
    row = changes.commit({"pool_size": "12"}, reason="observe it", author="li", origin="page")
    ChangeSet.objects.filter(pk=row.pk).update(applied_at=AT)
    row.refresh_from_db()
    return row


def hour(end: datetime, **figures: float) -> None:
    """Sixty minutes of samples before ``end``, each a little off the mean."""
    start = int(end.timestamp()) - 3600
    SystemSample.objects.bulk_create(
        SystemSample(
            resolution=60,
            at_s=start + 60 * n,
            figures={name: [value * (1 + 0.01 * (n % 3 - 1)), 0, 0] for name, value in figures.items()},
        )
        for n in range(60)
    )


def test_windows_are_filled_when_they_are_over_and_compared_in_words() -> None:
    row = applied()
    hour(AT, pss=500 * MB, pool_in_use=8, finished=5, failed=0.5, latency_p95=100)
    hour(AT + timedelta(hours=1), pss=300 * MB, pool_in_use=8.1, finished=5, failed=2, latency_p95=101)

    assert observation.observe_due(AT + timedelta(minutes=3)) == {"observed": 1}
    assert observation.observe_due(AT + timedelta(hours=1, minutes=1)) == {"observed": 0}
    assert observation.observe_due(AT + timedelta(hours=1, minutes=3)) == {"observed": 1}
    assert observation.observe_due(AT + timedelta(hours=1, minutes=4)) == {"observed": 0}

    before, after, day, _two, _three = observation.columns(row)
    assert (before.hours, before.verdicts) == (0, {})
    assert before.figures["throughput"] == pytest.approx(60, rel=0.01)
    assert after.verdicts == {
        "memory": Verdict.BETTER,
        "pool": Verdict.SAME,
        "throughput": Verdict.SAME,
        "latency": Verdict.SAME,
        "failures": Verdict.WORSE,
    }
    assert (day.observed, day.at) == (False, AT + timedelta(hours=24))


def test_what_was_not_sampled_is_unknown_and_a_late_look_makes_nothing_up() -> None:
    row = applied()

    assert observation.observe_due(AT + timedelta(hours=24, minutes=3)) == {"observed": 1}, "the 24 h window alone"

    assert Observation.objects.get().hours == 24
    column = observation.columns(row)[2]
    assert set(column.verdicts.values()) == {Verdict.UNKNOWN}
    assert all(value is None for value in column.figures.values())


def test_noise_is_no_difference() -> None:
    metric = METRICS[0]
    before = {"mean": 100.0, "deviation": 60.0, "samples": 9}

    assert observation.verdict(metric, before, {**before, "mean": 150.0}) is Verdict.SAME
    assert observation.verdict(metric, before, {**before, "mean": 200.0}) is Verdict.WORSE
