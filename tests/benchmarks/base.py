"""What the benchmarks of the scheduler share: a database of their own, definitions, worker processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BLOCKS, OUTPUT_BYTES, WORKERS = 200, 1024, 2
MYSQL = os.environ.get("VWED_TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/vwed").rsplit("/", 1)[0]
TEXT = "x" * (OUTPUT_BYTES - 20)


def on_each_database(module: str) -> None:
    """Run a benchmark on one database after the other, with the options it was given, each in a process of its own."""
    for kind in ("sqlite", "mysql"):
        subprocess.run([sys.executable, "-m", module, *sys.argv[1:], "--db", kind], cwd=ROOT, check=True)


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

    def answer(run: Any, params: Any) -> Mapping[str, Any]:
        return {"data": TEXT}

    handlers.load()
    spec = BlockSpec(
        name="BenchOutputBp",
        handler=answer,
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


def submit(definition: Any, runs: int) -> None:
    """Start so many runs, one by one."""
    from scheduler import submission

    for _ in range(runs):
        submission.submit(definition=definition, actor="bench", origin="command")


def ended() -> int:
    """How many runs have ended."""
    from scheduler.models import EndedCounter

    return sum(EndedCounter.objects.values_list("count", flat=True))


def work(name: str, total: int, claim_at_once: int) -> None:
    """One worker: claim and run until ``total`` runs have ended in all."""
    from scheduler import process, queue, worker

    mine = process.Process(name=name, boot_id=name, role="worker")
    process.CURRENT.set(mine)
    while True:
        claimed = queue.claim(mine.boot_id, ["default"], claim_at_once)
        for pk in claimed:
            worker.run_claimed(pk, mine.boot_id)
        if not claimed:
            if ended() >= total:
                return
            time.sleep(0.002)


def in_processes(count: int, target: Callable[..., None], *arguments: Any) -> None:
    """``target(number, *arguments)`` in so many forked processes, until all have ended."""
    from django.db import connection

    connection.close()
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=_closing, args=(target, number, *arguments)) for number in range(count)]
    for one in started:
        one.start()
    for one in started:
        one.join()
    if any(one.exitcode for one in started):
        sys.exit("a process of the benchmark failed")


def _closing(target: Callable[..., None], *arguments: Any) -> None:
    from django.db import connection

    target(*arguments)
    connection.close()
