"""P7: what watching costs: the processor time of a cluster that measures itself and of one that does not, in turns.

Run: ``python -m tests.benchmarks.monitoring [--db sqlite|mysql] [--rounds N] [--seconds S] [--rate R]``; without
``--db`` both. Each round starts a cluster (two workers) of its own, idle and under ``--rate`` short runs a second; all
of its processes count, and on MariaDB the server, on a line of its own: it may serve others too.
Processor time holds on a busy machine. Bound: one per cent of one core.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import psutil

from tests.benchmarks.base import database, on_each_database
from tests.benchmarks.latency import cluster
from tests.benchmarks.measuring import database_server

_ON, _OFF = "true", "false"


def measure(rounds: int, seconds: float, rate: float) -> None:
    """Print the share of a core with and without monitoring, and what is between the two."""
    from scheduler.definitions.importing import import_file
    from scheduler.submission import submit
    from tests.support.tasks import block, detail, task_file

    steps = detail(*(block(number, "PrintBp", message="='x'") for number in (1, 2, 3)))
    import_file("bench.task", task_file(bench=steps), actor="bench", origin="command")

    def load() -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            submit(label="bench", actor="bench", origin="command")
            time.sleep(min(left, 1 / rate))

    kinds: dict[str, Callable[[], None]] = {"idle": lambda: time.sleep(seconds), f"{rate:g} runs/s": load}
    found: dict[tuple[str, str], list[_Cost]] = {(kind, switch): [] for kind in kinds for switch in (_ON, _OFF)}
    for turn in range(rounds):
        for switch in (_ON, _OFF) if turn % 2 else (_OFF, _ON):
            for kind, cost in _round(switch, kinds, min(_SETTLE_S, seconds)).items():
                found[kind, switch].append(cost)
    for kind in kinds:
        on, off = found[kind, _ON], found[kind, _OFF]
        _tell(kind, [each.cluster for each in on], [each.cluster for each in off], on + off, rounds)
        if on[0].server is not None:
            server_on, server_off = ([each.server or 0.0 for each in costs] for costs in (on, off))
            _tell(f"{kind}, database server", server_on, server_off, on + off, rounds)


class _Cost(NamedTuple):
    """Seconds of processor of the cluster and of the server, and how long they had for it."""

    cluster: float
    server: float | None
    seconds: float


def _tell(title: str, on: list[float], off: list[float], costs: list[_Cost], rounds: int) -> None:
    seconds = median(cost.seconds for cost in costs)
    watched, alone = median(on), median(off)
    share = 100 / seconds
    print(  # noqa: T201
        f"{title}: monitored {watched:.2f} s, not monitored {alone:.2f} s of processor in {seconds:.1f} s;"
        f" monitoring {share * (watched - alone):+.2f} % of a core"
        f" (least {share * (min(on) - min(off)):+.2f} %, {rounds} rounds; in all {share * watched:.2f} %)"
    )


def _round(switch: str, kinds: dict[str, Callable[[], None]], settle_s: float) -> dict[str, _Cost]:
    """What each kind costs one cluster."""
    from scheduler.models import ProcessRow
    from tests.support.waiting import wait_until

    os.environ["MONITORING"] = switch
    with cluster() as main:
        alive = ProcessRow.objects.filter(role="worker", ended_at__isnull=True, parent_pid__gt=0)
        wait_until(lambda: alive.filter(boot_id__in=_boots(main)).count() == 2, 60, "a cluster")
        time.sleep(settle_s)
        return {kind: _cost(main, work) for kind, work in kinds.items()}


#: The first seconds of a cluster are not like the others.
_SETTLE_S = 3.0


def _boots(main: psutil.Process) -> set[str]:
    from scheduler.models import ProcessRow

    pids = [child.pid for child in main.children(recursive=True)]
    return set(ProcessRow.objects.filter(pid__in=pids, ended_at__isnull=True).values_list("boot_id", flat=True))


def _cost(main: psutil.Process, work: Callable[[], None]) -> _Cost:
    server = database_server()
    processes = [main, *main.children(recursive=True)]
    before, before_server = sum(map(_used, processes)), _used(server) if server else 0.0
    started = time.monotonic()
    work()
    used = sum(map(_used, processes)) - before
    return _Cost(used, _used(server) - before_server if server else None, time.monotonic() - started)


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "mysql"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=2.0)
    options = parser.parse_args()
    if options.db is None:
        on_each_database("tests.benchmarks.monitoring")
        return
    with database(options.db):
        measure(options.rounds, options.seconds, options.rate)


if __name__ == "__main__":
    main()
