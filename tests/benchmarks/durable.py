"""P1 and P2 in one run, beside the references on the same machine: the engine alone, and 200 durable blocks a run.

Run: ``python -m tests.benchmarks.durable [--db sqlite|mysql] [--runs N] [--rounds N]``; without ``--db`` both. Makes a
database of its own and drops it. P2: runs of 200 blocks with 1 KB outputs, all recorded, on two worker processes, from
the first claim to the last end. References: an empty asyncio loop with one bulk insert per task through the driver, in
one and in two processes (the physical limit), and the same 200 steps as a job written by hand for django-q2.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

from tests.benchmarks import engine
from tests.benchmarks.base import (
    BLOCKS,
    ROOT,
    WORKERS,
    answering_block,
    database,
    define,
    ended,
    in_processes,
    on_each_database,
    submit,
    work,
)
from tests.benchmarks.measuring import Rounds, Taken, measured, rate_row, say, table, tell_disturbance
from tests.benchmarks.phases import looked_at, print_phases
from tests.benchmarks.references import physical_limit


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "mysql"))
    parser.add_argument("--runs", type=int, default=200, help="runs of 200 blocks in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stock", type=int, default=100, help="jobs of the django-q2 reference; 0 leaves it out")
    options = parser.parse_args()
    if options.db is None:
        on_each_database("tests.benchmarks.durable")
        return
    with database(options.db), answering_block():
        compare(options.db, options.runs, options.rounds, options.stock)
        phases(options.runs)


def compare(kind: str, runs: int, rounds: int, stock: int) -> None:
    """Measure in turns, so that a machine that becomes busy disturbs all alike; print one table with the ratios."""
    measures = {
        "limit, 1 process": lambda: physical_limit(runs, 1),
        f"limit, {WORKERS} processes": lambda: physical_limit(runs, WORKERS),
        f"P2, {WORKERS} workers": lambda: durable_blocks(runs),
    }
    found = {name: Rounds() for name in measures}
    for measure in measures.values():  # warm-up: caches, plans, the file of the database
        measure()
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].add(runs * BLOCKS, measure())
    if stock:
        for mode in ("stock", "tuned"):
            found[f"django-q2 {mode}, the same steps"] = stock_rounds("steps", mode, stock, rounds, per_task=BLOCKS)
    alone, empty = engine.compare(rounds=rounds)
    say(f"\n{kind}: blocks a second, µs of processor a block (database server and all processes), and ratios")
    references = [one for name, one in found.items() if not name.startswith("P2")]
    short = ["÷ limit 1", f"÷ limit {WORKERS}", "÷ stock", "÷ tuned"][: len(references)]
    table(
        ["", "min", "median", "max", "CPU µs", *short], [rate_row(name, one, references) for name, one in found.items()]
    )
    say()
    rows = [rate_row("P1, the engine alone", alone, [empty]), rate_row("empty asyncio loop", empty, [empty])]
    table(["one core, no database", "min", "median", "max", "CPU µs", "÷ asyncio"], rows)
    tell_disturbance(*found.values(), alone, empty)


def durable_blocks(runs: int) -> Taken:
    """P2: the clock runs from the first claim to the last end; the rows are gone afterwards."""
    from scheduler.models import BlockRecord, DefinitionVersion

    version = DefinitionVersion.objects.select_related("definition").filter(definition__label="durable").first()
    definition = version.definition if version else define("durable", [("BenchOutputBp", {})] * BLOCKS)
    submit(definition, runs)
    total = ended() + runs
    with measured() as taken:
        in_processes(WORKERS, _worker, total)
    if BlockRecord.objects.filter(code=1003).count() != runs * BLOCKS:
        raise SystemExit("a block has no record")
    BlockRecord.objects.all().delete()
    return taken


def _worker(number: int, total: int) -> None:
    work(f"w{number}-{time.monotonic_ns()}", total, 4)


def stock_rounds(kind: str, mode: str, tasks: int, rounds: int, *, per_task: int = 1) -> Rounds:
    """The reference program, several times."""
    found = Rounds()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.benchmarks.stock", "BENCH_STOCK": mode}
    command = [sys.executable, "-m", "tests.benchmarks.stock", kind, str(tasks)]
    for _ in range(rounds):
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the reference failed: {done.stderr[-2000:]}")
        given = json.loads(done.stdout)
        found.add(given.pop("units") * per_task, Taken(**given))
    return found


def phases(runs: int) -> None:
    """Where the time of one worker goes, alone in this process."""
    from scheduler.models import BlockRecord, TaskDefinition

    submit(TaskDefinition.objects.get(label="durable"), runs)
    with measured() as taken, looked_at() as found:
        work("phases", ended() + runs, 4)
    BlockRecord.objects.all().delete()
    say()
    print_phases(
        f"one worker alone: {runs * BLOCKS / taken.wall:,.0f} blocks/s", found, 1000 * taken.wall / runs, "run"
    )


if __name__ == "__main__":
    main()
