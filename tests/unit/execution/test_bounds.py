"""What a run may use up: steps without waiting, block records, context, state, branches."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from execution.limits import Limits, RunInfo
from execution.outcome import Failed, SliceEnd, Stopped
from execution.testing import MemoryPort, Result
from execution.walker import Run
from tests.unit.execution.trees import Block, block, expr, plan, run, say, set_, try_

ENDLESS = {"loopCondition": "true", "retryPeriod": 0}


def while_(name: str, *children: Block, **params: Any) -> Block:
    return block(name, "WhileBp", *children, **{"retryPeriod": 0, **params})


def counting(rounds: int, *children: Block, **params: Any) -> Block:
    """A while loop of so many rounds."""
    step = set_("n", "n", "task.variables.n == null ? 1 : task.variables.n + 1")
    more = expr(f"task.variables.n == null || task.variables.n < {rounds}")
    return while_("w", step, *children, loopCondition=more, **params)


def rows_of(result: Result, name: str) -> list[str]:
    return [row.iteration for row in sorted(result.port.blocks.values()) if row.name == name]


# --- Steps ---


@pytest.mark.parametrize("slice_steps", [1, 7, 1_000_000])
@pytest.mark.parametrize(
    "tree",
    [while_("w", say("a", "a"), **ENDLESS), while_("w", **ENDLESS), while_("w", while_("v", **ENDLESS), **ENDLESS)],
    ids=["with a block", "empty", "nested"],
)
def test_a_loop_that_never_waits_is_stopped(tree: Block, slice_steps: int) -> None:
    result = run(try_("t", [tree], [say("c", "caught")]), limits=Limits(slice_steps=slice_steps, max_steps=500))
    assert isinstance(result.outcome, Failed)
    assert (result.outcome.error_code, result.code) == ("run.too-many-steps", 1004)
    assert result.outcome.block in ("w", "v", "a")
    assert "500 blocks and rounds" in result.outcome.message
    assert "max_steps" in result.outcome.remedy
    assert "block.print" not in [line.code for line in result.port.logs if line.block == "c"]


def test_a_loop_that_waits_goes_on_for_as_long_as_it_likes() -> None:
    assert run(counting(300, retryPeriod=1), limits=Limits(max_steps=50)).code == 1003


def test_waits_beside_it_do_not_keep_an_endless_loop_alive() -> None:
    beside = while_("v", loopCondition="true", retryPeriod=1)
    tree = block("p", "ParallelFlowBp", beside, while_("w", say("a", "a"), **ENDLESS))
    result = run(tree, limits=Limits(max_steps=500, slice_steps=40))
    assert isinstance(result.outcome, Failed)
    assert result.outcome.error_code == "run.too-many-steps"


def test_long_pure_work_below_the_limit_is_done() -> None:
    assert run(counting(160), limits=Limits(max_steps=500)).code == 1003


def test_a_run_that_was_stopped_can_be_tried_again_with_a_higher_limit() -> None:
    made, port = plan(counting(400), say("e", "e")), MemoryPort()
    with Run.start(made, {}, RunInfo("r"), Limits(max_steps=500)) as walking:
        end = walking.advance(port)
    assert isinstance(end.outcome, Failed)
    with Run.restore(made, end.snapshot.state or "", RunInfo("r", attempt=2), Limits(max_steps=1000)) as walking:
        again = walking.advance(port)
    assert type(again.outcome).__name__ == "Finished"


@pytest.mark.parametrize("children", [[], [say("a", "a")]], ids=["empty", "with a block"])
def test_a_cancel_gets_through_an_endless_loop_at_the_next_block(children: list[Block]) -> None:
    class Cancelling(MemoryPort):
        asked = 0

        def stop_requested(self) -> str | None:
            self.asked += 1
            return "cancel" if self.asked > 100 else None

    port = Cancelling()
    with Run.start(plan(while_("w", *children, **ENDLESS)), {}, RunInfo("r")) as walking:
        assert walking.advance(port).outcome == Stopped("cancel")
    assert port.asked == 101


# --- Records of a while loop ---


@pytest.mark.parametrize("slice_steps", [1, 13, 1_000_000])
@pytest.mark.parametrize(("kept", "most"), [(1, 2), (5, 6), (20, 22), (100, 110)])
def test_a_while_loop_keeps_the_records_of_its_last_rounds(kept: int, most: int, slice_steps: int) -> None:
    limits = Limits(while_rounds_kept=kept, slice_steps=slice_steps)
    result = run(counting(250, block("i", "IfBp", say("a", "a"), condition="true")), say("e", "e"), limits=limits)
    (loop,) = [json.loads(row.outputs) for row in result.port.blocks.values() if row.name == "w"]
    for name in ("n", "i", "a"):
        assert rows_of(result, name) == [str(number) for number in range(251 - loop["recorded"], 251)]
    assert (loop["rounds"], kept <= loop["recorded"] <= most) == (250, True)
    assert rows_of(result, "e") == [""]


def test_the_record_of_a_loop_that_goes_on_shows_its_rounds() -> None:
    seen: list[int] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        seen.extend(json.loads(row.outputs)["rounds"] for row in port.blocks.values() if row.name == "w")

    run(counting(4, retryPeriod=5), on_slice=look)
    assert seen == [1, 2, 3, 4]


def test_a_round_does_not_forget_what_others_wrote_beside_it() -> None:
    rounds = counting(200)
    beside = block("r", "RepeatNumBp", say("a", "a"), num=200)
    twin = {**while_("ww", set_("m", "m", "1"), loopCondition="false", runOnce=True)}
    result = run(block("p", "ParallelFlowBp", rounds, beside, twin), limits=Limits(while_rounds_kept=10, slice_steps=9))
    assert (len(rows_of(result, "a")), len(rows_of(result, "n")) <= 11, len(rows_of(result, "m"))) == (200, True, 1)


@pytest.mark.parametrize("slice_steps", [1, 1_000_000])
def test_copies_of_a_loop_forget_their_own_rounds_alone(slice_steps: int) -> None:
    counts = set_("k", "k", "task.variables.k == null ? 1 : task.variables.k + 1")
    pause = block("d", "DelayBp", timeMillis=expr("task.variables.k == 16 ? 5000 : 5"))
    rests = block("i", "IfBp", pause, condition=expr("task.variables.k % 4 == 0"))
    loop = while_("v", counts, rests, loopCondition=expr("task.variables.k == null || task.variables.k < 80"))
    limits = Limits(while_rounds_kept=5, slice_steps=slice_steps, max_parallel_blocks=1)
    result = run(block("p", "ParallelRepeatNBp", loop, num=3), limits=limits)
    for row in [row for row in result.port.blocks.values() if row.name == "v"]:
        mine = [turn for turn in rows_of(result, "k") if turn.startswith(f"{row.iteration}.")]
        assert len(mine) == json.loads(row.outputs)["recorded"] <= 6


def test_a_loop_inside_a_loop_keeps_the_rounds_of_each_execution_it_has_records_of() -> None:
    inner = block("v", "WhileBp", say("a", "a"), loopCondition="false", runOnce="true", retryPeriod="0")
    result = run(counting(50, inner), limits=Limits(while_rounds_kept=10))
    assert len(rows_of(result, "a")) == len(rows_of(result, "v")) == 11


# --- The newest records ---


@pytest.mark.parametrize("slice_steps", [1, 60, 1_000_000])
def test_a_run_keeps_its_newest_records_and_what_is_open(slice_steps: int) -> None:
    inner = block("q", "RepeatNumBp", say("a", "a"), num=100)
    seen: list[int] = []
    open_: list[bool] = []
    deleted: list[int] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        seen.append(len(port.blocks))
        open_.append(1 in port.blocks and port.blocks[1].ended_ms is None)
        deleted.append(len(end.snapshot.forget))

    limits = Limits(block_rows=200, flush_rows=50, slice_steps=slice_steps)
    result = run(block("r", "RepeatNumBp", inner, num=10), say("e", "e"), limits=limits, on_slice=look)
    last = max(result.port.blocks)
    assert (last, result.port.blocks_run) == (1 + 10 * 101 + 1, last)
    assert min(seq for seq in result.port.blocks if seq > 1) == last - 199
    assert (result.port.blocks[1].name, result.port.blocks[1].outputs) == ("r", '{"index":10}'), "stands in no loop"
    assert max(seen) <= 200 + 20 + 50 + 3
    assert all(open_[:-3])
    assert sum(deleted) <= (last - 200) // 20 + 1, "a statement now and then, not in every slice"


def test_records_that_are_forgotten_before_they_are_written_are_never_written() -> None:
    result = run(counting(1000), limits=Limits(while_rounds_kept=10))
    assert len(result.port.rows_written) <= 13


# --- The newest log lines ---


@pytest.mark.parametrize("slice_steps", [1, 60, 1_000_000])
def test_a_run_keeps_its_newest_log_lines_and_says_so(slice_steps: int) -> None:
    seen: list[int] = []
    shortened: list[int | None] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        seen.append(len(port.logs))
        shortened.append(end.snapshot.logs_kept)

    limits = Limits(log_lines=200, flush_rows=50, slice_steps=slice_steps)
    inner = block("q", "RepeatNumBp", say("a", expr("'line ' + blocks.r.index + '.' + blocks.q.index")), num=100)
    result = run(block("r", "RepeatNumBp", inner, num=10), limits=limits, on_slice=look)
    assert max(seen) <= 200 + 20 + 50
    assert len(result.port.logs) == 200
    assert json.loads([line for line in result.port.logs if line.code == "block.print"][-1].args) == {
        "message": "line 10.100"
    }
    told = [json.loads(line.args) for line in result.port.logs if line.code == "log.shortened"]
    assert told
    assert told[0] == {"kept": 200}
    assert sum(kept is not None for kept in shortened) <= 1000 // 20 + 1, "a statement now and then"


def test_a_run_with_few_log_lines_keeps_them_all() -> None:
    result = run(block("r", "RepeatNumBp", say("a", "a"), num=200), limits=Limits(log_lines=200, slice_steps=7))
    assert [line.code for line in result.port.logs] == ["block.print"] * 200


def test_log_lines_are_written_before_they_fill_the_memory() -> None:
    most = 0

    class Watching(MemoryPort):
        def commit(self, snapshot: Any, outcome: Any = None) -> None:
            nonlocal most
            most = max(most, len(snapshot.logs) if snapshot is not None else 0)
            super().commit(snapshot, outcome)

    loop = counting(3000, say("a", "a"), printContinuously=True)
    run(loop, port=Watching(), limits=Limits(flush_rows=100, while_rounds_kept=10))
    assert most <= 150, "records of old rounds are not written; the lines of their log are"


# --- A hundred thousand rounds ---


def test_a_hundred_thousand_rounds_keep_context_state_and_records_as_they_are() -> None:
    rounds = 100_000
    sizes: list[tuple[int, int, int]] = []
    text = set_("t", "t", '"round " + (task.variables.n + 1000000)')
    made = plan(counting(rounds, text, say("p", expr("task.variables.t"))))
    port, limits = MemoryPort(), Limits(slice_steps=40_000, while_rounds_kept=50)
    info, state = RunInfo("r"), ""
    while state is not None:
        with Run.restore(made, state, info, limits) if state else Run.start(made, {}, info, limits) as walking:
            end = walking.advance(port)
            sizes.append((len(end.snapshot.state or ""), walking.context.bytes, len(port.blocks)))
        port.commit(end.snapshot, end.outcome)
        state = port.state  # type: ignore[assignment]
    assert port.variables["n"] == rounds
    assert len(sizes) > 8
    states, contexts, rows = (column[1:-1] for column in zip(*sizes, strict=True))
    assert max(states) - min(states) <= 200  # the digits of counters and times
    assert max(contexts) == min(contexts)
    assert max(rows) <= 4 + 55 * 3
    assert len(port.blocks) <= 4 + 55 * 3
    assert len(port.logs) <= 100 + rounds // 100
    assert port.blocks_run == 1 + 3 * rounds


# --- Branches ---


@pytest.mark.parametrize("window", [1, 10])
@pytest.mark.parametrize("slice_steps", [1, 1_000_000])
def test_a_run_opens_only_so_many_branches_however_they_are_nested(slice_steps: int, window: int) -> None:
    most = 0

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        nonlocal most
        most = max(most, len(json.loads(end.snapshot.state or '{"branches": []}')["branches"]))

    inner = block("c", "ParallelRepeatNBp", block("d", "DelayBp", timeMillis=5), num=10)
    middle = block("b", "ParallelRepeatNBp", inner, num=10)
    limits = Limits(max_branches=100, slice_steps=slice_steps, max_parallel_blocks=window)
    caught = block("a", "ParallelRepeatNBp", middle, num=10)
    result = run(try_("t", [caught], [say("f", "caught")], swallow=True), limits=limits, on_slice=look)
    assert result.code == 1003
    assert most <= 101
    assert any("more than 100 open at once" in row.reason for row in result.port.blocks.values())
    assert result.steps[-1] == "f"


def test_branches_that_have_ended_make_room_for_others() -> None:
    copies = block("c", "ParallelRepeatNBp", block("d", "DelayBp", timeMillis=5), num=10)
    assert run(block("r", "RepeatNumBp", copies, num=5), limits=Limits(max_branches=10)).code == 1003


def test_the_memory_of_a_hundred_branches_is_that_of_ten() -> None:
    def peak(count: int) -> int:
        grow = [set_(f"v{step}", "x", "taskInputs.big + 'x'") for step in range(5)]
        branches = []
        for number in range(count):
            named = [{**each, "name": f"{each['name']}-{number}"} for each in grow]
            branches.append(block(f"s{number}", "SerialFlowBp", *named))
        made = plan(block("p", "ParallelFlowBp", *branches))
        port, state, most = MemoryPort(), "", 0
        info, limits = RunInfo("r"), Limits(slice_steps=10)
        while state is not None:
            tracemalloc.start()
            with (
                Run.restore(made, state, info, limits)
                if state
                else Run.start(made, {"big": "b" * 100_000}, info, limits) as walking
            ):
                end = walking.advance(port)
                most = max(most, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            port.commit(end.snapshot, end.outcome)
            port.blocks.clear()
            port.rows_written.clear()
            state = port.state  # type: ignore[assignment]
        return most

    assert peak(100) <= peak(10) * 1.1
