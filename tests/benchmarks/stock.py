"""The reference of P3: django-q2 as it comes, running tasks that do nothing. Settings and program in one.

Started by ``tests.benchmarks.durable`` as a process of its own (its configuration is frozen when Django starts) with
``DATABASE_URL`` in the environment; prints tasks a second.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from vwed.settings import *  # noqa: F403

Q_CLUSTER = {"name": "stock", "workers": 2, "timeout": 60, "retry": 120, "orm": "default", "bulk": 10}


def main(tasks: int) -> None:
    """Enqueue ``tasks`` no-ops one by one while the stock cluster runs; the clock stops when its queue is empty."""
    import django

    django.setup()
    from django_q.models import OrmQ
    from django_q.tasks import async_task

    cluster = subprocess.Popen(
        [sys.executable, "-m", "django", "qcluster"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async_task("math.floor", 1.0)
        while OrmQ.objects.exists():
            time.sleep(0.05)
        begun = time.perf_counter()
        for _ in range(tasks):
            async_task("math.floor", 1.0)
        while OrmQ.objects.exists():
            time.sleep(0.02)
        print(tasks / (time.perf_counter() - begun))  # noqa: T201
    finally:
        cluster.send_signal(signal.SIGTERM)
        cluster.wait(30)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.stock"
    main(int(sys.argv[1]))
