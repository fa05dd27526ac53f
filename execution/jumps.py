"""Where a skip can lead: blocks by name or id, and the way to them from above.

The way to a block that stands in a ``catch`` branch begins inside that branch: nothing but a failure leads into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from execution.definition import DISABLED, Problems, RawBlock

CATCH = "catch"
SKIP = "SkipToComponent"


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a block: ``ends`` are the blocks that are meant, ``via`` the blocks around them and their branches."""

    target: str
    ends: frozenset[str] = frozenset()
    via: Mapping[str, str] = field(default_factory=dict)


class Jumps:
    """The blocks of a definition by what a skip may call them. Empty when the definition never skips."""

    __slots__ = ("_above", "_named", "_numbered")

    def __init__(self, blocks: Sequence[RawBlock]) -> None:
        self._named: dict[str, list[str]] = {}
        self._numbered: dict[str, str] = {}
        self._above: dict[str, tuple[str, str]] = {}
        if not any(raw.type == SKIP and raw.spec is not DISABLED for raw in blocks):
            return
        for raw in blocks[1:]:
            self._named.setdefault(raw.name.casefold(), []).append(raw.name)
            if raw.number:
                self._numbered[raw.number] = raw.name
        for raw in blocks:
            for branch, indexes in raw.branches.items():
                self._above.update({blocks[index].name: (raw.name, branch) for index in indexes})

    def ends(self, target: str) -> list[str]:
        """Names of the blocks of that name (case ignored), else of that id."""
        named = self._named.get(target.casefold())
        if named is not None:
            return named
        return [self._numbered[target]] if target in self._numbered else []

    def route(self, target: str) -> Route:
        """The way to a block. One that does not exist has no way to it."""
        ends = self.ends(target)
        via: dict[str, str] = {}
        for name in ends:
            for parent, branch in self._upwards(name):
                if branch == CATCH:
                    break
                via.setdefault(parent, branch)
        return Route(target, frozenset(ends), via)

    def _upwards(self, name: str) -> Iterator[tuple[str, str]]:
        above = self._above.get(name)
        while above is not None:
            yield above
            above = self._above.get(above[0])

    def reachable(self, name: str, start: str) -> bool:
        """Whether a skip at ``start`` can get to that block: not into a ``catch`` branch in which it does not stand."""
        inside = set(self._upwards(start))
        return all(branch != CATCH or (parent, branch) in inside for parent, branch in self._upwards(name))


def advise(raw: RawBlock, target: str, jumps: Jumps, problems: Problems) -> None:
    """Warn of a skip whose target is known and cannot be reached."""
    ends = jumps.ends(target)
    if not ends:
        words = f"There is no block with the name or id {target[:60]!r}; the rest of the task would be skipped."
        problems.warn(raw.where, "skip.no-block", words, "Correct skipComponentId.")
    elif not any(jumps.reachable(name, raw.name) for name in ends):
        words = f"{ends[0]} stands in a catch branch, which a skip cannot enter; the rest of the task would be skipped."
        problems.warn(raw.where, "skip.into-catch", words, "Skip to a block outside of it.")
