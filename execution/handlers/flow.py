"""Blocks that run their children in order, once or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from execution.effects import RunChildren, SkipTo
from execution.frames import Here
from execution.parameters import is_true, param, text
from execution.registry import block


@dataclass(slots=True)
class IfParams:
    """Parameters of IfBp."""

    condition: bool = param(is_true, default=False, help="Whether the children run; left out: they do not.")


@dataclass(slots=True)
class IfElseParams:
    """Parameters of IfElseBp."""

    condition_if: bool = param(is_true, default=False, help="Chooses ``if``; left out: ``else``.")


@dataclass(slots=True)
class IfElseIfParams:
    """Parameters of IfElseIfBp; both conditions are evaluated up front."""

    condition_if: bool = param(is_true, default=False, help="Chooses ``if``.")
    condition_else_if: bool = param(is_true, default=False, help="Chooses ``else_if`` when the first does not hold.")


@dataclass(slots=True)
class SkipParams:
    """Parameters of SkipToComponent."""

    skip_component_id: str | None = param(text, advised=True, help="Name of a block, case ignored, or its id.")


CHILDREN = RunChildren()
"""The default branch; one value for all, it says the same every time."""


@block("RootBp", branches=("default",), example={})
def root(run: Here, params: Any) -> RunChildren:
    """The root of a task; its children run in order. It stands at the top of every definition and nowhere else."""
    return CHILDREN


@block("SerialFlowBp", branches=("default",), example={})
def serial(run: Here, params: Any) -> RunChildren:
    """Runs its children in order; as a child of a parallel block it makes them one branch."""
    return CHILDREN


@block("IfBp", params=IfParams, branches=("default",), example={"condition": "=task.variables.urgent == true"})
def if_(run: Here, params: IfParams) -> RunChildren | None:
    """Runs its children when the text of the condition is ``true``.

    Upper and lower case are the same; anything else, nothing and numbers too, is not true.
    """
    return CHILDREN if params.condition else None


@block("IfElseBp", params=IfElseParams, branches=("if", "else"), example={"conditionIf": "=1 + 1 == 2"})
def if_else(run: Here, params: IfElseParams) -> RunChildren:
    """Runs one of two branches: ``if`` when the text of the condition is ``true``, else ``else``."""
    return RunChildren("if" if params.condition_if else "else")


@block(
    "IfElseIfBp",
    params=IfElseIfParams,
    branches=("if", "else_if", "else"),
    example={"conditionIf": "=task.priority > 10", "conditionElseIf": "=task.priority > 5"},
)
def if_else_if(run: Here, params: IfElseIfParams) -> RunChildren:
    """Runs one of three branches: the first whose condition's text is ``true``, else ``else``.

    Both conditions are evaluated before; an error in the second fails the block even when the first holds.
    """
    if params.condition_if:
        return RunChildren("if")
    return RunChildren("else_if" if params.condition_else_if else "else")


@block(
    "SkipToComponent",
    params=SkipParams,
    errors={"skip.no-target": "``skipComponentId`` gives no value"},
    example={"skipComponentId": "after"},
)
def skip_to_component(run: Here, params: SkipParams) -> SkipTo:
    """Skips all blocks from here on until the one of that name or id; those in between are recorded as not executed.

    Blocks around the target are entered: choices take the branch it stands in whatever their condition, loops, robot
    selections and parallel blocks run as usual (of a parallel block only that branch). It goes forward only; a loop
    around both reaches an earlier block in its next round. Blocks that are left complete their robot's order, as with a
    break. When the target never comes the rest is skipped, and the task ends as finished with a warning in its log.
    """
    return SkipTo((params.skip_component_id or "").strip())
