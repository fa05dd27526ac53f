"""P3: runs of three recorded blocks, from submission to end, on a real cluster, beside no-ops on django-q2.

Run: ``python -m tests.benchmarks.short [--db sqlite|mysql] [--runs N] [--rounds N]``; without ``--db`` both. Runs are
submitted one by one by one process. References, which record nothing: django-q2 as it comes, and tuned by hand (see
``tests.benchmarks.stock``). Floor: 6 times the first, 0.6 times the second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from tests.benchmarks.base import ROOT, WORKERS, database, define, ended, on_each_database, submit, work
from tests.benchmarks.durable import stock_rounds
from tests.benchmarks.measuring import (
    Rounds,
    Taken,
    database_server,
    measured,
    rate_row,
    say,
    table,
    tell_disturbance,
)
from tests.benchmarks.phases import looked_at, print_phases

#: Seconds without a single ended run after which the cluster is taken for stuck (its start takes a few).
PATIENCE_S = 30


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "mysql"))
    parser.add_argument("--runs", type=int, default=1500, help="runs of three blocks in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stock", type=int, default=400, help="no-ops of each reference; 0 leaves them out")
    options = parser.parse_args()
    if options.db is None:
        on_each_database("tests.benchmarks.short")
        return
    with database(options.db):
        compare(options.db, options.runs, options.rounds, options.stock)


def compare(kind: str, runs: int, rounds: int, stock: int) -> None:
    """Measure, print the ratios, who used the processor, and where a worker's time goes."""
    kinds = [("SetTaskVariableBp", {"varName": "a", "varValue": "1"}), ("PrintBp", {"message": "x"})]
    definition = define("short", [*kinds, kinds[0]])
    found, shares = short_runs(definition, runs, rounds)
    references: dict[str, Rounds] = {}
    for mode in ("stock", "tuned") if stock else ():
        references[f"django-q2 {mode}, no-ops"] = stock_rounds("noop", mode, stock, rounds)
    say(f"\n{kind}: runs a second, µs of processor a run (database server and all processes), and ratios")
    rows = [rate_row(f"P3, {WORKERS} workers", found, [*references.values()])]
    rows += [rate_row(name, one, [*references.values()]) for name, one in references.items()]
    table(["", "min", "median", "max", "CPU µs", *(["÷ stock", "÷ tuned"] if stock else [])], rows)
    say()
    table(
        ["who used the processor", "µs a run"],
        [[role, f"{1e6 * seconds / runs:,.0f}"] for role, seconds in sorted(shares.items(), key=lambda each: -each[1])],
    )
    tell_disturbance(found, *references.values())
    _phases(definition, runs)


def short_runs(definition: Any, runs: int, rounds: int) -> tuple[Rounds, dict[str, float]]:
    """P3 on one cluster after a warm-up; and seconds of processor by role in the last round."""
    found = Rounds()
    shares: dict[str, float] = {}
    with cluster() as check:
        _until_ended(definition, 50, check)
        for _ in range(rounds):
            before = _by_role()
            found.add(runs, _until_ended(definition, runs, check))
            after = _by_role()
            shares = {role: seconds - before.get(role, 0.0) for role, seconds in after.items()}
    return found, shares


def _until_ended(definition: Any, runs: int, check: Callable[[int], None]) -> Taken:
    total = ended() + runs
    with measured() as taken:
        submit(definition, runs)
        while (now := ended()) < total:
            check(now)
            time.sleep(0.01)
    return taken


def _by_role() -> dict[str, float]:
    """Seconds of processor by role, so far; what ended workers used is the workers'."""
    from scheduler.models import ProcessRow

    roles = dict(ProcessRow.objects.filter(ended_at__isnull=True).values_list("pid", "role"))
    me, server = psutil.Process(), database_server()
    found = {"submitter": sum(me.cpu_times()[:2])}
    if server is not None:
        found["database server"] = sum(server.cpu_times()[:2])
    for process in me.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            role, times = roles.get(process.pid, "worker"), process.cpu_times()
            found[role] = found.get(role, 0.0) + sum(times[:2])
            found["worker"] = found.get("worker", 0.0) + (sum(times[2:4]) if role == "sentinel" else 0.0)
    return found


@contextmanager
def cluster() -> Iterator[Callable[[int], None]]:
    """The real cluster with two workers, ended as its supervisor would.

    Yields a check: told how many runs have ended, it stops the benchmark when the cluster is gone or nothing moves.
    """
    command = [sys.executable, "manage.py", "cluster", "--workers", str(WORKERS), "--without-io"]
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        last, moved = -1, time.monotonic()

        def check(now: int) -> None:
            nonlocal last, moved
            if now != last:
                last, moved = now, time.monotonic()
            if started.poll() is not None or time.monotonic() - moved > PATIENCE_S:
                log.seek(0)
                sys.exit(f"the cluster does not do its work: {_statuses()}\n{log.read().decode()[-2000:]}")

        try:
            yield check
        finally:
            started.terminate()
            started.wait(30)


def _statuses() -> dict[str, int]:
    from django.db.models import Count

    from scheduler.models import TaskRecord

    return dict(TaskRecord.objects.order_by().values_list("status").annotate(Count("pk")))


def _phases(definition: Any, runs: int) -> None:
    """Where the time of submitting and of working goes, each alone in this process."""
    with measured() as taken, looked_at() as submitting:
        submit(definition, runs)
    say()
    print_phases(f"submitting alone: {runs / taken.wall:,.0f} runs/s", submitting, 1000 * taken.wall / runs, "run")
    with measured() as taken, looked_at() as working:
        work("phases", ended() + runs, 4)
    say()
    print_phases(f"one worker alone: {runs / taken.wall:,.0f} runs/s", working, 1000 * taken.wall / runs, "run")


if __name__ == "__main__":
    main()
