"""Blocks that run their children in order, once or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from execution.effects import RunChildren
from execution.frames import Here
from execution.parameters import is_true, param
from execution.registry import block


@dataclass(slots=True)
class IfParams:
    """Parameters of IfBp."""

    condition: bool = param(is_true, default=False)


@dataclass(slots=True)
class IfElseParams:
    """Parameters of IfElseBp."""

    condition_if: bool = param(is_true, default=False)


@dataclass(slots=True)
class IfElseIfParams:
    """Parameters of IfElseIfBp; both conditions are evaluated up front."""

    condition_if: bool = param(is_true, default=False)
    condition_else_if: bool = param(is_true, default=False)


CHILDREN = RunChildren()
"""The default branch; one value for all, it says the same every time."""


@block("RootBp", branches=("default",))
def root(run: Here, params: Any) -> RunChildren:
    """The root of a task; its children run in order."""
    return CHILDREN


@block("SerialFlowBp", branches=("default",))
def serial(run: Here, params: Any) -> RunChildren:
    """Runs its children in order."""
    return CHILDREN


@block("IfBp", params=IfParams, branches=("default",))
def if_(run: Here, params: IfParams) -> RunChildren | None:
    """Runs its children when the text of the condition is ``true``."""
    return CHILDREN if params.condition else None


@block("IfElseBp", params=IfElseParams, branches=("if", "else"))
def if_else(run: Here, params: IfElseParams) -> RunChildren:
    """Runs one of two branches."""
    return RunChildren("if" if params.condition_if else "else")


@block("IfElseIfBp", params=IfElseIfParams, branches=("if", "else_if", "else"))
def if_else_if(run: Here, params: IfElseIfParams) -> RunChildren:
    """Runs one of three branches."""
    if params.condition_if:
        return RunChildren("if")
    return RunChildren("else_if" if params.condition_else_if else "else")
