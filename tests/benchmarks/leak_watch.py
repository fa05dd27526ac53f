"""The leak watch on a real cluster: clean runs must stay silent, a planted leak of 1 KB a task must be found.

Run: ``python -m tests.benchmarks.leak_watch [--db sqlite|mysql] [--clean 20000] [--planted 2000]``. Both with worker
recycling (every 500 runs) and without; ends with an error when a verdict is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.base import database
from tests.benchmarks.measuring import say

RECYCLE = 500


def main() -> None:
    """Measure, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "mysql"), default="sqlite")
    parser.add_argument("--clean", type=int, default=20_000, help="clean runs, with recycling and again without")
    parser.add_argument("--planted", type=int, default=2000, help="runs that leak 1 KB each")
    options = parser.parse_args()
    with database(options.db):
        from tests.support import leak_runs

        leak_runs.install()
        wrong = 0
        for count, planted in ((options.clean, False), (options.planted, True)):
            for recycle in (RECYCLE, leak_runs.NEVER):
                if count:
                    wrong += not one(count, planted=planted, recycle=recycle)
        sys.exit(1 if wrong else 0)


def one(count: int, *, planted: bool, recycle: int) -> bool:
    """One cluster; prints its verdict, and answers whether it is right."""
    from scheduler.models import ProcessRow
    from tests.support import leak_runs
    from vwed.models import Growth
    from vwed.monitoring.verdicts import sentence

    ProcessRow.objects.all().delete()
    Growth.objects.all().delete()
    alarms = 0
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="vwed-leak-") as directory,
        leak_runs.cluster(
            Path(directory) / "log", planted=planted, recycle=recycle, url=os.environ["DATABASE_URL"]
        ) as cluster,
    ):
        for done in range(0, count, 1000):
            leak_runs.run(min(1000, count - done), 600)
            alarms += leak_runs.verdict().verdict == "grows"
        cluster.rows()
        growth = leak_runs.verdict()
    rate = count / (time.monotonic() - began)
    title = f"{'planted' if planted else 'clean'}, recycling {'on' if recycle == RECYCLE else 'off'}"
    say(f"{title}: {count:,} runs, {rate:.0f}/s; {growth.low or 0:+.1f} to {growth.high or 0:+.1f} blocks / 1,000 runs")
    say(f"  {growth.verdict}: {sentence(growth)} alarms at {alarms} looks")
    if not planted:
        return growth.verdict == "flat" and alarms == 0
    named = growth.details.get("growers", [[""]])[0][0], (growth.details.get("blame") or [[""]])[0][0]
    return growth.verdict == "grows" and named == ("bytes", "PrintBp")


if __name__ == "__main__":
    main()
