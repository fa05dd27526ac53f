"""A definition's tree as a flat list, without compiling it: for pages, differences and whatever only looks.

Never fails on odd data, never recurses. Paths are those of the compiler's messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_USUAL = ("default", "submodules")
_ROOT = "rootBlock"
#: Steps of a path that are told; of a deeper one the last.
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Node:
    """One block. ``parent`` is an index (-1 for the root); ``place`` is its place in its branch, from 0."""

    index: int
    parent: int
    branch: str
    place: int
    depth: int
    name: str
    type: str
    block: Mapping[str, Any]


class Outline:
    """The blocks of a detail in the order of the text, parents before children; at most ``limit``."""

    def __init__(self, detail: Any, limit: int = 1_000_000) -> None:
        self.nodes: list[Node] = []
        root = detail.get(_ROOT) if isinstance(detail, Mapping) else None
        stack: list[tuple[Any, int, str, int, int]] = [(root, -1, "default", 0, 0)]
        while stack and len(self.nodes) < limit:
            block, parent, branch, place, depth = stack.pop()
            if not isinstance(block, Mapping):
                continue
            node = Node(
                len(self.nodes), parent, branch, place, depth, _name(block), str(block.get("blockType") or ""), block
            )
            self.nodes.append(node)
            stack.extend(reversed(_below(node)))

    def where(self, index: int) -> str:
        """Path of a block, as the compiler's messages have it."""
        steps: list[str] = []
        while index >= 0 and len(steps) < _STEPS:
            node = self.nodes[index]
            if node.parent < 0:
                steps.append(_ROOT)
            else:
                step = f"{node.name} {node.type[:60]}"
                steps.append(step if node.branch == "default" else f"{node.branch} › {step}")
            index = node.parent
        if index >= 0:
            steps.append("…")
        return " › ".join(reversed(steps))


def read(text: str) -> Any:
    """The parsed detail, or ``None`` when the text is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _name(block: Mapping[str, Any]) -> str:
    name, number = block.get("name"), block.get("id")
    if (name is None or name == "") and isinstance(number, int):
        return f"b{number}"
    return str(name) if isinstance(name, str | int) else ""


def _below(node: Node) -> list[tuple[Any, int, str, int, int]]:
    children = node.block.get("children")
    if not isinstance(children, Mapping):
        return []
    return [
        (child, node.index, "default" if key in _USUAL else str(key), place, node.depth + 1)
        for key, blocks in children.items()
        if isinstance(blocks, list)
        for place, child in enumerate(blocks)
    ]
