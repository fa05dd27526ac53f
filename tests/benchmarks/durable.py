"""P2 and P3: durable blocks and short tasks per second, beside references measured in the same run.

Run: ``python -m tests.benchmarks.durable --db sqlite|mysql [--runs N] [--short N]``. Makes a database of its own and
drops it. P2: runs of 200 blocks with 1 KB outputs, all recorded, on two worker processes, from the first claim to the
last end. P3: runs of three recorded blocks from submission to end, on a real cluster. References: the bare driver
inserting the same rows in bulk, one transaction for each run, in one process; stock django-q2 running no-ops.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: Seconds without a single ended run after which the cluster is taken for stuck (its start takes a few).
PATIENCE_S = 30
BLOCKS, OUTPUT_BYTES, WORKERS = 200, 1024, 2
MYSQL = os.environ.get("VWED_TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/vwed").rsplit("/", 1)[0]
TEXT = "x" * (OUTPUT_BYTES - 20)


@contextmanager
def database(kind: str) -> Iterator[None]:
    """A migrated database of our own, gone afterwards."""
    name = f"vwed_bench_{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="vwed-bench-") as directory:
        url = f"sqlite:///{directory}/bench.sqlite3" if kind == "sqlite" else f"{MYSQL}/{name}"
        os.environ["DATABASE_URL"] = url
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vwed.settings")
        import django
        from django.core.management import call_command
        from django.db import connection

        if kind == "mysql":
            _mysql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            django.setup()
            call_command("migrate", verbosity=0, skip_checks=True)
            connection.close()
            yield
            connection.close()
        finally:
            if kind == "mysql":
                _mysql(f"DROP DATABASE {name}")


def _mysql(statement: str) -> None:
    import environ
    import MySQLdb

    parts = environ.Env.db_url_config(f"{MYSQL}/x")
    server = MySQLdb.connect(
        host=parts["HOST"], port=int(parts["PORT"] or 3306), user=parts["USER"], passwd=parts["PASSWORD"]
    )
    server.cursor().execute(statement)
    server.close()


def answering_block() -> AbstractContextManager[None]:
    """Known meanwhile: a block that does nothing but answer 1 KB."""
    from execution import handlers
    from execution.registry import REGISTRY, BlockSpec

    handlers.load()
    spec = BlockSpec(
        name="BenchOutputBp",
        handler=lambda run, params: {"data": TEXT},
        params=None,
        parameters=(),
        branches=(),
        outputs=("data",),
        loop=False,
        plain=True,
        doc="Answers 1 KB.",
    )
    return REGISTRY.temporary(spec)


def define(label: str, kinds: list[tuple[str, dict[str, str]]]) -> Any:
    """A definition of these blocks in a row."""
    from scheduler.models import DefinitionVersion, TaskDefinition

    blocks = [
        {
            "id": number,
            "name": f"b{number}",
            "blockType": kind,
            "inputParams": {name: {"type": "Simple", "value": value} for name, value in params.items()},
        }
        for number, (kind, params) in enumerate(kinds, 1)
    ]
    root = {"id": -1, "name": "-1", "blockType": "RootBp", "inputParams": {}, "children": {"default": blocks}}
    definition = TaskDefinition.objects.create(label=label, definition_id=label)
    text = json.dumps({"inputParams": [], "outputParams": [], "rootBlock": root})
    definition.current = DefinitionVersion.objects.create(definition=definition, number=1, detail=text, digest=label)
    definition.save()
    return definition


def work(name: str, total: int, claim_at_once: int) -> None:
    """One worker process: claim and run until ``total`` runs have ended."""
    from django.db import connection

    from scheduler import process, queue, worker
    from scheduler.models import EndedCounter

    mine = process.Process(name=name, boot_id=name, role="worker")
    process.CURRENT.set(mine)
    while True:
        claimed = queue.claim(mine.boot_id, ["default"], claim_at_once)
        for pk in claimed:
            worker.run_claimed(pk, mine.boot_id)
        if not claimed:
            if sum(EndedCounter.objects.values_list("count", flat=True)) >= total:
                break
            time.sleep(0.002)
    connection.close()


@contextmanager
def workers(total: int, claim_at_once: int) -> Iterator[None]:
    """Two worker processes, forked here, ended when everything has."""
    from django.db import connection

    connection.close()
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=work, args=(f"w{n}", total, claim_at_once)) for n in range(WORKERS)]
    for one in started:
        one.start()
    yield
    for one in started:
        one.join()
    if any(one.exitcode for one in started):
        sys.exit("a worker failed")


def durable_blocks(runs: int) -> float:
    """P2 in blocks a second."""
    from scheduler import submission
    from scheduler.models import BlockRecord

    definition = define("durable", [("BenchOutputBp", {})] * BLOCKS)
    for _ in range(runs):
        submission.submit(definition=definition, actor="bench", origin="command")
    begun = time.perf_counter()
    with workers(runs, 4):
        pass
    took = time.perf_counter() - begun
    assert BlockRecord.objects.count() == runs * BLOCKS
    assert BlockRecord.objects.exclude(code=1003).count() == 0
    return runs * BLOCKS / took


def short_tasks(runs: int) -> float:
    """P3 in runs a second, on a real cluster: submitted one by one here, until the last one has ended."""
    from scheduler import submission
    from scheduler.models import EndedCounter, TaskRecord

    kinds = [("SetTaskVariableBp", {"varName": "a", "varValue": "1"}), ("PrintBp", {"message": "x"})]
    definition = define("short", [*kinds, kinds[0]])

    def ended() -> int:
        return sum(EndedCounter.objects.values_list("count", flat=True))

    def submit() -> None:
        submission.submit(definition=definition, actor="bench", origin="command")

    with cluster() as check:
        done = ended()
        submit()
        while ended() == done:
            check(done)
            time.sleep(0.05)
        begun = time.perf_counter()
        for _ in range(runs):
            submit()
        while (now := ended()) < done + runs + 1:
            check(now)
            time.sleep(0.01)
        took = time.perf_counter() - begun
    assert TaskRecord.objects.filter(label="short", status="finished").count() == runs + 1
    return runs / took


@contextmanager
def cluster() -> Iterator[Callable[[int], None]]:
    """The real cluster with two workers, ended as its supervisor would.

    Yields a check: told how many runs have ended, it stops the benchmark when the cluster is gone or nothing moves.
    """
    command = [sys.executable, "manage.py", "cluster", "--workers", str(WORKERS), "--without-io"]
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        last, moved = -1, time.monotonic()

        def check(ended: int) -> None:
            nonlocal last, moved
            if ended != last:
                last, moved = ended, time.monotonic()
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


def stock_tasks(tasks: int) -> float:
    """The reference of P3: django-q2 as it comes, two workers, tasks that do nothing and record nothing of ours."""
    command = [sys.executable, "-m", "tests.benchmarks.stock", str(tasks)]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.benchmarks.stock"}
    return float(subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout)


def bare_driver(runs: int) -> float:
    """The reference of P2: the driver's own bulk insert of the same rows, one process."""
    from django.db import connection, transaction

    from scheduler.models import BlockRecord

    columns = (
        "record_id, attempt, seq, name, block_type, path, iteration, "
        "code, started_ms, ended_ms, params, outputs, reason"
    )
    marks = ", ".join(["?" if connection.vendor == "sqlite" else "%s"] * 13)
    sql = f"INSERT INTO {BlockRecord._meta.db_table} ({columns}) VALUES ({marks})"
    begun = time.perf_counter()
    for run in range(runs):
        rows = [
            (
                -1 - run,
                1,
                seq,
                f"b{seq}",
                "BenchOutputBp",
                "rootBlock",
                "",
                1003,
                1,
                2,
                "{}",
                f'{{"data":"{TEXT}"}}',
                "",
            )
            for seq in range(BLOCKS)
        ]
        with transaction.atomic():
            raw: Any = connection.connection.cursor()
            raw.executemany(sql, rows)
            raw.close()
    took = time.perf_counter() - begun
    BlockRecord.objects.filter(record_id__lt=0).delete()
    return runs * BLOCKS / took


def main() -> None:
    """Measure and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "mysql"), default="sqlite")
    parser.add_argument("--runs", type=int, default=200, help="runs of 200 blocks")
    parser.add_argument("--short", type=int, default=1500, help="runs of three blocks")
    parser.add_argument("--stock", type=int, default=300, help="no-ops of the reference")
    parser.add_argument("--only", choices=("p2", "p3", "reference", "stock"))
    options = parser.parse_args()
    measures: dict[str, tuple[Callable[[int], float], int, str]] = {
        "reference": (bare_driver, options.runs, "bare driver, bulk insert, one process: blocks/s"),
        "p2": (durable_blocks, options.runs, "P2 durable blocks, two workers: blocks/s"),
        "stock": (stock_tasks, options.stock, "stock django-q2, no-ops, two workers: tasks/s"),
        "p3": (short_tasks, options.short, "P3 short tasks, real cluster, two workers: tasks/s"),
    }
    with database(options.db), answering_block():
        for name, (measure, count, text) in measures.items():
            if options.only in (None, name):
                print(f"{options.db:7} {text:55} {measure(count):10,.0f}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
