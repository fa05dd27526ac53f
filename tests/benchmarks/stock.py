"""The reference: django-q2 without this project. Settings and program in one; ``DATABASE_URL`` names the database.

Run: ``BENCH_STOCK=stock|tuned python -m tests.benchmarks.stock noop|steps TASKS``; prints one JSON document. ``stock``
is django-q2 and Django's database settings as they come, two workers; ``tuned`` is the same cluster with our database
settings, packages in bulk, a fast poll and no results. ``noop``: tasks that do nothing and record nothing, from the
first submission to the last acknowledgement. ``steps``: a job written by hand, 200 steps with 1 KB outputs and one bulk
insert of their rows through the driver; from when both workers hold their first job to the last
acknowledgement.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vwed.settings import *  # noqa: F403
from vwed.settings import DATABASES

_TUNED = os.environ.get("BENCH_STOCK", "stock") == "tuned"
Q_CLUSTER = {"name": "stock", "workers": 2, "timeout": 60, "retry": 120, "orm": "default", "log_level": "ERROR"}
if _TUNED:
    Q_CLUSTER |= {"bulk": 50, "poll": 0.02, "save_limit": -1}
elif DATABASES["default"]["ENGINE"] == "vwed.sqlite3":
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASES["default"]["NAME"]}}

#: Seconds after which the reference is taken for stuck.
_PATIENCE_S = 120


def steps(run: int) -> None:
    """The work of P2 as somebody would write it for django-q2: every step has an output, all are written at once."""
    from tests.benchmarks.references import insert

    gate = Path(os.environ["BENCH_GATE"])
    if not (gate / "open").exists():
        (gate / str(os.getpid())).touch()
        while not (gate / "open").exists():
            time.sleep(0.001)
    insert(run)


def _left() -> int:
    from django_q.models import OrmQ

    if time.monotonic() > _GIVE_UP:
        raise SystemExit("the reference does not do its work")
    return int(OrmQ.objects.count())


_GIVE_UP = time.monotonic() + _PATIENCE_S


def main(kind: str, tasks: int) -> None:
    """Measure and print what was taken."""
    import django

    django.setup()
    from django.db import connection
    from django_q.tasks import async_task

    from tests.benchmarks.measuring import measured

    first = 10_000_000 * (1 + int(time.time()) % 100)
    gate = Path(tempfile.mkdtemp(prefix="vwed-stock-"))
    os.environ["BENCH_GATE"] = str(gate)
    if kind == "steps":
        for run in range(tasks):
            async_task("tests.benchmarks.stock.steps", first + run)
    cluster = subprocess.Popen(
        [sys.executable, "-m", "django", "qcluster"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        if kind == "noop":
            async_task("math.floor", 1.0)
        while _left() and not (kind == "steps" and len(list(gate.iterdir())) == Q_CLUSTER["workers"]):
            time.sleep(0.01)
        with measured() as taken:
            (gate / "open").touch()
            for _ in range(tasks if kind == "noop" else 0):
                async_task("math.floor", 1.0)
            while _left():
                time.sleep(0.01)
        given = {"units": tasks, "wall": taken.wall, "cpu": taken.cpu, "server": taken.server, "others": taken.others}
        sys.stdout.write(json.dumps(given))
    finally:
        cluster.send_signal(signal.SIGTERM)
        cluster.wait(30)
        connection.close()
        shutil.rmtree(gate)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.stock"
    main(sys.argv[1], int(sys.argv[2]))
