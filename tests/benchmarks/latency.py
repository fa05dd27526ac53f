"""P4: from submission to the first block on an idle cluster, and what the idle cluster costs.

Run: ``python -m tests.benchmarks.latency [--db sqlite|mysql] [--runs N] [--idle SECONDS]``; without ``--db`` both, one
after the other. Makes a database and a cluster (two workers) of its own and ends them. Floor: p50 15 ms, p99 60 ms,
two per cent of one core.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import quantiles

import psutil

from tests.benchmarks.base import ROOT, database, on_each_database


@contextlib.contextmanager
def cluster() -> Iterator[psutil.Process]:
    """A cluster on the database of the environment; killed if it does not end when asked."""
    environment = {**os.environ, "FLEET_URL": "http://127.0.0.1:9"}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "cluster", "--workers", "2"], cwd=ROOT, env=environment, stderr=output
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def measure(runs: int, idle_s: float) -> None:
    """Print latency, idle cost and memory."""
    from scheduler.definitions.importing import import_file
    from scheduler.models import ProcessRow
    from tests.support.tasks import block, detail, task_file
    from tests.support.waiting import wait_until

    steps = detail(*(block(number, "PrintBp", message="='x'") for number in (1, 2, 3)))
    import_file("bench.task", task_file(bench=steps), actor="bench", origin="command")
    with cluster() as main:
        wait_until(lambda: ProcessRow.objects.filter(role="worker").count() == 2, 60, "a cluster")
        latencies = [_one() for _ in range(runs + 5)][5:]
        cuts = quantiles(latencies, n=100)
        print(f"submit to first block, {runs} runs: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms")  # noqa: T201
        _print_cost(main, idle_s)


def _one() -> float:
    """Milliseconds from the submission of one run to its first block, by the database's clock."""
    from scheduler.models import TaskRecord
    from scheduler.states import Status
    from scheduler.submission import submit
    from tests.support.waiting import wait_until

    pk = submit(label="bench", actor="bench", origin="command").record.pk
    row = wait_until(
        lambda: TaskRecord.objects.filter(pk=pk, status=Status.FINISHED).first(), 30, "the run ending", interval=0.01
    )
    time.sleep(0.03)  # the next one meets a cluster at rest
    return float((row.first_block_at - row.created_at).total_seconds() * 1000)


def _print_cost(main: psutil.Process, idle_s: float) -> None:
    from scheduler.models import ProcessRow

    roles = dict(ProcessRow.objects.filter(ended_at__isnull=True).values_list("pid", "role"))
    processes = [main, *main.children(recursive=True)]
    before = [sum(process.cpu_times()[:2]) for process in processes]
    time.sleep(idle_s)
    used = [sum(process.cpu_times()[:2]) - start for process, start in zip(processes, before, strict=True)]
    shares = ", ".join(
        f"{roles.get(process.pid, '?')} {100 * seconds / idle_s:.2f}"
        for process, seconds in zip(processes, used, strict=True)
    )
    pss = sum(process.memory_full_info().pss for process in processes) / 1e6
    print(f"idle: {100 * sum(used) / idle_s:.2f} % of a core ({shares}); {pss:.0f} MB PSS")  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "mysql"))
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--idle", type=float, default=20.0)
    options = parser.parse_args()
    if options.db is None:
        on_each_database("tests.benchmarks.latency")
        return
    print(f"-- {options.db}", flush=True)  # noqa: T201
    with database(options.db):
        measure(options.runs, options.idle)


if __name__ == "__main__":
    main()
