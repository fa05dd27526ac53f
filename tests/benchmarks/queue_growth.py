"""The queue leaves nothing in memory: 100,000 runs submitted, claimed and ended in one process.

Run: ``python -m tests.benchmarks.queue_growth [--cycles 100000]``. Prints allocated blocks and resident memory after a
warm-up of a tenth, and after the rest; the difference per cycle is the leak (0 but for noise).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

BATCH = 100


def cycle(count: int) -> None:
    """Submit, claim and cancel ``count`` runs in batches; their rows go too, so that the file stays small."""
    from django.db import transaction

    from scheduler import queue, settlement
    from scheduler.models import JournalEntry, TaskRecord
    from scheduler.states import Status
    from scheduler.submission import submit

    for _ in range(count // BATCH):
        with transaction.atomic():  # one commit a batch: the disk is not what is measured
            for _ in range(BATCH):
                submit(label="nothing", actor="bench", origin="command")
        claimed = queue.claim("bench", ["default"], BATCH)
        ended = settlement.settle(claimed, Status.CANCELLED, reason="measured")
        if len(ended) != BATCH:
            raise SystemExit(f"{len(ended)} of {BATCH} claimed runs were ended")
        JournalEntry.objects.all().delete()
        TaskRecord.objects.all().delete()


def held() -> tuple[int, int]:
    """Allocated blocks and resident bytes of this process, after a collection."""
    gc.collect()
    return sys.getallocatedblocks(), psutil.Process().memory_info().rss


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=100_000)
    cycles = parser.parse_args().cycles
    with tempfile.TemporaryDirectory(prefix="vwed-queue-") as folder:
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(folder) / 'queue.sqlite3'}"
        os.environ["DJANGO_SETTINGS_MODULE"] = "vwed.settings"
        import django

        django.setup()
        from django.core.management import call_command

        from scheduler.definitions.importing import import_file
        from tests.support.tasks import block, detail, task_file

        call_command("migrate", verbosity=0)
        text = task_file(nothing=detail(block(1, "PrintBp", message="x")))
        import_file("nothing.task", text, actor="bench", origin="command")
        cycle(max(BATCH, cycles // 10))
        before, started = held(), time.perf_counter()
        cycle(cycles)
        after, seconds = held(), time.perf_counter() - started
    print(  # noqa: T201 - the result
        json.dumps(
            {
                "cycles": cycles,
                "cycles_per_second": round(cycles / seconds),
                "allocated_blocks": [before[0], after[0]],
                "blocks_per_cycle": round((after[0] - before[0]) / cycles, 4),
                "rss_mb": [round(before[1] / 1e6, 1), round(after[1] / 1e6, 1)],
                "rss_bytes_per_cycle": round((after[1] - before[1]) / cycles, 1),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
