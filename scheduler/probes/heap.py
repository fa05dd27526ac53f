"""What a process holds: a histogram of types, what only a collection frees, what grew, and who refers to it.

Counted are the objects that Python's collector tracks and what those refer to directly without being tracked
themselves (texts, numbers, bytes). What was there before a worker was forked is frozen and shared with its parent, so
it is not walked: touching it would copy its pages into this process. Our own modules' containers are looked at
nevertheless, because that is where things pile up.
"""

from __future__ import annotations

import gc
import heapq
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from types import FrameType, ModuleType
from typing import Any

#: Types told one by one; the rest is one row.
TYPES = 1500
#: Types shown of what a collection freed, of what grew, of what cannot be collected; containers of modules.
SHOWN = 20
#: A container of a module with fewer entries is not worth a row.
CONTAINER_LEAST = 50
#: Entries of a container that are searched for a referrer.
SEARCHED = 1_000_000
#: How many grown types are followed to who refers to them, from how many objects, how far, how many are named.
FOLLOWED, SAMPLES, HOPS, NAMED = 3, 3, 3, 8
#: Objects that one hop starts from.
HOP_WIDTH = 30
#: References to untracked objects that are gathered before each is kept once only.
_LEAVES = 500_000
_OURS = ("scheduler", "execution", "storage", "vwed")

#: Type name → (count, bytes).
Histogram = dict[str, tuple[int, int]]


def snapshot(before: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The heap of this process as JSON. ``before``: counts by type of the snapshot before, to tell what grew.

    ``cycles`` are found by counting the tracked objects by type, collecting, and counting again: what became fewer was
    held by nothing but itself. Nothing is kept alive for it, other than by the collector's own debugging.
    """
    freed, cycles, pause_ms = _collect_by_type()
    began = time.perf_counter()
    histogram, objects = _histogram()
    found: dict[str, Any] = {
        "objects": objects,
        "bytes": sum(size for _count, size in histogram.values()),
        "frozen": gc.get_freeze_count(),
        "blocks": sys.getallocatedblocks(),
        "collected": freed,
        "pause_ms": pause_ms,
        "cycles": cycles,
        "uncollectable": Counter(_name(type(each)) for each in gc.garbage).most_common(SHOWN),
        "types": _rows(histogram),
        "containers": _containers(),
    }
    if before is not None:
        found["grown"] = grown = _grown(before, histogram)
        found["referrers"] = [_followed(name) for name, *_rest in grown[:FOLLOWED]]
    found["took_ms"] = round((time.perf_counter() - began) * 1000, 1)
    return found


def counts(result: Mapping[str, Any]) -> dict[str, int]:
    """Counts by type of a snapshot, for the next one."""
    return {name: count for name, count, _bytes in result["types"]}


# --- collecting ------------------------------------------------------------------------------------------------------


def collect() -> tuple[int, float]:
    """Collect garbage: objects freed, and how long everything stood still for it in ms."""
    began = time.perf_counter()
    freed = gc.collect()
    return freed, round((time.perf_counter() - began) * 1000, 1)


def _collect_by_type() -> tuple[int, list[tuple[str, int]], float]:
    before = Counter(map(type, gc.get_objects()))
    freed, pause_ms = collect()
    fewer = before - Counter(map(type, gc.get_objects()))
    return freed, [(_name(kind), count) for kind, count in fewer.most_common(SHOWN)], pause_ms


# --- counting --------------------------------------------------------------------------------------------------------


def _histogram() -> tuple[Histogram, int]:
    """By type name, and how many objects. Holds a reference to each object while it looks."""
    number: Counter[type] = Counter()
    size: Counter[type] = Counter()
    objects = _holders()
    leaves: list[Any] = []
    room = _LEAVES
    for each in objects:
        _add(each, number, size)
        leaves += [held for held in gc.get_referents(each) if not gc.is_tracked(held)]
        if len(leaves) > room:
            leaves = _distinct(leaves)
            room = max(_LEAVES, 2 * len(leaves))
    leaves = _distinct(leaves)
    for each in leaves:
        _add(each, number, size)
    by_name: Histogram = {}
    for kind, count in number.items():
        name = _name(kind)
        had = by_name.get(name, (0, 0))
        by_name[name] = (had[0] + count, had[1] + size[kind])
    return by_name, len(objects) + len(leaves)


def _holders() -> list[Any]:
    """What the collector tracks, and our modules' containers among the frozen."""
    objects = gc.get_objects()
    tracked = {id(each) for _, each in _module_containers()}
    frozen = tracked.difference(id(each) for each in objects if isinstance(each, list | dict | set))
    return objects + [each for _, each in _module_containers() if id(each) in frozen]


def _distinct(objects: list[Any]) -> list[Any]:
    """Each object once. By sorting, because a set of their ids would leave this process' allocator in tatters."""
    objects.sort(key=id)
    last: Any = objects  # no object of its own list
    found = []
    for each in objects:
        if each is not last:
            found.append(each)
            last = each
    return found


def _add(each: object, number: Counter[type], size: Counter[type]) -> None:
    kind = type(each)
    number[kind] += 1
    try:
        size[kind] += sys.getsizeof(each, 0)
    except Exception:  # noqa: BLE001 - a type may tell its size by code of its own; it is counted with none then
        return


def _rows(histogram: Histogram) -> list[tuple[str, int, int]]:
    """Type, count, bytes, the heaviest first."""
    ordered = sorted(((name, *figures) for name, figures in histogram.items()), key=lambda row: (-row[2], row[0]))
    rest = ordered[TYPES:]
    if rest:
        ordered[TYPES:] = [("others", sum(row[1] for row in rest), sum(row[2] for row in rest))]
    return ordered


def _name(kind: type) -> str:
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def _modules() -> Iterator[tuple[str, ModuleType]]:
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in _OURS and isinstance(module, ModuleType):
            yield name, module


def _module_containers() -> Iterator[tuple[str, Any]]:
    """Containers that are values of our modules, each once, under its first name."""
    seen: set[int] = set()
    for module_name, module in _modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, list | dict | set) and not name.startswith("__") and id(value) not in seen:
                seen.add(id(value))
                yield f"{module_name}.{name}", value


