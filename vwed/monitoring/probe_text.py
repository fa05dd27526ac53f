"""A probe for a terminal: what was found, in aligned lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scheduler.models import Probe
from scheduler.probes.kinds import Kind

#: Rows of one table.
SHOWN = 25


def lines(probe: Probe) -> Iterator[str]:
    """What a person reads: one line about the probe, then its result if it has one."""
    yield f"Probe {probe.pk}, {probe.kind} of {probe.process}: {probe.state}{f', {probe.error}' if probe.error else ''}"
    if probe.result:
        result = json.loads(probe.result)
        yield from _KINDS[Kind(probe.kind)](result)
        if "cut_from" in result:
            yield f"The result had {result['cut_from']} bytes and was cut."


def _collect(result: Mapping[str, Any]) -> Iterator[str]:
    before, after = result["before"], result["after"]
    yield f"{result['freed']} objects freed in {result['pause_ms']} ms"
    for name in ("rss", "uss", "pss"):
        yield f"{name.upper()}  {_mb(before[name])} before, {_mb(after[name])} after"


def _snapshot(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"{result['objects']} objects, {_mb(result['bytes'])}; {result['frozen']} more from before the fork"
    yield f"{result['collected']} freed by a collection of {result['pause_ms']} ms"
    yield from _table("type", ("count", "bytes"), result["types"])
    if result["cycles"]:
        yield from _table("freed from cycles", ("count",), result["cycles"])
    if result["uncollectable"]:
        yield from _table("uncollectable", ("count",), result["uncollectable"])
    if result.get("grown"):
        yield from _table("grown since the last snapshot", ("more", "count"), result["grown"])
    for each in result.get("referrers", ()):
        for number, hop in enumerate(each["hops"], 1):
            yield f"{each['type']} ← {number}: " + ", ".join(f"{name} × {count}" for name, count in hop)


def _trace(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"{_mb(result['bytes'])} allocated within {result['seconds']} s and kept, in {result['runs']} runs"
    yield from _table("line", ("count", "bytes"), result["lines"])


def _map(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"RSS {_mb(result['rss'])}, USS {_mb(result['uss'])}, PSS {_mb(result['pss'])}"
    yield from _table("mapping", ("pss", "private", "rss"), result["mappings"])


def _stack(result: Mapping[str, Any]) -> Iterator[str]:
    for name, places in result["threads"]:
        yield name
        yield from (f"    {place}" for place in places)
    for name, place in result["tasks"]:
        yield f"task {name}  {place}"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    shown = rows[:SHOWN]
    width = max([len(title), *(len(str(row[0])) for row in shown)])
    yield ""
    yield f"{title:<{width}}" + "".join(f"{head:>14}" for head in heads)
    for row in shown:
        yield f"{row[0]:<{width}}" + "".join(f"{value:>14,}" for value in row[1:])
    if len(rows) > SHOWN:
        yield f"… {len(rows) - SHOWN} more"


def _mb(size: float) -> str:
    return f"{size / 1e6:.1f} MB"


_KINDS: Mapping[Kind, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    Kind.COLLECT: _collect,
    Kind.SNAPSHOT: _snapshot,
    Kind.TRACE: _trace,
    Kind.MAP: _map,
    Kind.STACK: _stack,
}
