"""The slope and its interval: known results, outliers, replacements, and what must hold for any points."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vwed.monitoring.theil_sen import rise_began, slope


def test_a_line_is_found_exactly() -> None:
    found = slope([[(x, 3.0 * x + 7) for x in range(10)]])

    assert found is not None
    assert found[:3] == (3.0, 3.0, 3.0)
    assert found.pairs == 45


def test_the_interval_is_sens() -> None:
    # n = 5: variance 5·4·15/18 = 16.67, reach 1.96·4.08 = 8.0: of the ten slopes in order the first and the last.
    found = slope([[(0, 0.0), (1, 3.0), (2, 2.0), (3, 6.0), (4, 5.0)]])

    assert found is not None
    assert found.middle == 1.375
    assert (found.low, found.high) == (-1.0, 4.0)


def test_a_third_of_outliers_does_not_move_it() -> None:
    points = [(float(x), 2.0 * x + (1000.0 if x % 4 == 0 else 0.0)) for x in range(40)]

    found = slope([points])

    assert found is not None
    assert found.middle == pytest.approx(2.0, abs=0.01)


def test_noise_without_a_trend_spans_nothing() -> None:
    noise = random.Random(7)
    found = slope([[(float(x), noise.gauss(0, 5)) for x in range(60)]])

    assert found is not None
    assert found.low < 0 < found.high


def test_no_pair_spans_two_groups() -> None:
    rising = [[(float(x + 10 * n), 1.0 * x) for x in range(10)] for n in range(5)]

    found = slope(rising)

    assert found is not None
    assert found.middle == 1.0


def test_without_a_pair_there_is_none() -> None:
    assert slope([]) is None
    assert slope([[(1.0, 2.0)], [(5.0, 9.0)]]) is None


def test_where_a_rise_began() -> None:
    assert rise_began([(float(x), 0.0 if x < 20 else 4.0 * (x - 20)) for x in range(40)]) == 20.0
    assert rise_began([(float(x), 2.0 * x) for x in range(30)]) == 0.0
    assert rise_began([]) is None


@given(
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=40),
    st.integers(-50, 50),
    st.integers(-100_000, 100_000),
)
def test_adding_a_line_adds_its_slope(values: list[int], steep: int, level: int) -> None:
    plain = slope([[(float(x), float(y)) for x, y in enumerate(values)]])
    added = slope([[(float(x), float(y + steep * x + level)) for x, y in enumerate(values)]])

    assert plain is not None
    assert added is not None
    assert plain.low <= plain.middle <= plain.high
    for one, other in zip(plain[:3], added[:3], strict=True):
        assert other == pytest.approx(one + steep, abs=1e-6)
