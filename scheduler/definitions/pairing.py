"""Which block of one tree is which block of another: the pairs that a difference is told by. Pure.

Paired twice, once by id first and once by content first, and the shorter explanation is kept: editors keep ids, but
some renumber them, and then the same block under another id is no change of every block behind it. Near linear, without
recursion, and nothing in a tree makes it fail.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler.definitions.outline import Node, Outline

#: What only the task editor uses.
_EDITOR = frozenset({"selected", "expanded", "color", "moving"})
#: Fields of a block that are told in their own words.
_OWN = frozenset({"id", "name", "blockType", "children", "submodules", "inputParams"}) | _EDITOR


def text_of(value: Any) -> str:
    """One text for one value, whatever the order of its names; 1 and 1.0 are two."""
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    except RecursionError:
        return f"… {id(value)}"  # nested deeper than can be read: equal to nothing


def other_fields(block: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a block that are neither its place nor its parameters nor the editor's own."""
    return {name: value for name, value in block.items() if name not in _OWN}


def pair(old: Tree, new: Tree) -> Pairs:
    """The pairs that explain in the fewest words what became of ``old``."""
    return min((_explain(old, new, order) for order in (_IDS_FIRST, _CONTENT_FIRST)), key=lambda each: each.cost)


class Tree:
    """A tree with what pairing needs of each block."""

    def __init__(self, detail: Any) -> None:
        self.outline = Outline(detail)
        self.nodes: Sequence[Node] = self.outline.nodes
        self.content = [
            text_of({"t": n.type, "p": n.block.get("inputParams"), "f": other_fields(n.block)}) for n in self.nodes
        ]
        #: Children by branch, in order.
        self.below: list[dict[str, list[int]]] = [{} for _ in self.nodes]
        for node in self.nodes:
            if node.parent >= 0:
                self.below[node.parent].setdefault(node.branch, []).append(node.index)
        whole: list[int] = [0] * len(self.nodes)
        for node in reversed(self.nodes):
            branches = tuple(
                (key, tuple(whole[i] for i in kids)) for key, kids in sorted(self.below[node.index].items())
            )
            whole[node.index] = hash((self.content[node.index], branches))
        #: The same number for the same content with the same blocks below it, whatever their names.
        self.whole = whole


@dataclass(frozen=True, slots=True)
class Pairs:
    """``old`` of each new block (-1: added); what the explanation costs to read."""

    old_of: list[int]
    new_of: list[int]
    moved: frozenset[int]
    cost: int


_Key = Callable[[Tree, int], Hashable]


def _identity(tree: Tree, index: int) -> Hashable:
    node = tree.nodes[index]
    return (text_of(node.block.get("id")), node.name, node.type)


_IDS_FIRST: tuple[_Key, ...] = (
    _identity,
    lambda tree, i: (text_of(tree.nodes[i].block.get("id")), tree.nodes[i].type),
    lambda tree, i: (tree.nodes[i].name, tree.nodes[i].type),
    lambda tree, i: tree.whole[i],
    lambda tree, i: tree.content[i],
    lambda tree, i: (text_of(tree.nodes[i].block.get("id")), tree.nodes[i].name),
)
_CONTENT_FIRST: tuple[_Key, ...] = (
    lambda tree, i: (_identity(tree, i), tree.content[i]),
    lambda tree, i: tree.whole[i],
    lambda tree, i: tree.content[i],
    *_IDS_FIRST[:3],
    _IDS_FIRST[-1],
)


def _explain(old: Tree, new: Tree, order: Sequence[_Key]) -> Pairs:
    old_of, new_of = [-1] * len(new.nodes), [-1] * len(old.nodes)

    def pair(was: int, now: int) -> None:
        old_of[now], new_of[was] = was, now

    if old.nodes and new.nodes:
        pair(0, 0)
    for key in order:
        waiting: dict[Hashable, list[int]] = defaultdict(list)
        for index in range(len(old.nodes) - 1, 0, -1):
            if new_of[index] < 0:
                waiting[key(old, index)].append(index)
        for index in range(1, len(new.nodes)):
            if old_of[index] < 0 and (found := waiting.get(key(new, index))):
                pair(found.pop(), index)
    _pair_by_place(old, new, old_of, new_of, pair)
    moved = _moved(old, new, old_of)
    return Pairs(old_of, new_of, moved, _cost(old, new, old_of, new_of, moved))


def _pair_by_place(
    old: Tree, new: Tree, old_of: list[int], new_of: list[int], pair: Callable[[int, int], None]
) -> None:
    """Pair what is left in one branch of paired parents, by type, names of parameters and order.

    That is a block that changed both its name and its values.
    """
    for parent, branches in enumerate(new.below):
        was = old_of[parent]
        if was < 0:
            continue
        for branch, kids in branches.items():
            left: dict[Hashable, list[int]] = defaultdict(list)
            for index in reversed(old.below[was].get(branch, ())):
                if new_of[index] < 0:
                    left[_form(old.nodes[index])].append(index)
            for index in kids:
                if old_of[index] < 0 and (found := left.get(_form(new.nodes[index]))):
                    pair(found.pop(), index)


def _form(node: Node) -> Hashable:
    parameters = node.block.get("inputParams")
    return (node.type, frozenset(parameters) if isinstance(parameters, Mapping) else None)


def _moved(old: Tree, new: Tree, old_of: Sequence[int]) -> frozenset[int]:
    """New blocks that stand under another parent or branch, or out of the order of those that stayed."""
    moved: set[int] = set()
    for parent, branches in enumerate(new.below):
        for branch, kids in branches.items():
            stayed = []
            for index in kids:
                was = old_of[index]
                if was < 0:
                    continue
                if old.nodes[was].parent == old_of[parent] and old.nodes[was].branch == branch:
                    stayed.append(index)
                else:
                    moved.add(index)
            moved.update(_out_of_order(stayed, [old.nodes[old_of[index]].place for index in stayed]))
    return frozenset(moved)


def _out_of_order(items: Sequence[int], places: Sequence[int]) -> Iterable[int]:
    """Items that do not belong to the longest run of growing places."""
    ends: list[int] = []
    last: list[int] = []
    before = [-1] * len(items)
    for number, place in enumerate(places):
        at = bisect_left(ends, place)
        before[number] = last[at - 1] if at else -1
        if at == len(ends):
            ends.append(place)
            last.append(number)
        else:
            ends[at], last[at] = place, number
    kept = set()
    number = last[-1] if last else -1
    while number >= 0:
        kept.add(number)
        number = before[number]
    return (item for number, item in enumerate(items) if number not in kept)


def _cost(old: Tree, new: Tree, old_of: Sequence[int], new_of: Sequence[int], moved: frozenset[int]) -> int:
    """Things a reader has to take in: a changed name is half of one."""
    cost = 2 * (sum(was < 0 for was in old_of) + sum(now < 0 for now in new_of) + len(moved))
    for now, was in enumerate(old_of):
        if was >= 0:
            cost += 2 * (new.content[now] != old.content[was])
            cost += new.nodes[now].name != old.nodes[was].name
    return cost
