"""P10 in its first form: the memory of every process of a real console, idle and after many runs.

Run: ``python -m tests.benchmarks.soak [--tasks 1000] [--blocks 200] [--bytes 1024] [--workers 2] [--rounds 2]``. Starts
``manage.py console`` on a database of its own, measures PSS idle, then after each round of runs, and prints one row for
each process, the sum, and the bytes that each task of the last round added.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil

from tests.support.console import Console, alive
from tests.support.tasks import block, detail, task_file
from tests.support.waiting import wait_until

#: Seconds that the system is left alone before memory is read.
SETTLE_S = 8.0


def connect(console: Console) -> None:
    """Make this process a client of the console's database."""
    os.environ.update({name: console.environment[name] for name in ("DATABASE_URL", "VAR_DIR")})
    os.environ["DJANGO_SETTINGS_MODULE"] = "vwed.settings"
    import django

    django.setup()


def install(blocks: int, size: int) -> None:
    """One definition: a loop of ``blocks`` executions that record ``size`` bytes each."""
    from scheduler.definitions.importing import import_file

    inner = block(2, "SetTaskVariableBp", varName="payload", varValue="x" * size)
    loop = block(1, "RepeatNumBp", {"default": [inner]}, num=f"={blocks - 1}")
    import_file("soak.task", task_file(soak=detail(loop)), actor="soak", origin="command")


def run_tasks(count: int) -> float:
    """Submit ``count`` runs and wait until all have finished; seconds."""
    from scheduler.models import TaskRecord
    from scheduler.states import Status
    from scheduler.submission import submit

    wanted = TaskRecord.objects.filter(status=Status.FINISHED).count() + count
    started = time.perf_counter()
    for _ in range(count):
        submit(label="soak", actor="soak", origin="command")
    wait_until(
        lambda: TaskRecord.objects.filter(status=Status.FINISHED).count() >= wanted,
        3600,
        "all runs finished",
        interval=0.5,
    )
    return time.perf_counter() - started


def memory(console: Console) -> dict[str, int]:
    """PSS in bytes by the name of the process."""
    from scheduler.models import ProcessRow

    roles = dict(ProcessRow.objects.filter(ended_at=None).values_list("pid", "role"))
    assert console.process is not None
    found: dict[str, int] = defaultdict(int)
    for process in (psutil.Process(console.process.pid), *console.family()):
        if not alive(process):
            continue
        command = " ".join(process.cmdline())
        default = "web" if "uvicorn" in command else "supervisor" if "vwed.supervisor" in command else "other"
        name = roles.get(process.pid, default)
        number = sum(1 for known in found if known.split(" ")[0] == name)
        found[f"{name} {number + 1}" if name in {"worker", "other"} else name] += process.memory_full_info().pss
    return dict(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000, help="runs of each round")
    parser.add_argument("--blocks", type=int, default=200, help="block executions of each run")
    parser.add_argument("--bytes", type=int, default=1024, help="recorded bytes of each block")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--settle", type=float, default=SETTLE_S, help="seconds before memory is read")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vwed-soak-") as directory:
        console = Console(Path(directory))
        console.start("--prepare", "--workers", str(options.workers))
        try:
            console.wait_for("VWED is running")
            connect(console)
            install(options.blocks, options.bytes)
            time.sleep(options.settle)
            columns = {"idle": memory(console)}
            for number in range(1, options.rounds + 1):
                seconds = run_tasks(options.tasks)
                time.sleep(options.settle)
                columns[f"after {options.tasks * number:,} runs"] = memory(console)
                _say(f"{options.tasks:,} runs of {options.blocks} blocks in {seconds:.1f} s")
            _print(columns, options.tasks)
        finally:
            console.end()


def _print(columns: dict[str, dict[str, int]], tasks: int) -> None:
    _say(f"\n{'PSS in MB':<14}" + "".join(f"{title:>20}" for title in columns))
    for name in sorted({name for column in columns.values() for name in column}):
        _say(f"{name:<14}" + "".join(f"{column.get(name, 0) / 2**20:>20.1f}" for column in columns.values()))
    sums = [sum(column.values()) for column in columns.values()]
    _say(f"{'sum':<14}" + "".join(f"{total / 2**20:>20.1f}" for total in sums))
    if len(sums) > 2:
        _say(f"\nlast round: {(sums[-1] - sums[-2]) / tasks:+,.0f} bytes a task")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
