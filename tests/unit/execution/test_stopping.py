"""StopOtherBranch: what becomes of the branches beside it, wherever they stand."""

from __future__ import annotations

import json

import pytest

from execution.effects import EffectAnswer, Withdraw
from execution.errors import BlockError
from execution.limits import Limits, RunInfo
from execution.outcome import Failed, SliceEnd, Suspended
from execution.testing import FakeFleet, FakeSites, MemoryPort, Result, Site
from execution.walker import Run
from tests.unit.execution.trees import Block, block, go, plan, robot, run, say, set_, throw, try_


@pytest.fixture(params=[None, Limits(slice_steps=1)], ids=["at once", "suspended after every block"])
def limits(request: pytest.FixtureRequest) -> Limits | None:
    return request.param


def stop(name: str = "stop", after: int = 1000) -> Block:
    """A branch that stops the others after a while."""
    return serial(
        f"{name}-branch", wait(f"{name}-wait", after), block(name, "StopOtherBranch"), say(f"{name}-k", "stopped")
    )


def serial(name: str, *children: Block) -> Block:
    return block(name, "SerialFlowBp", *children)


def wait(name: str, milliseconds: int) -> Block:
    return block(name, "DelayBp", timeMillis=milliseconds)


def side_by_side(name: str, *children: Block) -> Block:
    return block(name, "ParallelFlowBp", *children)


def held(name: str, site: str = "A") -> Block:
    """Waits for ever."""
    return block(name, "SetSiteLockedBp", siteId=site)


def world(robots: tuple[str, ...] = ("AMB-01",)) -> MemoryPort:
    return MemoryPort(FakeSites([Site("A", locked_by="kim"), Site("B")]), FakeFleet(list(robots)))


def said(result: Result) -> list[str]:
    return [json.loads(line.args)["message"] for line in result.port.logs if line.code == "block.print"]


def codes(result: Result) -> dict[str, int]:
    return {row.name: row.code for row in result.port.blocks.values()}


def calls(result: Result) -> list[str]:
    return [str(effect.request["operation"]) for effect in result.port.effects.values()]


# --- Where the others stand ---


@pytest.mark.parametrize(
    "waits",
    [
        wait("w", 60_000),
        held("w"),
        serial("q", say("o", "once"), held("w"), say("n", "never")),
        block("w", "WhileBp", loopCondition="true", retryPeriod=700),
        try_("t", [held("w")], [say("c", "caught")]),
        block("r", "RepeatNumBp", wait("w", 60_000), num=2),
        block("i", "IfBp", held("w"), condition="true"),
        block("w", "GetIdleSiteBp", groupName="none"),
    ],
    ids=lambda tree: f"{tree['name']} {tree['blockType']}",
)
def test_a_branch_that_waits_ends_and_the_parallel_block_goes_on(waits: Block, limits: Limits | None) -> None:
    result = run(side_by_side("p", waits, stop()), say("e", "after"), port=world(), limits=limits)
    assert (result.code, [word for word in said(result) if word != "once"]) == (1003, ["stopped", "after"])
    found = codes(result)
    assert (found["w"], found[waits["name"]], found["p"], found["stop"]) == (1001, 1001, 1003, 1003)
    assert all(row.ended_ms is not None for row in result.port.blocks.values())


def test_the_requests_of_stopped_branches_are_withdrawn(limits: Limits | None) -> None:
    port = world()
    beside = side_by_side("p", held("w1"), serial("s", held("w2")), wait("d", 60_000), stop())
    assert run(beside, port=port, limits=limits).code == 1003
    assert sorted(port.sites.withdrawn) == ["rec-1~w1:0", "rec-1~w2:0"]
    assert "rec-1~stop:0" in port.sites.done


def test_nested_parallel_blocks_end_with_their_branches(limits: Limits | None) -> None:
    inner = side_by_side("q", held("w1"), side_by_side("q2", wait("w2", 60_000), held("w3")))
    result = run(
        side_by_side("p", serial("s", inner, say("n", "never")), stop()), say("e", "after"), port=world(), limits=limits
    )
    assert (result.code, said(result)) == (1003, ["stopped", "after"])
    assert {name: codes(result)[name] for name in ("q", "q2", "w1", "w2", "w3", "s", "p")} == {
        **dict.fromkeys(("q", "q2", "w1", "w2", "w3", "s"), 1001),
        "p": 1003,
    }


def test_the_blocks_above_go_on_and_all_branches_beside_them_end(limits: Limits | None) -> None:
    inner = side_by_side("q", held("w1"), stop())
    tree = side_by_side("p", held("w2"), serial("s", inner, say("a", "inner done")), wait("d", 60_000))
    result = run(tree, say("e", "after"), port=world(), limits=limits)
    assert (result.code, said(result)) == (1003, ["stopped", "inner done", "after"])