def _containers() -> list[tuple[str, int, int]]:
    """The largest containers of our modules: name, entries, own bytes."""
    large = [
        (name, len(value), sys.getsizeof(value))
        for name, value in _module_containers()
        if len(value) >= CONTAINER_LEAST
    ]
    return sorted(large, key=lambda row: -row[1])[:SHOWN]


def _grown(before: Mapping[str, int], histogram: Histogram) -> list[tuple[str, int, int]]:
    """Types that became more since the snapshot before: name, by how many, how many there are."""
    more = [(name, count - before.get(name, 0), count) for name, (count, _size) in histogram.items()]
    return sorted((row for row in more if row[1] > 0), key=lambda row: (-row[1], row[0]))[:SHOWN]


# --- who refers to it ------------------------------------------------------------------------------------------------


def _followed(name: str) -> dict[str, Any]:
    """Who refers to objects of a type, hop by hop, as (referrer, how often).

    Of what the collector tracks: to its newest objects. Of the rest: who holds most of them, with how many.
    """
    level: list[Any] = []
    hops: list[list[tuple[str, int]]] = []
    samples = [each for each in reversed(gc.get_objects()) if _name(type(each)) == name][:SAMPLES]
    if samples:
        level = samples
    else:
        held = _largest_holders(name)
        hops.append([(_described(holder), number) for number, holder in held])
        level = [holder for _number, holder in held[:SAMPLES]]
        del held
    known = {id(each) for each in level} | {id(samples)}
    while len(hops) < HOPS:
        found = _referrers(level)
        holders = [each for each in found if id(each) not in known]
        del found
        if not holders:
            break
        hops.append(Counter(_described(each) for each in holders).most_common(NAMED))
        # What is a module's ends the way: everybody refers to modules.
        level = [each for each in holders if not _is_end(each)][:HOP_WIDTH]
        known.update(id(each) for each in level)
        del holders  # it would be found as the next hop
    return {"type": name, "hops": hops}


def _largest_holders(name: str) -> list[tuple[int, Any]]:
    """The objects that refer to most objects of a type that the collector does not track."""
    matches: dict[type, bool] = {}
    best: list[tuple[int, int, Any]] = []
    holders = _holders()
    for place, holder in enumerate(holders):
        number = 0
        for each in gc.get_referents(holder):
            kind = type(each)
            if kind not in matches:
                matches[kind] = _name(kind) == name
            number += matches[kind]
        if number and (len(best) < NAMED or number > best[0][0]):
            heapq.heappush(best, (number, place, holder))
            if len(best) > NAMED:
                heapq.heappop(best)
    unique = {id(holder): (number, holder) for number, _place, holder in sorted(best, reverse=True)}
    return [each for each in unique.values() if not _is_ours(each[1])]


def _referrers(level: list[Any]) -> list[Any]:
    """Who refers to these, but not this module's own lists and frames."""
    if not level:
        return []
    own = {id(level), id(sys._getframe())}
    wanted = {id(each) for each in level}
    found = [each for each in gc.get_referrers(*level) if id(each) not in own and not _is_ours(each)]
    have = {id(each) for each in found}
    for _name_of, each in _module_containers():  # those that were frozen are not among the collector's
        if id(each) not in have and len(each) <= SEARCHED and wanted & {id(part) for part in gc.get_referents(each)}:
            found.append(each)
    return found


def _is_ours(each: object) -> bool:
    return isinstance(each, FrameType) and each.f_globals is globals()


def _is_end(each: object) -> bool:
    return isinstance(each, ModuleType | FrameType) or (isinstance(each, dict) and "__name__" in each)


def _described(each: object) -> str:
    """A referrer in words: its type, and its name where it has one. No value of it."""
    if isinstance(each, FrameType):
        return f"frame {each.f_code.co_qualname}"
    if isinstance(each, dict) and isinstance(each.get("__name__"), str) and "__spec__" in each:
        return f"module {each['__name__']}"
    for name, container in _module_containers():
        if container is each:
            return f"{_name(type(each))} {name}"
    if isinstance(each, type):
        return f"class {_name(each)}"
    return _name(type(each))
