"""The heart of the engine: how a run is cut into slices, and where processes die, changes nothing of what it does."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, event, find, given, settings
from hypothesis import strategies as st

from execution import handlers
from execution.limits import Limits
from execution.outcome import Failed
from execution.plan import Plan
from execution.registry import REGISTRY
from execution.testing import Result, run_plan
from execution.values import dump_tagged
from tests.unit.execution.generated import BESIDES, INPUTS, LEAVES, NESTS, Making, Scenario, scenarios
from tests.unit.execution.trees import block, plan, set_

ONE_BLOCK = Limits(slice_steps=1, slice_ms=10**12, max_parallel_blocks=2)
WHOLE = Limits(slice_ms=10**12, max_parallel_blocks=2)


def _typed(values: dict[str, Any]) -> str:
    return json.dumps(dump_tagged(values), sort_keys=True)


def _fault(result: Result) -> tuple[object, ...]:
    outcome = result.outcome
    if isinstance(outcome, Failed):
        return (outcome.block, outcome.error_code, outcome.message, outcome.final)
    return (type(outcome).__name__,)


def _ended(result: Result) -> dict[str, Any]:
    """Everything about a run that may not depend on its slices."""
    port = result.port
    rows = Counter(
        (row.name, row.iteration, row.code, row.params, row.outputs, row.reason) for row in port.blocks.values()
    )
    logs = Counter((line.block, line.code, line.args) for line in port.logs if line.code != "effect.repeated")
    return {
        "outcome": _fault(result),
        "variables": _typed(result.variables),
        "outputs": _typed(result.outputs),
        "sites": repr(sorted(port.sites.sites.items())),
        "cache": port.cache.values,
        "runs": {name: (run.definition_id, _typed(run.inputs)) for name, run in port.tasks.records.items()},
        "other runs": {name: run.code for name, run in port.tasks.records.items() if not run.parent},
        "tasks": sorted(port.tasks.done),
        "events": sorted(port.tasks.events),
        "facts": {name: value for name, value in port.facts.items() if not name.endswith("_ms")},
        "effects": frozenset(port.effects),
        "requests": _typed({key: dict(row.request) for key, row in port.effects.items()}),
        "storage": sorted(port.sites.done),
        "withdrawn": sorted(set(port.sites.withdrawn)),
        "blocks_run": port.blocks_run,
        "blocks": rows,
        "logs": logs,
        "vehicles": sorted(port.vehicles.split(",")),
    }


def _run(scenario: Scenario, compiled: Plan, limits: Limits, crashes: dict[int, str], repeats: set[int]) -> Result:
    port = scenario.port()
    port.crash_at, port.repeat = dict(crashes), repeats
    return run_plan(compiled, port=port, limits=limits)


def _check(scenario: Scenario, crashes: dict[int, str], repeats: set[int]) -> None:
    compiled = plan(*scenario.blocks, inputs=INPUTS)
    whole = _run(scenario, compiled, WHOLE, {}, set())
    cut = _run(scenario, compiled, ONE_BLOCK, {}, set())
    crashed = _run(scenario, compiled, ONE_BLOCK, crashes, repeats)
    event(f"{type(whole.outcome).__name__}, {(crashed.crashes > 0 and 'crashed') or 'no crash'}")
    expected = _ended(whole)
    for other in (cut, crashed):
        assert _ended(other) == expected
    for result in (whole, cut):
        assert len(result.port.effects_written) == len(result.port.effects), "an effect was written twice"
    for result in (whole, cut, crashed):
        done = result.port.sites.done
        assert len(done) == len(set(done)), "a storage effect took place twice"
        assert len(result.port.tasks.done) == len(set(result.port.tasks.done)), "something was done twice to a run"
        repeated = Counter(json.loads(line.args)["key"] for line in result.port.logs if line.code == "effect.repeated")
        assert all(times == 1 + repeated[key] for key, times in result.port.fleet.sent.items())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    scenario=scenarios(),
    crashes=st.dictionaries(st.integers(1, 20), st.sampled_from(["before", "after"]), min_size=1, max_size=8),
    repeats=st.sets(st.integers(0, 12), max_size=4),
)
def test_slices_and_crashes_change_nothing_of_what_a_run_does(
    scenario: Scenario, crashes: dict[int, str], repeats: set[int]
) -> None:
    _check(scenario, crashes, repeats)


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 5), min_size=2, max_size=5), window=st.integers(1, 3))
def test_branches_take_turns_in_the_same_order_however_the_run_is_cut(lengths: list[int], window: int) -> None:
    branches = [
        block(f"s{number}", "SerialFlowBp", *(set_(f"b{number}x{step}", "last", str(number)) for step in range(length)))
        for number, length in enumerate(lengths)
    ]
    compiled = plan(block("p", "ParallelFlowBp", *branches))
    limits = [Limits(slice_steps=steps, max_parallel_blocks=window) for steps in (1, 2, 3, 1000)]
    steps = [run_plan(compiled, limits=limit).steps for limit in limits]
    assert steps.count(steps[0]) == len(steps)


def test_every_block_is_made_up() -> None:
    handlers.load()
    made = set(LEAVES) | set(NESTS) | BESIDES
    assert made == {spec.name for spec in REGISTRY}, "add what is missing to tests/unit/execution/generated.py"


@pytest.mark.parametrize("kind", [*LEAVES, *NESTS])
def test_each_of_them_is_what_it_is_called(kind: str) -> None:
    making = Making(lambda strategy: find(strategy, lambda value: True))
    name = making.name()
    made = LEAVES[kind](making, name) if kind in LEAVES else NESTS[kind](making, name, 4, frozenset())
    assert made["blockType"] == kind or made["blockType"].startswith("SubTask::")
    plan(made, inputs=INPUTS)