def test_branches_that_have_not_begun_do_not_begin() -> None:
    branches = [serial(f"s{number}", say(f"b{number}", "x"), say(f"c{number}", "x")) for number in range(5)]
    result = run(side_by_side("p", block("stop", "StopOtherBranch"), *branches), limits=Limits(max_parallel_blocks=2))
    assert result.code == 1003
    assert not {"s2", "s3", "s4"} & set(codes(result))


def test_a_branch_between_two_blocks_ends_there(limits: Limits | None) -> None:
    busy = serial("s", *(set_(f"b{number}", "n", str(number)) for number in range(20)))
    result = run(side_by_side("p", busy, block("stop", "StopOtherBranch")), say("e", "after"), limits=limits)
    assert (result.code, said(result), codes(result)["s"]) == (1003, ["after"], 1001)
    assert result.variables.get("n", 0) < 5


def test_alone_it_stops_nothing(limits: Limits | None) -> None:
    assert said(run(block("stop", "StopOtherBranch"), say("e", "after"), limits=limits)) == ["after"]
    assert said(run(side_by_side("p", block("stop", "StopOtherBranch"), say("k", "k")), limits=limits)) in (["k"], [])


def test_two_that_stop_each_other_leave_one(limits: Limits | None) -> None:
    result = run(side_by_side("p", stop("one"), stop("two")), say("e", "after"), limits=limits)
    assert (result.code, said(result)) == (1003, ["stopped", "after"])


def test_a_branch_that_failed_before_stays_failed(limits: Limits | None) -> None:
    result = run(side_by_side("p", throw("x", "boom"), held("w"), stop()), port=world(), limits=limits)
    assert isinstance(result.outcome, Failed)
    assert (result.outcome.block, codes(result)["w"]) == ("x", 1001)


def test_failures_below_a_stopped_branch_go_with_it(limits: Limits | None) -> None:
    inner = side_by_side("q", throw("x", "boom"), side_by_side("q2", throw("y", "boom"), wait("d", 60_000)))
    result = run(side_by_side("p", serial("s", inner), stop()), say("e", "after"), port=world(), limits=limits)
    assert (result.code, said(result)) == (1003, ["stopped", "after"])


def test_copies_are_stopped_too(limits: Limits | None) -> None:
    tree = block("p", "ParallelRepeatNBp", held("w"), num=3)
    result = run(side_by_side("o", tree, stop()), say("e", "after"), port=world(), limits=limits)
    assert (result.code, said(result), len(result.port.sites.withdrawn)) == (1003, ["stopped", "after"], 3)


def test_a_stopped_branch_that_skips_does_not_go_on_skipping(limits: Limits | None) -> None:
    skipping = serial(
        "s",
        block("j", "SkipToComponent", skipComponentId="t"),
        block("w", "WhileBp", serial("q", block("z", "SkipToComponent", skipComponentId="q")), loopCondition="true"),
    )
    result = run(side_by_side("p", serial("o", skipping, say("t", "t")), stop()), say("e", "after"), limits=limits)
    assert (result.code, said(result)) == (1003, ["t", "stopped", "after"])


# --- Robots ---


def test_the_order_of_a_stopped_branch_is_terminated(limits: Limits | None) -> None:
    port = world()
    inside = robot("r", "A", go("g", "B"), held("w"), go("g2", "B"))
    result = run(side_by_side("p", serial("s", inside, say("n", "never")), stop(after=10**6)), port=port, limits=limits)
    assert (result.code, calls(result)) == (1003, ["setOrder", "addBlocks", "dispatchable", "terminate"])
    assert [order.state for order in port.fleet.orders.values()] == ["STOPPED"]
    assert {codes(result)[name] for name in ("r", "s", "w")} == {1001}


def test_an_order_that_waits_for_its_robot_is_terminated(limits: Limits | None) -> None:
    port = world(robots=())
    result = run(side_by_side("p", robot("r", "A", say("n", "never")), stop(after=10**6)), port=port, limits=limits)
    assert (result.code, calls(result), said(result)) == (1003, ["setOrder", "terminate"], ["stopped"])
    assert codes(result)["r"] == 1001


def test_the_parallel_block_waits_until_the_order_is_terminated(limits: Limits | None) -> None:
    port, ended = world(), []
    inside = robot("r", "A", held("w"))

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        if "terminate" in [effect.request["operation"] for effect in port.effects.values()]:
            ended.append("p" in {row.name for row in port.blocks.values() if row.ended_ms is not None})

    run(side_by_side("p", inside, stop(after=10**6)), port=port, limits=limits, on_slice=look)
    assert (ended[0], ended[-1]) == (False, True)


def test_orders_within_orders_are_terminated_from_inside_out(limits: Limits | None) -> None:
    port = world(robots=("AMB-01", "AMB-02"))
    inner = side_by_side("q", held("w1"), robot("r2", "B", held("w2")))
    result = run(side_by_side("p", robot("r1", "A", inner), stop(after=10**6)), port=port, limits=limits)
    assert result.code == 1003
    ended = [effect.block for effect in port.effects.values() if effect.request["operation"] == "terminate"]
    assert ended == ["r2", "r1"]


