"""The values in force: defaults of the guide, another source on demand, a lease that outlasts its renewals."""

from __future__ import annotations

from dataclasses import fields

import pytest

from scheduler import conf
from scheduler.conf import LEASE_TICKS, Values


def test_without_a_source_the_defaults_hold_and_with_one_it_is_asked() -> None:
    assert conf.values() == Values()
    conf.use(lambda: Values(slice_ms=7))
    try:
        assert conf.values().slice_ms == 7
    finally:
        conf.use(None)
    assert conf.values().slice_ms == 2000


@pytest.mark.parametrize("interval", [0.2, 1.0, 2.0, 10.0])
def test_a_lease_outlasts_five_housekeeping_intervals(interval: float) -> None:
    values = Values(housekeeping_interval_s=interval)

    assert values.lease_s >= LEASE_TICKS * interval
    assert values.lease_s >= values.lease_min_s


def test_the_engine_gets_its_limits_from_the_values() -> None:
    limits = Values(slice_ms=1, max_block_depth=2, max_parallel_blocks=3, context_bytes=4, recorded_text=5).limits()

    assert (limits.slice_ms, limits.max_block_depth, limits.max_parallel_blocks) == (1, 2, 3)
    assert (limits.context_bytes, limits.row_text) == (4, 5)


def test_the_guides_figures_are_the_defaults() -> None:
    values = Values()

    assert (values.housekeeping_interval_s, values.max_retries, values.max_parallel_blocks) == (2.0, 1000, 10)
    assert (values.cleanup_interval_s, values.completed_request_ttl_s, values.max_block_depth) == (60, 300, 100)
    assert all(field.default is not None for field in fields(Values))
