"""Examples of blocks: a short form beside the handler, written out as a definition has it.

``{"num": 3, "default": [("PrintBp", {"message": "=blocks.b1.index"})]}`` gives the parameter ``num`` as a literal and
one child; a text that begins with ``=`` is an expression, a map becomes Key-Value rows, a key that names a branch
holds its blocks. A branch that is not given gets a PrintBp, so that the example does something.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from execution.registry import REGISTRY, BlockSpec

Block = dict[str, Any]


def example_of(spec: BlockSpec) -> Block:
    """The block of an example, as it stands in a definition; its name is ``b1``."""
    return _block(spec.name, spec.example or {}, count(1))


def detail_of(spec: BlockSpec) -> dict[str, Any]:
    """A whole definition around the example: inside the blocks it needs, and before a PrintBp named ``after``."""
    block, outer = example_of(spec), spec.within
    numbers = count(101)
    while outer:
        around = REGISTRY.get(outer)
        if around is None:
            raise ValueError(f"{spec.name} says it stands within {outer}, which is no block")
        wrapped = _block(outer, around.example or {}, numbers)
        wrapped["children"][around.branches[0]] = [block]
        block, outer = wrapped, around.within
    after = {**_block("PrintBp", {"message": "done"}, count(999)), "name": "after"}
    root = {"id": -1, "name": "-1", "blockType": "RootBp", "children": {"default": [block, after]}}
    return {"inputParams": [], "outputParams": [], "rootBlock": root if spec.name != "RootBp" else block}


def _block(kind: str, given: Mapping[str, Any], numbers: Iterator[int]) -> Block:
    spec, number = REGISTRY.get(kind), next(numbers)
    branches = spec.branches if spec is not None else ()
    root = kind == "RootBp"
    block: Block = {"id": -1 if root else number, "name": "-1" if root else f"b{number}", "blockType": kind}
    block["inputParams"] = {name: _parameter(value) for name, value in given.items() if name not in branches}
    children = {branch: _children(branch, given.get(branch), numbers) for branch in branches}
    return {**block, "children": children} if children else block


def _children(
    branch: str, given: Sequence[tuple[str, Mapping[str, Any]]] | None, numbers: Iterator[int]
) -> list[Block]:
    blocks = given if given is not None else [("PrintBp", {"message": branch})]
    return [_block(kind, values, numbers) for kind, values in blocks]


def _parameter(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        rows = [{"key": key, "value": item, "type": "string"} for key, item in value.items()]
        return {"type": "Key-Value", "value": json.dumps(rows)}
    if isinstance(value, str) and value.startswith("="):
        return {"type": "Expression", "value": value[1:].strip()}
    return {"type": "Simple", "value": value if isinstance(value, str) else json.dumps(value)}