def test_an_order_that_is_just_being_made_is_waited_for_and_then_terminated(limits: Limits | None) -> None:
    port = world()
    made = plan(side_by_side("p", robot("r", "A", say("n", "never")), stop(after=500)), say("e", "after"))
    state, outcomes, waits = None, [], []
    for _ in range(60):
        info = RunInfo(port.record_id)
        with Run.restore(made, state, info, limits) if state else Run.start(made, {}, info, limits) as walking:
            end = walking.advance(port)
        port.commit(end.snapshot, end.outcome)
        state = port.state
        outcomes.append(type(end.outcome).__name__)
        if outcomes[-1] == "Finished":
            break
        if isinstance(end.outcome, Suspended):
            waits = [wait.key for wait in end.outcome.waits]
            if port.now < 1_700_000_001_000:
                port.now += 1000  # the fleet does not answer the first call yet
            elif "terminate" not in str(port.effects):
                assert waits == ["effect:rec-1~r:1"]
                port.answers["rec-1~r:1"] = EffectAnswer("done", {})
            else:
                port.io()
    assert outcomes[-1] == "Finished"
    operations = [effect.request["operation"] for effect in port.effects.values()]
    assert operations == ["setOrder", "terminate"]


# --- Refusals and crashes ---


def test_a_withdrawal_that_is_refused_fails_the_block_and_stops_nothing() -> None:
    class Refusing(FakeSites):
        def apply(self, effect, key, since_ms, now_ms, holder):  # type: ignore[no-untyped-def]
            if isinstance(effect, Withdraw):
                raise BlockError("site.refused", "Not now.")
            return super().apply(effect, key, since_ms, now_ms, holder)

    port = MemoryPort(Refusing([Site("A", locked_by="kim")]))
    frees = serial("f", wait("d", 5000), block("u", "SetSiteUnlockedBp", siteId="A", unLockedId="kim"))
    result = run(side_by_side("p", held("w"), stop(), frees), port=port)
    assert isinstance(result.outcome, Failed)
    assert (result.outcome.block, codes(result)["w"], codes(result)["stop"]) == ("stop", 1003, 1002)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 8))
def test_a_crash_around_the_stop_changes_nothing(at: int, where: str) -> None:
    port = world()
    port.crash_at = {at: where}
    inside = robot("r", "A", held("w"))
    tree = side_by_side("p", inside, held("w2"), stop(after=10**6))
    result = run(tree, say("e", "after"), port=port, limits=Limits(slice_steps=1))
    assert (result.code, said(result), calls(result)) == (1003, ["stopped", "after"], ["setOrder", "terminate"])
    assert sorted(set(port.sites.withdrawn)) == ["rec-1~w2:0", "rec-1~w:0"]


def test_a_run_that_ends_as_cancelled_closes_all_that_is_open_and_tells_nobody(limits: Limits | None) -> None:
    port = world()
    port.tasks.ends = {"gone": 1001}
    inside = serial("s", robot("r", "A", try_("t", [block("c", "SubTask::gone")], [say("k", "caught")])))
    result = run(side_by_side("p", inside, held("w")), say("e", "after"), port=port, limits=limits)
    assert (type(result.outcome).__name__, result.code, said(result)) == ("Cancelled", 1001, [])
    assert calls(result) == ["setOrder"], "settling the run terminates its orders"
    assert codes(result) == dict.fromkeys(("p", "s", "r", "t", "c", "w"), 1001)
    assert port.state is None


@pytest.mark.parametrize("slice_steps", [1, 1_000_000])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("leave", ["break", "skip"])
def test_a_failed_branch_gives_its_robot_back_when_another_leaves_the_parallel_block(
    leave: str, nested: bool, slice_steps: int
) -> None:
    away = block("l", "BreakBp") if leave == "break" else block("l", "SkipToComponent", skipComponentId="after")
    selection = robot("sel", "S1", throw("x", "no pallet"))
    failing = block("q", "ParallelFlowBp", selection, say("beside", "b")) if nested else selection
    parallel = block("p", "ParallelFlowBp", away, failing)
    tree = [block("r", "RepeatNumBp", parallel, num=1), block("d", "DelayBp", timeMillis=1), say("after", "a")]
    orders: list[str] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        if port.blocks and max(port.blocks.values()).name == ("d" if leave == "break" else "after"):
            orders.extend(order.state for order in port.fleet.orders.values())

    result = run(*tree, limits=Limits(slice_steps=slice_steps), on_slice=look)

    assert result.code == 1003
    assert orders
    assert set(orders) == {"STOPPED"}, "not only when the run has ended"
    assert all(row.ended_ms is not None for row in result.port.blocks.values())
