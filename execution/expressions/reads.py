"""What an expression can read, found without running it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from execution.expressions import nodes
from execution.expressions.nodes import Node


@dataclass(frozen=True, slots=True)
class Reads:
    """The names of the scope an expression uses, and the outputs and variables it may read.

    ``outputs`` holds (block name, output name) pairs; an output of ``None`` means all of that block. ``all_outputs``
    means any output of any block (``blocks[x]``, ``blocks.get(…)``, ``blocks`` alone).
    """

    names: frozenset[str]
    outputs: frozenset[tuple[str, str | None]]
    all_outputs: bool
    variables: bool

    def may_read(self, block: str, output: str) -> bool:
        """Say whether the expression can read this output of this block."""
        return self.all_outputs or (block, output) in self.outputs or (block, None) in self.outputs


# Names that, on a map without such a key, describe the map as a whole.
_WHOLE = frozenset({"size", "isEmpty", "empty", "keySet", "values", "entrySet", "toString"})


def find_reads(tree: Node) -> Reads:
    """Collect what ``tree`` reads, erring on the side of more."""
    names: set[str] = set()
    outputs: set[tuple[str, str | None]] = set()
    everything = variables = False
    pending: list[Node] = [tree]
    while pending:
        node = pending.pop()
        path, root = _path(node)
        if root is None:
            pending.extend(children(node))
            continue
        names.add(root)
        pending.extend(_keys(node))
        if root == "blocks":
            if not path or path[0] is None or path[0] in _WHOLE:
                everything = True
            else:
                output = path[1] if len(path) > 1 and path[1] not in _WHOLE else None
                outputs.add((path[0], output))
        if root == "task" and (not path or path[0] in (None, "variables") or path[0] in _WHOLE):
            variables = True
    return Reads(frozenset(names), frozenset(outputs), everything, variables)


def _path(node: Node) -> tuple[list[str | None], str | None]:
    """Unfold ``root.a["b"][x].c()`` to its constant steps (``None`` for others) and its root name."""
    steps: list[str | None] = []
    while True:
        if isinstance(node, nodes.Property):
            steps.append(node.name)
        elif isinstance(node, nodes.Index):
            key = node.key
            steps.append(key.value if isinstance(key, nodes.Literal) and type(key.value) is str else None)
        elif isinstance(node, nodes.Call) and node.target is not None:
            steps.append(None)
        elif isinstance(node, nodes.Name):
            return steps[::-1], node.name
        elif isinstance(node, nodes.IsDefined):
            return [None], node.name.partition(".")[0]
        else:
            return [], None
        node = node.target  # type: ignore[assignment]


def _keys(node: Node) -> Iterator[Node]:
    """Give the keys and arguments along a path; they are expressions of their own."""
    while isinstance(node, (nodes.Property, nodes.Index, nodes.Call)):
        if isinstance(node, nodes.Index):
            yield node.key
        elif isinstance(node, nodes.Call):
            yield from node.arguments
        if node.target is None:
            return
        node = node.target


def children(node: Node) -> Iterator[Node]:
    """Give the nodes directly below."""
    for field in fields(node):
        yield from _nodes_in(getattr(node, field.name))


def _nodes_in(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes_in(item)


def count_nodes(node: Node) -> int:
    """Count the nodes of a tree: what one round of a loop costs."""
    total = 0
    pending = [node]
    while pending:
        total += 1
        pending.extend(children(pending.pop()))
    return total
