"""Hostile parameters of every block on real rows: what the memory world lets pass must fit columns and statements."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from execution import handlers
from execution.errors import PlanErrors
from execution.examples import detail_of
from execution.plan import compile
from execution.registry import REGISTRY, BlockSpec
from scheduler.models import BlockRecord, Effect, LogLine, RunState, TaskRecord, Wait
from scheduler.states import Status
from tests.db.scheduler.making import claim_and_execute, definition, process, record, status_of
from tests.db.storage.warehouse import build, lock
from tests.unit.execution.test_hostile_parameters import EXPRESSIONS, LITERALS, MALFORMED

pytestmark = pytest.mark.django_db(transaction=True)

WRONG: dict[str, Any] = {
    **{
        name: {"type": "Simple", "value": LITERALS[name]}
        for name in (
            "huge number",
            "overflowing",
            "NaN as text",
            "NUL",
            "surrogate",
            "control",
            "astral",
            "deep",
            "word",
        )
    },
    "long": {"type": "Simple", "value": "ß" * 40_000},
    **{
        f"={name}": {"type": "Expression", "value": EXPRESSIONS[name]}
        for name in ("infinity", "NaN", "huge decimal", "surrogate", "NUL", "map", "long", "missing output", "number")
    },
    "key-value": MALFORMED["key-value"],
}
_INTERNAL = re.compile(r"Bp failed: \w+:")


def registered() -> list[BlockSpec]:
    handlers.load()
    return [spec for spec in REGISTRY if spec.parameters]


def renamed(block: dict[str, Any], number: int) -> dict[str, Any]:
    """A copy of a block and its children under names of their own."""
    children = {
        branch: [renamed(child, number) for child in blocks] for branch, blocks in block.get("children", {}).items()
    }
    return {**block, "id": None, "name": f"{block['name']}-{number}", "children": children}


def tried(spec: BlockSpec, number: int, name: str, wrong: Any) -> dict[str, Any]:
    """The block's example with one wrong parameter, inside a TryCatchBp."""
    tree = detail_of(spec)["rootBlock"]["children"]["default"][0]
    block = tree
    while block["name"] != "b1":
        block = next(iter(block["children"].values()))[0]
    block["inputParams"] = {**block["inputParams"], name: wrong}
    swallow = {"swallowError": {"type": "Simple", "value": "true"}}
    children = {"try": [renamed(tree, number)], "catch": []}
    return {"name": f"try-{number}", "blockType": "TryCatchBp", "inputParams": swallow, "children": children}


def compiles(block: dict[str, Any]) -> bool:
    """Whether the definition is taken at all: what is refused there never reaches a run."""
    root = {"id": -1, "name": "-1", "blockType": "RootBp", "children": {"default": [block]}}
    try:
        compile(json.dumps({"inputParams": [], "outputParams": [], "rootBlock": root}))
    except PlanErrors:
        return False
    return True


def branches(spec: BlockSpec) -> list[dict[str, Any]]:
    names = [f"{item.prefix}x" if item.prefix else item.name for item in spec.parameters]
    given = [(name, wrong) for name in names for wrong in WRONG.values()]
    made = (tried(spec, number, name, wrong) for number, (name, wrong) in enumerate(given))
    return [block for block in made if compiles(block)]


@pytest.mark.parametrize("spec", registered(), ids=lambda spec: spec.name)
def test_wrong_parameters_break_neither_a_statement_nor_a_column(spec: BlockSpec) -> None:
    build("A-01", "A-02", "B-01")
    lock("somebody", "A-02")
    flow = {"name": "side by side", "blockType": "ParallelFlowBp", "children": {"default": branches(spec)}}
    run, mine = record(definition(flow)), process()
    for _ in range(4):
        if status_of(run) not in (Status.READY, Status.WAITING):
            break
        TaskRecord.objects.filter(pk=run.pk, status=Status.WAITING).update(status=Status.READY)
        claim_and_execute(run, mine)
    run.refresh_from_db()

    assert run.error_code not in ("engine_error", "block.internal"), run.ended_reason
    assert run.status in (Status.WAITING, Status.FINISHED, Status.READY), (run.status, run.ended_reason)
    for reason, params, outputs in BlockRecord.objects.filter(record=run).values_list("reason", "params", "outputs"):
        assert not _INTERNAL.search(reason), reason
        json.loads(params), json.loads(outputs)
    for args in LogLine.objects.filter(record=run).values_list("args", flat=True):
        json.loads(args)
    assert all(isinstance(request, dict) for request in Effect.objects.values_list("request", flat=True))
    assert all(len(json.dumps(args)) < 20_000 for args in Wait.objects.values_list("args", flat=True))
    state = RunState.objects.filter(record=run).values_list("text", flat=True).first()
    assert state is None or json.loads(state)
