"""Every benchmark in small: it runs, and prints the rows it promises. How fast is not asked here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import connection

from tests.benchmarks.base import ROOT

pytestmark = [pytest.mark.acceptance]

#: Arguments that make it short, and what its report must contain. ``{db}`` is the database of the suite.
SMALL = {
    "durable": (
        "--db {db} --runs 4 --rounds 1 --stock 6",
        ("P2, 2 workers", "limit, 2 processes", "django-q2 stock", "P1, the engine alone", "one worker alone"),
    ),
    "engine": ("--seconds 0.05 --turns 1", ("P1, the engine alone", "empty asyncio loop")),
    "short": (
        "--db {db} --runs 30 --rounds 1 --stock 10",
        ("P3, 2 workers", "django-q2 tuned", "who used the processor", "submitting alone"),
    ),
    "latency": ("--db {db} --runs 4 --idle 1", ("p50", "idle:")),
    "live_sockets": (
        "--db {db} --sockets 25 --seconds 2",
        ("25 sockets open", "p99", "frames a second and socket", "lost sockets 0", "KB a socket"),
    ),
    "memory": ("--rounds 300", ("branches side by side", "rounds that wait", "nobody reads")),
    "queue_growth": ("--cycles 300", ("blocks_per_cycle",)),
    "history_size": ("--db {db} --share 0.002", ("90 days of 12 processes", "MB", "of the system")),
    "monitoring": ("--db {db} --rounds 1 --seconds 0.5", ("idle: monitored", "2 runs/s: monitored")),
    "expressions": ("", ("to compile",)),
    "soak": ("--tasks 4 --blocks 5 --rounds 1 --settle 0.5 --workers 1", ("PSS in MB", "pusher", "sum")),
}


@pytest.mark.parametrize(
    "module", [pytest.param(name, marks=pytest.mark.db if "{db}" in SMALL[name][0] else ()) for name in SMALL]
)
def test_the_benchmark_runs_and_prints_its_rows(module: str) -> None:
    arguments, wanted = SMALL[module]
    given = arguments.format(db="mysql" if connection.vendor == "mysql" else "sqlite").split()
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *given],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    missing = [text for text in wanted if text not in done.stdout]
    assert not missing, done.stdout


def test_every_benchmark_has_a_small_version_here() -> None:
    # The leak watch has one of its own: test_leak_watch.
    modules = {path.stem for path in (ROOT / "tests" / "benchmarks").glob("*.py")}
    assert modules - {"__init__", "base", "measuring", "phases", "references", "stock", "leak_watch"} == set(SMALL)
