"""What a process finds when it looks into itself: types, growth, cycles, referrers, lines, mappings, threads."""

from __future__ import annotations

import gc
import json
import sys
import threading
import tracemalloc
import types
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler.probes import heap, mapping, stack, tracing
from scheduler.probes.kinds import RESULT_LIMIT, packed


class Parcel:
    """Something to be counted."""

    def __init__(self) -> None:
        self.other: Parcel | None = None


NAME = f"{__name__}.Parcel"


@pytest.fixture
def shelf() -> Iterator[list[Any]]:
    """A container of a module that looks like one of ours."""
    module = types.ModuleType("scheduler.shelf_of_tests")
    module.SHELF = []  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    yield module.SHELF
    del sys.modules[module.__name__]


def row(found: dict[str, Any], name: str) -> tuple[int, int]:
    return next(((count, size) for kind, count, size in found["types"] if kind == name), (0, 0))


def test_types_are_counted_with_what_they_weigh(shelf: list[Any]) -> None:
    before = heap.snapshot()
    shelf.extend(Parcel() for _ in range(1000))
    after = heap.snapshot()

    count, size = row(after, NAME)
    assert count - row(before, NAME)[0] == 1000
    assert size == count * sys.getsizeof(Parcel())
    assert after["bytes"] == sum(size for _name, _count, size in after["types"])
    assert next(entry for entry in after["containers"] if entry[0] == "scheduler.shelf_of_tests.SHELF")[1] == 1000


def test_what_the_collector_does_not_track_is_counted_through_its_holder(shelf: list[Any]) -> None:
    before = row(heap.snapshot(), "bytes")
    shelf.extend(bytes([number % 250]) * 1000 for number in range(500))
    after = row(heap.snapshot(), "bytes")
    assert after[0] - before[0] >= 500
    assert after[1] - before[1] >= 500 * 1000


def test_what_grew_is_named_with_who_holds_it(shelf: list[Any]) -> None:
    before = heap.counts(heap.snapshot())
    shelf.extend(Parcel() for _ in range(3000))

    found = heap.snapshot(before)

    assert list(found["grown"][0][:2]) == [NAME, 3000]
    followed = found["referrers"][0]
    assert followed["type"] == NAME
    assert [list(each) for each in followed["hops"][0]] == [["list scheduler.shelf_of_tests.SHELF", 1]]
    assert ["module scheduler.shelf_of_tests", 1] in [list(each) for each in followed["hops"][1]]
    assert len(followed["hops"]) <= heap.HOPS


def test_a_frozen_container_of_a_module_is_searched_too(shelf: list[Any]) -> None:
    gc.freeze()
    try:
        before = heap.counts(heap.snapshot())
        shelf.extend(f"text number {number}" for number in range(20_000))
        found = heap.snapshot(before)
    finally:
        gc.unfreeze()
    assert found["frozen"] > 1000
    assert ["scheduler.shelf_of_tests.SHELF", 20_000] in [list(each[:2]) for each in found["containers"]]
    assert "str" in [name for name, *_ in found["grown"]]
    follow = next(each for each in found["referrers"] if each["type"] == "str")
    assert any("scheduler.shelf_of_tests.SHELF" in name for name, _ in follow["hops"][0])


def test_only_what_a_collection_frees_is_called_a_cycle() -> None:
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        for _ in range(200):
            one, two = Parcel(), Parcel()
            one.other, two.other = two, one
        del one, two
        found = heap.snapshot()
    finally:
        if was_on:
            gc.enable()
    assert dict(found["cycles"])[NAME] == 400
    assert found["collected"] >= 400
    assert found["uncollectable"] == []
    assert not gc.get_debug()


def test_a_type_that_cannot_tell_its_size_breaks_nothing(shelf: list[Any]) -> None:
    class Strange:
        def __sizeof__(self) -> int:
            raise ValueError("never")

    shelf.append(Strange())
    found = heap.snapshot()
    assert any(name.endswith("Strange") and (count, size) == (1, 0) for name, count, size in found["types"])


def test_a_snapshot_keeps_nothing_alive(shelf: list[Any]) -> None:
    shelf.append(Parcel())
    references = sys.getrefcount(shelf[0])
    heap.snapshot({})
    gc.collect()
    now = sys.getrefcount(shelf[0])
    assert now == references


def test_a_result_too_large_loses_its_tail_and_says_so() -> None:
    small = {"types": [["a", 1, 2]]}
    assert json.loads(packed(small)) == small
    large = {"objects": 5, "types": [["型" * 40, number, number] for number in range(20_000)], "note": "x"}
    text = packed(large)
    found = json.loads(text)
    assert len(text.encode()) <= RESULT_LIMIT
    assert found["cut_from"] > RESULT_LIMIT
    assert found["types"][0] == ["型" * 40, 0, 0]
    assert (found["objects"], found["note"]) == (5, "x")


def test_one_enormous_text_is_cut_too() -> None:
    assert len(packed({"text": "x" * 3 * RESULT_LIMIT}).encode()) <= RESULT_LIMIT


def test_a_trace_names_the_line_that_keeps_and_is_always_stopped() -> None:
    stop, kept = threading.Event(), []

    def work() -> None:
        for _ in range(2000):
            kept.append(bytes(1000))
            stop.wait(0.0001)

    worker = threading.Thread(target=work)
    worker.start()
    found = tracing.trace(0.4, threading.Event())
    worker.join()

    assert not tracemalloc.is_tracing()
    place, count, size = found["lines"][0]
    assert __file__ in place
    assert count > 0
    assert size > 1000
    assert len(found["lines"]) <= tracing.SHOWN
    assert found["seconds"] >= 0.4


def test_a_trace_ends_with_its_process_and_beside_another_it_does_not_begin() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(tracing.Abandoned):
        tracing.trace(60, stop)
    assert not tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        with pytest.raises(RuntimeError, match="traced in this process already"):
            tracing.trace(0.1, threading.Event())
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_a_trace_that_itself_takes_too_much_is_ended_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "OVERHEAD_LIMIT", 0)
    monkeypatch.setattr(tracing, "LOOK_S", 0.01)
    assert tracing.trace(60, threading.Event())["ended_early"] is True


def test_mappings_are_the_kernels() -> None:
    found = mapping.mappings()
    assert found["pss"] <= found["rss"]
    assert found["mappings"][0][1] >= found["mappings"][-1][1]
    total = sum(row[1] for row in found["mappings"]) + found["further_pss"]
    assert abs(total - found["pss"]) < 8 * 1024 * 1024


def test_stacks_name_threads_and_places() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="a-sleeper")
    thread.start()
    try:
        told = dict(stack.stacks(None)["threads"])
    finally:
        stop.set()
        thread.join()
    assert any(place.endswith(" wait") for place in told["a-sleeper"])
