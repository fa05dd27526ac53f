"""A definition's block tree as rows for a page: who stands in whom, on which branch, with which parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as it is written. ``expression`` tells it from a constant."""

    name: str
    text: str
    expression: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One block; ``branch`` is set where a branch other than the usual begins."""

    depth: int
    branch: str
    name: str
    type: str
    icon: str
    remark: str
    disabled: bool
    parameters: tuple[Parameter, ...]


def tree(detail: str) -> list[Row]:
    """Rows in the order of the text, parents before children; at most ``LIMIT``. Never fails on odd data."""
    try:
        root = json.loads(detail).get("rootBlock")
    except (ValueError, AttributeError, RecursionError):
        return []
    rows: list[Row] = []
    stack: list[tuple[Any, int, str]] = [(root, 0, "")]
    while stack and len(rows) < LIMIT:
        block, depth, branch = stack.pop()
        if not isinstance(block, Mapping):
            continue
        rows.append(_row(block, depth, branch))
        children = block.get("children")
        if not isinstance(children, Mapping):
            continue
        below: list[tuple[Any, int, str]] = []
        for name, blocks in children.items():
            usual = name in ("default", "submodules")
            for number, child in enumerate(blocks if isinstance(blocks, list) else ()):
                below.append((child, depth + 1, "" if usual or number else str(name)))
        stack.extend(reversed(below))
    return rows


def _row(block: Mapping[str, Any], depth: int, branch: str) -> Row:
    kind = str(block.get("blockType") or "")
    parameters = block.get("inputParams")
    return Row(
        depth=min(depth, 30),
        branch=branch,
        name="" if kind == "RootBp" else str(block.get("name") or ""),
        type=kind,
        icon=_ICONS.get(kind, "shelves" if _STORAGE in kind else "extension"),
        remark=str(block.get("remark") or ""),
        disabled=block.get("disabled") is True,
        parameters=tuple(
            _parameter(str(name), value)
            for name, value in (parameters.items() if isinstance(parameters, Mapping) else ())
            if isinstance(value, Mapping) and value.get("value") not in (None, "")
        ),
    )


def _parameter(name: str, value: Mapping[str, Any]) -> Parameter:
    raw = value.get("value")
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)
    cut = text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"
    return Parameter(name, cut, value.get("type") == "Expression")
