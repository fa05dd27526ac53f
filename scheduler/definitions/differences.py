"""What differs between two versions of a definition, block by block. Pure: two details in, values out.

Near linear, without recursion, and nothing in a detail makes it fail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.definitions.outline import Node
from scheduler.definitions.pairing import Pairs, Tree, other_fields, pair, text_of

ADDED, REMOVED, SAME = "added", "removed", "same"
_DETAIL_OWN = frozenset({"inputParams", "rootBlock"})


@dataclass(frozen=True, slots=True)
class Value:
    """One side of a changed value as text; ``type`` is what the definition says of it."""

    text: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter or field before and after; ``None``: it was not there."""

    name: str
    old: Value | None
    new: Value | None


@dataclass(frozen=True, slots=True)
class Block:
    """One block of the merged tree. ``state``: added, removed or same (in both; ``changes`` say what differs).

    ``moved_from`` is the old path of a block that stands elsewhere now, ``places`` its old and new place in its branch
    (from 1); ``was`` is the old name of a renamed one.
    """

    depth: int
    branch: str
    name: str
    type: str
    state: str
    where: str
    was: str = ""
    moved_from: str = ""
    places: tuple[int, int] = (0, 0)
    parameters: tuple[Change, ...] = ()
    fields: tuple[Change, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether there is anything to say about it."""
        return self.state != SAME or bool(self.was or self.moved_from or self.parameters or self.fields)


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs. ``blocks`` is the whole merged tree, unchanged blocks too, parents before children."""

    blocks: tuple[Block, ...]
    inputs: tuple[tuple[str, tuple[Change, ...]], ...]
    fields: tuple[Change, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many blocks and values differ, by kind."""
        return {
            "added": sum(block.state == ADDED for block in self.blocks),
            "removed": sum(block.state == REMOVED for block in self.blocks),
            "moved": sum(bool(block.moved_from) for block in self.blocks),
            "renamed": sum(bool(block.was) for block in self.blocks),
            "parameters": sum(len(block.parameters) + len(block.fields) for block in self.blocks),
            "inputs": len(self.inputs),
            "fields": len(self.fields),
        }

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs but what only the task editor uses."""
        return not any(self.counts.values())


def compare(old: Any, new: Any) -> Difference:
    """What makes ``new`` of ``old`` (two parsed details)."""
    before, after = Tree(old), Tree(new)
    return Difference(_merged(before, after, pair(before, after)), _inputs(old, new), _fields(old, new, _DETAIL_OWN))


# --- The merged tree -------------------------------------------------------------------------------------------------


def _merged(old: Tree, new: Tree, pairs: Pairs) -> tuple[Block, ...]:
    """The new tree with the removed blocks where they stood; (which tree, index, depth) on the stack."""
    blocks: list[Block] = []
    stack: list[tuple[bool, int, int]] = [(False, 0, 0)] if new.nodes else []
    if not stack and old.nodes:
        stack = [(True, 0, 0)]
    while stack:
        gone, index, depth = stack.pop()
        if gone:
            node = old.nodes[index]
            blocks.append(Block(depth, _branch(node), node.name, node.type, REMOVED, old.outline.where(index)))
            below = [(True, kid) for kids in old.below[index].values() for kid in kids if pairs.new_of[kid] < 0]
        else:
            blocks.append(_block(old, new, pairs, index, depth))
            below = _below(old, new, pairs, index)
        stack.extend((where, kid, depth + 1) for where, kid in reversed(below))
    return tuple(blocks)


def _below(old: Tree, new: Tree, pairs: Pairs, index: int) -> list[tuple[bool, int]]:
    """Children of a new block, and removed ones behind the sibling that they followed."""
    was = pairs.old_of[index]
    before = old.below[was] if was >= 0 else {}
    found: list[tuple[bool, int]] = []
    for branch in [*new.below[index], *(key for key in before if key not in new.below[index])]:
        behind: dict[int, list[int]] = defaultdict(list)
        sibling = -1
        kids = new.below[index].get(branch, [])
        here = set(kids)
        for kid in before.get(branch, ()):
            if pairs.new_of[kid] < 0:
                behind[sibling].append(kid)
            elif pairs.new_of[kid] in here:
                sibling = pairs.new_of[kid]
        found += [(True, kid) for kid in behind[-1]]
        for kid in kids:
            found.append((False, kid))
            found += [(True, gone) for gone in behind.get(kid, ())]
    return found


def _block(old: Tree, new: Tree, pairs: Pairs, index: int, depth: int) -> Block:
    node, was = new.nodes[index], pairs.old_of[index]
    if was < 0:
        parameters = tuple(Change(name, None, _value(value)) for name, value in _mapping(node.block).items())
        return Block(depth, _branch(node), node.name, node.type, ADDED, new.outline.where(index), parameters=parameters)
    before = old.nodes[was]
    changed = old.content[was] != new.content[index]
    return Block(
        depth,
        _branch(node),
        node.name,
        node.type,
        SAME,
        new.outline.where(index),
        was=before.name if before.name != node.name else "",
        moved_from=old.outline.where(was) if index in pairs.moved else "",
        places=(before.place + 1, node.place + 1) if index in pairs.moved else (0, 0),
        parameters=_changes(_mapping(before.block), _mapping(node.block), _value) if changed else (),
        fields=_block_fields(before, node) if changed else (),
    )


def _block_fields(before: Node, after: Node) -> tuple[Change, ...]:
    fields = _changes(other_fields(before.block), other_fields(after.block), _plain)
    if before.type == after.type:
        return fields
    return (Change("blockType", Value(before.type), Value(after.type)), *fields)


def _branch(node: Node) -> str:
    """The branch, told where one other than the usual begins."""
    return "" if node.branch == "default" or node.place else node.branch


# --- Values ----------------------------------------------------------------------------------------------------------


def _inputs(old: Any, new: Any) -> tuple[tuple[str, tuple[Change, ...]], ...]:
    """Declared inputs that were added, removed or changed, field by field; and their order when only that differs."""
    before, after = _declared(old), _declared(new)
    found = [
        (name, _changes(before.get(name, {}), after.get(name, {}), _plain))
        for name in {**before, **after}
        if text_of(before.get(name)) != text_of(after.get(name))
    ]
    if not found and list(before) != list(after):
        found = [("", (Change("", Value(", ".join(before)), Value(", ".join(after))),))]
    return tuple(found)


def _declared(detail: Any) -> dict[str, Mapping[str, Any]]:
    items = detail.get("inputParams") if isinstance(detail, Mapping) else None
    return {
        str(item.get("name")): item for item in (items if isinstance(items, list) else ()) if isinstance(item, Mapping)
    }


def _fields(old: Any, new: Any, own: frozenset[str]) -> tuple[Change, ...]:
    before, after = (
        {k: v for k, v in each.items() if k not in own} if isinstance(each, Mapping) else {} for each in (old, new)
    )
    return _changes(before, after, _plain)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], show: Callable[[Any], Value]) -> tuple[Change, ...]:
    return tuple(
        Change(
            str(name),
            show(before[name]) if name in before else None,
            show(after[name]) if name in after else None,
        )
        for name in {**before, **after}
        if (name in before) != (name in after) or text_of(before[name]) != text_of(after[name])
    )


def _mapping(block: Mapping[str, Any]) -> Mapping[str, Any]:
    found = block.get("inputParams")
    return found if isinstance(found, Mapping) else {}


def _value(value: Any) -> Value:
    """A parameter: its text and its type."""
    if not isinstance(value, Mapping) or "value" not in value:
        return _plain(value)
    more = {k: v for k, v in value.items() if k not in ("value", "type")}
    text = _plain(value["value"]).text
    return Value(f"{text} {text_of(more)}" if more else text, str(value.get("type") or ""))


def _plain(value: Any) -> Value:
    return Value(value if isinstance(value, str) else text_of(value))
