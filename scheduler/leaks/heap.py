"""How many objects of which type a worker holds: its own heap, and what the modules of the block handlers keep.

What was there before the fork is frozen and not listed; a container among it that grows is found through the modules.
"""

from __future__ import annotations

import gc
import inspect
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from execution.registry import REGISTRY

#: Packages whose module-level containers are looked into.
PACKAGES = frozenset({"execution", "scheduler", "storage"})
_LEAVES = frozenset({bytes, str, bytearray, int, float})
_CONTAINERS = (list, dict, set, deque)
_LONGEST_NAME = 48
#: Elements of one container that are counted.
_ELEMENTS = 200_000

Histogram = Mapping[str, tuple[int, int]]
EMPTY: Histogram = MappingProxyType({})


def histogram(except_for: Histogram = EMPTY) -> Histogram:
    """Count and bytes by type. A few milliseconds in a worker; ``except_for``: an older histogram, which is no news."""
    counts: dict[type, list[int]] = {}
    seen: set[int] = set()

    def count(thing: Any) -> None:
        if id(thing) in seen:
            return
        seen.add(id(thing))
        entry = counts.setdefault(type(thing), [0, 0])
        entry[0] += 1
        entry[1] += sys.getsizeof(thing, 0)

    own = gc.get_objects()
    mine = {id(own), id(counts), id(seen), id(except_for)}
    mine.update(map(id, except_for.values()))
    for thing in own:
        if id(thing) in mine:
            continue
        count(thing)
        for leaf in gc.get_referents(thing):
            if type(leaf) in _LEAVES:
                count(leaf)
    del own
    for container in _kept_by_modules():
        for thing in _elements(container):
            count(thing)
    return {name_of(kind): (number, size) for kind, (number, size) in counts.items()}


def growers(before: Histogram, now: Histogram, *, least: int, most: int = 10) -> list[tuple[str, int, int]]:
    """Type, additional objects and bytes of the types that gained at least ``least`` objects, the heaviest first."""
    found = []
    for name, (count, size) in now.items():
        count_before, size_before = before.get(name, (0, 0))
        if count - count_before >= least:
            found.append((name, count - count_before, size - size_before))
    return sorted(found, key=lambda row: (-row[2], row[0]))[:most]


def name_of(kind: type) -> str:
    """``dict``, ``decimal.Decimal``: as a person would write it, not too long."""
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return name[:_LONGEST_NAME]


def handler_chain(handler: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A handler and what it wraps."""
    seen: set[int] = set()
    each: Any = handler
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = getattr(each, "__wrapped__", None)


def _kept_by_modules() -> Iterator[Any]:
    """Containers that modules, or the objects they name, or handlers' closures hold."""
    spaces = {id(space): space for space in _namespaces()}
    for space in spaces.values():
        for value in list(space.values()):
            if isinstance(value, _CONTAINERS):
                yield value
            elif not isinstance(value, type) and not inspect.ismodule(value) and not callable(value):
                yield from (
                    part for part in list(getattr(value, "__dict__", {}).values()) if isinstance(part, _CONTAINERS)
                )


def _namespaces() -> Iterator[dict[str, Any]]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PACKAGES:
            yield vars(module)
    for spec in REGISTRY:
        for handler in handler_chain(spec.handler):
            yield getattr(handler, "__globals__", {})
            cells = getattr(handler, "__closure__", None) or ()
            yield {str(number): cell.cell_contents for number, cell in enumerate(cells) if _filled(cell)}


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - reading it is the question
    except ValueError:
        return False
    return True


def _elements(container: Any) -> list[Any]:
    """A copy: another thread may write meanwhile. Of a mapping, its values."""
    if len(container) > _ELEMENTS:
        return []
    return list(container.values()) if isinstance(container, dict) else list(container)
