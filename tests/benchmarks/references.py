"""The physical limit: an empty asyncio loop, and one bulk insert per task through the database driver.

The rows are those that a run of 200 blocks with 1 KB outputs leaves, in the same table with the same indexes, on
connections with the same durability. One transaction a task, as a run has at least one.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tests.benchmarks.base import BLOCKS, TEXT, in_processes
from tests.benchmarks.measuring import Taken, measured

_COLUMNS = (
    "record_id, attempt, seq, name, block_type, path, iteration, code, started_ms, ended_ms, params, outputs, reason"
)


def insert(run: int) -> None:
    """The rows of one run, in one transaction, by the driver's own bulk insert."""
    from django.db import connection, transaction

    from scheduler.models import BlockRecord

    marks = ", ".join(["?" if connection.vendor == "sqlite" else "%s"] * 13)
    sql = f"INSERT INTO {BlockRecord._meta.db_table} ({_COLUMNS}) VALUES ({marks})"
    output = f'{{"data":"{TEXT}"}}'
    rows = [
        (run, 1, seq, f"b{seq}", "BenchOutputBp", f"rootBlock/b{seq}", "", 1003, 1, 2, "{}", output, "")
        for seq in range(BLOCKS)
    ]
    with transaction.atomic():
        raw: Any = connection.connection.cursor()
        raw.executemany(sql, rows)
        raw.close()


async def _empty() -> None:
    return None


async def _steps() -> None:
    await asyncio.gather(*(_empty() for _ in range(BLOCKS)))


def _one_process(number: int, runs: int) -> None:
    first = 1_000_000 * (number + 1)
    with asyncio.Runner() as loop:
        for run in range(first, first + runs):
            loop.run(_steps())
            insert(run)


def physical_limit(runs: int, processes: int) -> Taken:
    """So many tasks in so many processes; their rows are gone afterwards."""
    from scheduler.models import BlockRecord

    with measured() as taken:
        in_processes(processes, _one_process, runs // processes)
    if BlockRecord.objects.count() != runs // processes * processes * BLOCKS:
        raise SystemExit("the reference did not write all its rows")
    BlockRecord.objects.all().delete()
    return taken
