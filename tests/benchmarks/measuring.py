"""What every benchmark says beside its figure: rounds, processor time, and whether the machine was its own."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

#: Share of the machine that others may use before the figures are called disturbed.
DISTURBED = 0.10
_SERVERS = frozenset({"mariadbd", "mysqld"})


@dataclass(slots=True)
class Taken:
    """What one measurement took: seconds, seconds of processor (``server``: the database's), others' share."""

    wall: float = 0.0
    cpu: float = 0.0
    server: float = 0.0
    others: float = 0.0


@dataclass(slots=True)
class Rounds:
    """One figure over several rounds; higher is better. ``cpu_us``: microseconds of processor for each unit."""

    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    others: float = 0.0

    @property
    def median(self) -> float:
        """The middle rate."""
        return statistics.median(self.rates)

    @property
    def cpu(self) -> float:
        """Microseconds of processor for one unit, the database server's among them; the middle one."""
        return statistics.median(self.cpu_us)

    def add(self, units: float, taken: Taken) -> None:
        """One more round: ``units`` were done in it."""
        self.rates.append(units / taken.wall)
        self.cpu_us.append(1e6 * (taken.cpu + taken.server) / units)
        self.others = max(self.others, taken.others)


@contextmanager
def measured() -> Iterator[Taken]:
    """Fill in what the block took, in this process, all its descendants and the database server."""
    taken, me, server = Taken(), psutil.Process(), database_server()
    before, served, busy, began = _cpu_of(me), _own_cpu(server), _machine_busy(), time.perf_counter()
    yield taken
    taken.wall = time.perf_counter() - began
    taken.cpu, taken.server = _cpu_of(me) - before, _own_cpu(server) - served
    foreign = _machine_busy() - busy - taken.cpu - taken.server
    taken.others = max(0.0, foreign) / (taken.wall * (psutil.cpu_count() or 1))


def rounds_of(units: float, measure: Callable[[], Taken], *, rounds: int) -> Rounds:
    """``measure`` several times; each time it does ``units``."""
    found = Rounds()
    for _ in range(rounds):
        found.add(units, measure())
    return found


def database_server() -> psutil.Process | None:
    """The MariaDB server, when it runs on this machine and is the one that is measured."""
    from django.db import connection

    if connection.vendor != "mysql":
        return None
    return next((each for each in psutil.process_iter(["name"]) if each.info["name"] in _SERVERS), None)


def _cpu_of(process: psutil.Process) -> float:
    """Seconds of processor of a process, its living descendants, and those that were waited for."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += sum(each.cpu_times()[:4])
    return total


def _own_cpu(process: psutil.Process | None) -> float:
    return 0.0 if process is None else sum(process.cpu_times()[:2])


def _machine_busy() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def say(text: str = "") -> None:
    """One line of the report."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles))]
    for row in (titles, *rows):
        first, *others = (text.rjust(width) for text, width in zip(row, widths, strict=True))
        say("  ".join([row[0].ljust(widths[0]) if first else "", *others]).rstrip())


def rate_row(name: str, found: Rounds, against: Sequence[Rounds]) -> list[str]:
    """A row of a table of rates: minimum, median, maximum, processor time, and the ratio to each reference."""
    ratios = [f"{found.median / other.median:.2f}" if other is not found else "" for other in against]
    rates = (min(found.rates), found.median, max(found.rates))
    return [name, *(f"{rate:,.0f}" for rate in rates), f"{found.cpu:,.1f}", *ratios]


def tell_disturbance(*measurements: Rounds) -> None:
    """Say so when others used the machine meanwhile: compare processor times then, not rates."""
    share = max(found.others for found in measurements)
    if share > DISTURBED:
        say(f"! others used up to {share:.0%} of the machine meanwhile: the rates are too low, processor times hold")
