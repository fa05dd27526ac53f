"""The meter's parts: the ledger telescopes, points stay few, a suspicion needs a rise, a trace names the block."""

from __future__ import annotations

import gc

import pytest

from execution.registry import REGISTRY, BlockSpec
from scheduler.leaks import heap, tracing
from scheduler.leaks.floor import KEPT, Floor, Point
from scheduler.leaks.ledger import NAMES, OTHER, Ledger
from scheduler.leaks.meter import Meter

KEPT_BY_A_HANDLER: list[bytes] = []


def leaking(run: object, params: object) -> None:
    """Keeps a kilobyte."""
    KEPT_BY_A_HANDLER.append(bytes(1024))


def spec() -> BlockSpec:
    return BlockSpec("LeakingBp", leaking, None, (), (), (), loop=False, plain=True, doc="Leaks.")


def test_what_a_collection_takes_back_is_shared_out() -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.add(("a",), 10)
    ledger.add(("b",), 10)
    ledger.settle(-40)

    assert ledger.top(5) == [("a", 3, 0), ("b", 1, 0)]


def test_the_ledger_has_a_bound() -> None:
    ledger = Ledger()
    for number in range(3 * NAMES):
        ledger.add((f"name {number}",), 1)

    assert len(ledger.top(1000)) == NAMES + 1
    assert (OTHER, 2 * NAMES, 2 * NAMES) in ledger.top(1)


def test_points_stay_few_and_span_the_life() -> None:
    floor = Floor()
    for runs in range(0, 100_000, 10):
        if floor.due(runs):
            floor.add(Point(runs, 5, 0))

    points = floor.points
    assert len(points) <= KEPT
    assert points == sorted(points)
    assert points[0].runs < 100
    assert points[-1].runs > 98_000


@pytest.mark.parametrize(("per_run", "wanted"), [(0.0, False), (0.1, False), (1.0, True)])
def test_a_suspicion_needs_a_rise_that_matters(per_run: float, wanted: bool) -> None:
    floor = Floor()
    for runs in range(100, 600, 50):
        floor.add(Point(runs, 4000 + int(per_run * runs), 0))

    assert floor.rises(0.2) is wanted


def test_the_type_in_a_modules_list_is_named() -> None:
    with REGISTRY.temporary(spec()):
        before = heap.histogram()
        for _ in range(50):
            leaking(None, None)
        grown = heap.growers(before, heap.histogram(except_for=before), least=40)
    KEPT_BY_A_HANDLER.clear()

    name, count, size = next(row for row in grown if row[0] == "bytes")
    assert (name, count) == ("bytes", 50)
    assert size > 50 * 1024


def test_a_trace_names_the_block_and_the_line() -> None:
    with REGISTRY.temporary(spec()):
        trace = tracing.Trace.begin(0)
        assert trace is not None
        assert tracing.Trace.begin(0) is None, "one trace at a time"
        for _ in range(tracing.RUNS):
            leaking(None, None)
        assert trace.complete(tracing.RUNS)
        blame = trace.end(tracing.RUNS)
    KEPT_BY_A_HANDLER.clear()

    kind, count, site = blame[0]
    assert kind == "LeakingBp"
    assert 1000 <= count < 1100, "an object each run; the list itself grew too"
    assert site.startswith("scheduler/test_leaks.py:")


def test_the_meter_does_not_find_itself() -> None:
    meter = Meter(patience=0)
    gc.collect()
    for _ in range(1000):
        meter.after_run("clean", frozenset({"PrintBp"}), 0.2)

    points = meter._floor.points
    assert meter.published
    assert max(each.blocks for each in points[3:]) - min(each.blocks for each in points[3:]) < 150


def test_a_meter_that_sees_a_rise_all_day_traces_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an old interpreter remembers of a trace is never freed: traces without end would be the leak."""
    meter, begun = Meter(), []
    monkeypatch.setattr(tracing.Trace, "begin", lambda runs: begun.append(runs))

    for second in range(0, 86_400, 10):
        meter._look_closer(1_000_000.0 + second)

    # At once, then after 10 s, 40 s, 160 s and so on.
    assert len(begun) == 8
