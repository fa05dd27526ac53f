"""What ``monitor_memory`` prints: every live process with its figures, as a table and as a document."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import psutil

from scheduler.housekeeping.sampling import wanted
from scheduler.probes import mapping
from vwed.console import formats
from vwed.monitoring.growth import RUNS, SYSTEM
from vwed.monitoring.memory import Memory
from vwed.monitoring.processes import ProcessView
from vwed.monitoring.verdicts import sentence

#: Mappings of each process that ``--maps`` prints; the rest is one line.
MAPPINGS = 6
#: Figures that are added up over all processes.
SUMMED = ("rss", "uss", "pss", "percent", "cpu_percent", "threads", "fds", "connections", "contexts", "runs")

_FIGURES = (
    *("rss", "uss", "pss", "vms", "percent", "cpu_percent", "threads", "fds", "gc", "blocks", "contexts", "leaked"),
    *("leaked_by", "asyncio_tasks", "connections", "connection_ids", "background_open", "pool", "runs", "recycle_in"),
)
_UNKNOWN = "-"


def document(memory: Memory, maps: Mapping[int, Any] | None = None) -> dict[str, Any]:
    """Everything of one moment. Bytes, counts, percent; what nobody measured is ``null``."""
    return {
        "at": formats.iso(memory.at),
        "monitoring": wanted(),
        "limit": memory.limit,
        "size": memory.total,
        "sum": _sums(memory.live),
        "processes": [_process(each, memory, maps) for each in memory.live],
        "verdicts": {
            subject: {"verdict": growth.verdict, "low": growth.low, "high": growth.high, "sentence": sentence(growth)}
            for subject, growth in memory.verdicts.items()
        },
    }


def _process(each: ProcessView, memory: Memory, maps: Mapping[int, Any] | None) -> dict[str, Any]:
    growth = memory.verdicts.get(each.series)
    return {
        "name": each.name,
        "series": each.series,
        "role": each.role,
        "host": each.host,
        "pid": each.pid,
        "parent_pid": each.parent_pid,
        "parent": each.parent or None,
        "depth": each.depth,
        "state": each.state,
        "started_at": formats.iso(each.started_at),
        "sample_age_s": _age(each, memory),
        "size": each.size,
        **{name: getattr(each, name) for name in _FIGURES},
        "record": each.record or None,
        "block": each.block or None,
        "since": formats.iso(each.since) or None,
        "verdict": growth.verdict if growth is not None else None,
        **({"maps": maps.get(each.key)} if maps is not None else {}),
    }


def _age(each: ProcessView, memory: Memory) -> float:
    return round(max(0.0, (memory.at - each.beat_at).total_seconds()), 1)


def _sums(live: Sequence[ProcessView]) -> dict[str, Any]:
    """Of each figure what all together have; ``None`` when nobody told it."""
    sums: dict[str, Any] = {}
    for name in SUMMED:
        told = [value for each in live if (value := getattr(each, name)) is not None]
        sums[name] = round(sum(told), 2) if told else None
    return sums


# --- For people ------------------------------------------------------------------------------------------------------

#: Head, and how the figure of a process is written.
_COLUMNS: Mapping[str, Callable[[Any], str]] = {
    "PID": lambda row: str(row.pid),
    "PARENT": lambda row: str(row.parent_pid),
    "STATE": lambda row: row.state,
    "RSS": lambda row: _mb(row.rss),
    "USS": lambda row: _mb(row.uss),
    "PSS": lambda row: _mb(row.pss),
    "VMS": lambda row: _mb(row.vms),
    "%MEM": lambda row: _one(row.percent),
    "%CPU": lambda row: _one(row.cpu_percent),
    "THREADS": lambda row: _whole(row.threads),
    "FDS": lambda row: _whole(row.fds),
    "ASYNC": lambda row: _whole(row.asyncio_tasks),
    "CONN": lambda row: _whole(row.connections),
    "POOL": lambda row: _pool(row.pool),
    "GC": lambda row: "/".join(map(str, row.gc)) if row.gc else _UNKNOWN,
    "CONTEXTS": lambda row: _whole(row.contexts),
    "RUNS": lambda row: _whole(row.runs),
}
#: What a narrow terminal does without, the first first.
_DISPENSABLE = ("GC", "VMS", "PARENT", "ASYNC", "%MEM", "POOL", "FDS", "USS", "CONTEXTS", "THREADS", "CONN")
#: Where the sum of a column stands.
_SUM_OF = {
    **{"RSS": "rss", "USS": "uss", "PSS": "pss", "%MEM": "percent", "%CPU": "cpu_percent", "THREADS": "threads"},
    **{"FDS": "fds", "CONN": "connections", "CONTEXTS": "contexts", "RUNS": "runs"},
}


def lines(memory: Memory, maps: Mapping[int, Any] | None = None, width: int | None = None) -> Iterator[str]:
    """The table of one moment; sizes in MB (10⁶). In words when there is nothing to show.

    ``width``: characters of a line; columns are left out until they fit, then lines are cut.
    """
    for line in _lines(memory, maps, width):
        yield line[:width]


def _lines(memory: Memory, maps: Mapping[int, Any] | None, width: int | None) -> Iterator[str]:
    yield f"{formats.moment(memory.at, memory.at)}  {_headline(memory)}"
    if not memory.live:
        return
    yield ""
    yield from _fitting(memory, width)
    for subject in (SYSTEM, RUNS):
        if subject in memory.verdicts:
            yield f"{'All' if subject == SYSTEM else 'Runs'}: {sentence(memory.verdicts[subject])}"
    if maps is not None:
        yield from _map_lines(memory, maps)


def _headline(memory: Memory) -> str:
    live = memory.live
    if not live:
        return "No live process has reported. Start some: manage.py console, or manage.py cluster."
    count = f"{len(live)} live process{'es' if len(live) != 1 else ''}"
    if not wanted():
        return f"{count}, none measured: MONITORING is false here. Set it to true and start them again."
    if memory.total is None:
        return f"{count}, none measured yet: the first figures come with the next heartbeat."
    return f"{count}, {formats.megabytes(memory.total)} together (limit {formats.megabytes(memory.limit)})"


def _fitting(memory: Memory, width: int | None) -> list[str]:
    """The table, without the columns that ``width`` has no room for."""
    heads = list(_COLUMNS)
    left_out = iter(_DISPENSABLE)
    while True:
        table = _table(memory, heads)
        head = next(left_out, None) if width is not None and len(table[0]) > width else None
        if head is None:
            return table
        heads.remove(head)


def _table(memory: Memory, heads: Sequence[str]) -> list[str]:
    sums = _sums(memory.live)
    rows = [["PROCESS", *heads, "VERDICT", "DOES"]]
    for each in memory.live:
        growth = memory.verdicts.get(each.series)
        told = [_COLUMNS[head](each) for head in heads]
        verdict = growth.verdict if growth is not None else _UNKNOWN
        rows.append([f"{'  ' * each.depth}{each.series}", *told, verdict, f"{each.record} {each.block}".strip()])
    rows.append(["sum", *(_sum(head, sums) for head in heads), "", ""])
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads) + 2)]
    table = []
    for name, *told, verdict, does in rows:
        middle = (text.rjust(width) for text, width in zip(told, widths[1:-1], strict=True))
        cells = (name.ljust(widths[0]), *middle, verdict.ljust(widths[-1]), does)
        table.append("  ".join(cells).rstrip())
    return table


def _sum(head: str, sums: Mapping[str, Any]) -> str:
    if head not in _SUM_OF:
        return ""
    value = sums[_SUM_OF[head]]
    if head in ("RSS", "USS", "PSS"):
        return _mb(value)
    return _one(value) if head.startswith("%") else _whole(value)


def _mb(size: float | None) -> str:
    return _UNKNOWN if size is None else f"{size / 1e6:.1f}"


def _one(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.1f}"


def _whole(value: float | None) -> str:
    return _UNKNOWN if value is None else str(int(value))


def _pool(pool: Mapping[str, Any] | None) -> str:
    """In use, of the size, and what is open beyond it."""
    return f"{pool.get('in_use', 0)}/{pool.get('size', 0)}+{pool.get('overflow', 0)}" if pool else _UNKNOWN


# --- Memory maps -----------------------------------------------------------------------------------------------------


def read_maps(memory: Memory) -> dict[int, Any]:
    """By process key its heaviest mappings, or why they are unknown. Reads ``/proc``: processes of this host only."""
    return {each.key: _maps_of(each) for each in memory.live}


def _maps_of(each: ProcessView) -> dict[str, Any]:
    if each.host != socket.gethostname()[:128]:
        return {"unknown": f"it runs on {each.host}; ask it: manage.py probe {each.name} --kind map"}
    try:
        return mapping.mappings(each.pid, MAPPINGS)
    except psutil.NoSuchProcess:
        return {"unknown": "it has ended"}
    except psutil.AccessDenied:
        return {"unknown": "it belongs to another user of this host"}


def _map_lines(memory: Memory, maps: Mapping[int, Any]) -> Iterator[str]:
    for each in memory.live:
        found = maps.get(each.key, {})
        yield ""
        if "unknown" in found:
            yield f"{each.series} ({each.pid}): {found['unknown']}"
            continue
        yield f"{each.series} ({each.pid}): {_mb(found['pss'])} MB proportional, {_mb(found['uss'])} MB its own"
        for path, pss, private, rss in found["mappings"]:
            yield f"{_mb(pss):>10} PSS {_mb(private):>9} private {_mb(rss):>9} RSS  {path}"
        if found["further"]:
            yield f"{_mb(found['further_pss']):>10} PSS in {found['further']} more"
