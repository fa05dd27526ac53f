"""How much room the past of an installation takes: 90 days of samples, as many as retention keeps.

Run: ``python -m tests.benchmarks.history_size [--db sqlite|mysql] [--processes N] [--share X]``; without ``--db`` both.
Fills a database of its own in the order of time, with figures that move as real ones do, and asks the database what its
tables weigh. ``--share``: this part of the slots only. Bound: 100 MB with twelve processes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.benchmarks.base import database, on_each_database

_BATCH = 2_000
_MB = 1_000_000


def fill(processes: int, share: float) -> tuple[int, int]:
    """Write what is kept of so many processes; rows of processes and of the system."""
    from vwed.models import ProcessSample, ProcessSeries, SystemSample
    from vwed.monitoring.rollup import KEPT

    chance = Random(1)
    series = [
        ProcessSeries.objects.create(
            name=f"worker {n}", role="worker", host="alpha", seat=n, last_at="2026-05-04T12:00Z"
        )
        for n in range(1, processes + 1)
    ]
    slots = sorted(
        (at_s, resolution)
        for resolution, kept in KEPT.items()
        for at_s in range(_END_S - int(kept.total_seconds() * share), _END_S, resolution)
    )
    of_processes = (_process(chance, each.pk, at_s, resolution) for at_s, resolution in slots for each in series)
    of_system = (SystemSample(resolution=r, at_s=at_s, figures=_system(chance, fine=r == 5)) for at_s, r in slots)
    return _write(ProcessSample, of_processes), _write(SystemSample, of_system)


_END_S = 1_777_896_000


def _process(chance: Random, series: int, at_s: int, resolution: int) -> Any:
    from vwed.models import ProcessSample

    size = chance.randrange(30 * _MB, 90 * _MB)
    return ProcessSample(
        series_id=series,
        resolution=resolution,
        at_s=at_s,
        pid=chance.randrange(1, 4_000_000),
        rss=2 * size,
        uss=size - _MB,
        pss=size,
        vms=9 * size,
        least=size - _MB,
        most=size + _MB,
        cpu_percent=chance.random(),
        threads=chance.randrange(1, 9),
        fds=chance.randrange(9, 60),
        contexts=chance.randrange(2),
        background=chance.randrange(4),
        asyncio_tasks=chance.randrange(4),
        connections=chance.randrange(1, 3),
        blocks=chance.randrange(300_000, 600_000),
        runs=chance.randrange(500),
    )


#: Figures of the system and how far they reach; of the active statuses a usual number is not empty.
_FIGURES = {
    **dict.fromkeys(("status_ready", "status_running", "status_waiting"), 20),
    **dict.fromkeys(("queue_age_ms", "latency_p50", "latency_p95", "latency_p99"), 900),
    **dict.fromkeys(("finished", "failed", "cancelled", "requests_pending", "alerts_open"), 9),
    **dict.fromkeys(("pool_in_use", "pool_size", "pool_overflow", "pool_waits", "connections"), 30),
    **dict.fromkeys(("pss", "uss", "rss"), 900 * _MB),
}
#: Figures that hardly ever change: kept as one number in coarse slots too.
_STEADY = {"connection_limit": 151, "processes": 12, "workers": 4}


def _system(chance: Random, *, fine: bool) -> dict[str, Any]:
    moving = {name: chance.randrange(most // 2, most) for name, most in _FIGURES.items()}
    if fine:
        return {**moving, **_STEADY}
    return {name: [round(value * 0.9, 2), value // 2, value] for name, value in moving.items()} | _STEADY


def _write(model: Any, rows: Iterator[Any]) -> int:
    written = 0
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            model.objects.bulk_create(batch)
            written += len(batch)
            batch = []
    model.objects.bulk_create(batch)
    return written + len(batch)


def weigh() -> float:
    """Megabytes of the tables with their indexes; on SQLite of the whole file, which holds little else."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(connection.settings_dict["NAME"]).stat().st_size / _MB
    tables = ("vwed_processsample", "vwed_systemsample")
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {', '.join(tables)}")
        cursor.fetchall()
        cursor.execute(
            "SELECT SUM(data_length + index_length) FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name IN %s",
            [tables],
        )
        return float(cursor.fetchone()[0]) / _MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "mysql"))
    parser.add_argument("--processes", type=int, default=12)
    parser.add_argument("--share", type=float, default=1.0)
    options = parser.parse_args()
    if options.db is None:
        on_each_database("tests.benchmarks.history_size")
        return
    with database(options.db):
        empty = weigh()
        of_processes, of_system = fill(options.processes, options.share)
        grown = weigh() - empty
    print(  # noqa: T201
        f"90 days of {options.processes} processes on {options.db}: {grown:.1f} MB"
        f" ({of_processes:,} samples of processes, {of_system:,} of the system)"
    )


if __name__ == "__main__":
    main()
