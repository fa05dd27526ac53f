"""A definition's block tree as rows for a page: who stands in whom, on which branch, with which parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from execution.errors import Problem
from scheduler.definitions.outline import Node, Outline, read

#: Rows shown; a definition may have thousands of blocks.
LIMIT = 2000
#: Characters of one parameter.
_VALUE = 120
_ICONS: Mapping[str, str] = {
    "RootBp": "flag",
    "SerialFlowBp": "format_list_numbered",
    "ParallelFlowBp": "account_tree",
    "IfBp": "alt_route",
    "IfElseBp": "alt_route",
    "IfElseIfBp": "alt_route",
    "RepeatNumBp": "repeat",
    "IterateListBp": "repeat",
    "WhileBp": "repeat",
    "TryCatchBp": "shield",
    "ThrowExceptionBp": "error",
    "DelayBp": "timer",
    "PrintBp": "print",
    "CSelectAgvBp": "smart_toy",
    "CAgvOperationBp": "local_shipping",
}
_STORAGE = "Site"
#: Between the steps of a path.
_STEP = " › "


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as it is written. ``expression`` tells it from a constant."""

    name: str
    text: str
    expression: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One block; ``branch`` is set where a branch other than the usual begins, ``where`` is its path in messages."""

    depth: int
    branch: str
    name: str
    type: str
    icon: str
    remark: str
    disabled: bool
    parameters: tuple[Parameter, ...]
    where: str
    problems: list[Problem]


def tree(detail: str) -> list[Row]:
    """Rows in the order of the text, parents before children; at most ``LIMIT``. Never fails on odd data."""
    outline = Outline(read(detail), LIMIT)
    return [_row(node, outline.where(node.index)) for node in outline.nodes]


def place_problems(rows: Sequence[Row], problems: Sequence[Problem]) -> list[Problem]:
    """Put each problem at the block that its path names; returns those that belong to no row."""
    by_path = {row.where: row for row in rows}
    elsewhere = []
    for problem in problems:
        path = problem.path
        while path and path not in by_path:
            path = path.rpartition(_STEP)[0]
        row = by_path.get(path)
        if row is None:
            elsewhere.append(problem)
        else:
            row.problems.append(problem)
    return elsewhere


def icon_of(kind: str) -> str:
    """The icon of a block type."""
    return _ICONS.get(kind, "shelves" if _STORAGE in kind else "extension")


def _row(node: Node, where: str) -> Row:
    parameters = node.block.get("inputParams")
    return Row(
        depth=min(node.depth, 30),
        branch="" if node.branch == "default" or node.place else node.branch,
        name="" if node.type == "RootBp" else node.name,
        type=node.type,
        icon=icon_of(node.type),
        remark=str(node.block.get("remark") or ""),
        disabled=node.block.get("disabled") is True,
        parameters=tuple(
            _parameter(str(name), value)
            for name, value in (parameters.items() if isinstance(parameters, Mapping) else ())
            if isinstance(value, Mapping) and value.get("value") not in (None, "")
        ),
        where=where,
        problems=[],
    )


def _parameter(name: str, value: Mapping[str, Any]) -> Parameter:
    raw = value.get("value")
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)
    cut = text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"
    return Parameter(name, cut, value.get("type") == "Expression")
