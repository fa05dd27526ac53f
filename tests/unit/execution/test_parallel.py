"""Branches side by side: the window, turns, shared variables."""

from __future__ import annotations

import json

import pytest

from execution.limits import Limits
from execution.outcome import LogRow, SliceEnd, Suspended
from execution.testing import FakeSites, MemoryPort, Site
from tests.unit.execution.trees import block, run, say, set_, throw, try_


def test_branches_take_turns_block_by_block_and_share_variables() -> None:
    one = block("s1", "SerialFlowBp", set_("b1", "x", "1"), set_("b2", "x", "task.variables.x + 10"))
    two = block("s2", "SerialFlowBp", set_("b3", "x", "task.variables.x + 1"), say("b4", "x"))
    result = run(block("p", "ParallelFlowBp", one, two))
    assert result.steps == ["p", "s1", "s2", "b1", "b3", "b2", "b4"]
    assert result.variables == {"x": 12}


def test_at_most_a_window_of_branches_is_active_and_one_line_says_that_the_rest_follows() -> None:
    branches = [block(f"s{n}", "SerialFlowBp", say(f"a{n}", "x"), say(f"b{n}", "x")) for n in range(5)]
    result = run(block("p", "ParallelFlowBp", *branches), limits=Limits(max_parallel_blocks=2))
    order = [step for step in result.steps if step.startswith("s")]
    assert order == ["s0", "s1", "s2", "s3", "s4"]
    assert result.steps.index("s2") > result.steps.index("b0")
    (line,) = [line for line in result.port.logs if line.code == "parallel.window"]
    assert (line.level, json.loads(line.args)) == (4, {"count": 5, "at_once": 2})


def test_a_branch_behind_the_window_frees_what_the_waiting_ones_before_it_need() -> None:
    port = MemoryPort(FakeSites([Site("A", locked_by="rec-1")]))
    waiting = [block(f"w{n}", "SetSiteLockedBp", siteId="A", lockedId=f"h{n}") for n in range(3)]
    freeing = [
        block(
            f"f{n}",
            "SerialFlowBp",
            block(f"d{n}", "DelayBp", timeMillis=str(1000 * n)),
            block(f"u{n}", "SetSiteUnlockedBp", siteId="A", unLockedId=holder),
        )
        for n, holder in enumerate(["rec-1", "h0", "h1"])
    ]
    result = run(block("p", "ParallelFlowBp", *waiting, *freeing), port=port, limits=Limits(max_parallel_blocks=1))
    assert result.code == 1003
    assert port.sites.sites["A"].locked_by == "h2"


def test_a_nested_parallel_block_whose_branches_all_wait_gives_its_place_away_too() -> None:
    port = MemoryPort(FakeSites([Site("A", locked_by="rec-1")]))
    inner = block("q", "ParallelFlowBp", block("w1", "SetSiteLockedBp", siteId="A", lockedId="h1"), say("x1", "x"))
    free = block("f", "SetSiteUnlockedBp", siteId="A")
    result = run(block("p", "ParallelFlowBp", inner, free), port=port, limits=Limits(max_parallel_blocks=1))
    assert (result.code, port.sites.sites["A"].locked_by) == (1003, "h1")


@pytest.mark.parametrize(("caught", "level"), [(False, 3), (True, 4)])
def test_a_failure_beside_a_branch_that_goes_on_is_told_at_once(caught: bool, level: int) -> None:
    seen: list[tuple[list[LogRow], dict[str, int]]] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        seen.append((list(port.logs), {row.name: row.code for row in port.blocks.values()}))

    tree = block("p", "ParallelFlowBp", block("d", "DelayBp", timeMillis="9000"), throw("t", "gate shut"))
    run(try_("c", [tree], []) if caught else tree, on_slice=look)
    logs, codes = seen[0]
    assert [(line.level, line.block, line.code) for line in logs] == [(level, "t", "parallel.failed")]
    assert json.loads(logs[0].args) == {"parallel": "p", "block": "t", "message": "gate shut"}
    assert (codes["t"], codes["d"]) == (1004, 1007)
    assert len(seen[-1][0]) == 1


def test_a_failure_with_nothing_beside_it_needs_no_line_of_its_own() -> None:
    assert not run(block("p", "ParallelFlowBp", throw("t", "gate shut"))).port.logs


def test_every_waiting_branch_has_its_own_wait() -> None:
    seen: list[SliceEnd] = []
    delays = [block(f"d{n}", "DelayBp", timeMillis=str(1000 * (n + 1))) for n in range(3)]
    run(block("p", "ParallelFlowBp", *delays), on_slice=lambda number, port, end: seen.append(end))
    assert isinstance(seen[0].outcome, Suspended)
    assert [wait.block for wait in seen[0].outcome.waits] == ["d0", "d1", "d2"]
    assert len({wait.branch for wait in seen[0].outcome.waits}) == 3
    assert isinstance(seen[1].outcome, Suspended)
    assert [wait.block for wait in seen[1].outcome.waits] == ["d1", "d2"]


def test_a_parallel_block_without_children_ends_at_once() -> None:
    assert run(block("p", "ParallelFlowBp"), say("b1", "x")).steps == ["p", "b1"]


def test_a_hundred_branches_hold_the_state_of_ten() -> None:
    sizes: dict[int, int] = {}
    for count in (10, 100):
        branches = [
            block(f"s{n}", "SerialFlowBp", *(say(f"b{n}x{step}", "x") for step in range(4))) for n in range(count)
        ]
        largest = 0

        def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
            nonlocal largest
            state = json.loads(port.state or '{"branches": []}')
            largest = max(largest, len(state["branches"]))

        run(block("p", "ParallelFlowBp", *branches), limits=Limits(slice_steps=7), on_slice=look)
        sizes[count] = largest
    assert sizes == {10: 11, 100: 11}


def test_the_open_blocks_of_a_failed_branch_end_when_a_break_before_it_counts() -> None:
    failed = block("s", "SerialFlowBp", block("q", "ParallelFlowBp", block("i", "SerialFlowBp", throw("x", "boom"))))
    tree = block("r", "RepeatNumBp", block("p", "ParallelFlowBp", block("b", "BreakBp"), failed), num=2)
    for limits in (None, Limits(slice_steps=1)):
        result = run(tree, say("e", "x"), limits=limits)
        assert result.code == 1003
        assert {row.name: row.code for row in result.port.blocks.values()} == {
            **dict.fromkeys(("r", "p", "b", "e"), 1003),
            **dict.fromkeys(("s", "q", "i", "x"), 1004),
        }
