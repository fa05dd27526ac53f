"""What a set of values will cost: connections, memory and rows, beside what the server and the machine have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from scheduler.conf import Values
from vwed.tuning.facts import CONNECTION_WORST_BYTES, Facts

#: Connections of the processes that have no pool: their own, and the housekeeper's where it is another one.
OTHERS_PER_CLUSTER = {"main": 1, "pusher": 2, "io": 4}
PER_WORKER = 2
#: For a person at a terminal, and a command.
SPARE = 2
#: What one connection was measured to take after it had sorted a thousand wide rows: 60 at once, 0.93 to 1.03 MB each
#: at a MariaDB server, less than 0.1 MB at the client; one that is only open takes 0.1 MB at both together.
CONNECTION_MEASURED_BYTES = 1024 * 1024
#: Block records and log lines of one run, where nothing was measured.
BLOCKS_A_RUN, LINES_A_RUN = 10, 10


@dataclass(frozen=True, slots=True)
class ConnectionSum:
    """Connections that may be open at once, by who opens them."""

    web_processes: int
    pool: int
    clusters: int
    workers: int
    others: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.web_processes * self.pool + self.workers * PER_WORKER + self.others

    @property
    def worst_bytes(self) -> int:
        """Memory at the guide's worst case."""
        return self.total * CONNECTION_WORST_BYTES

    @property
    def measured_bytes(self) -> int:
        """Memory at what was measured."""
        return self.total * CONNECTION_MEASURED_BYTES


def connection_sum(values: Values, facts: Facts) -> ConnectionSum:
    """What ``doctor``, the rules and the pages compare with the server's limit.

    Processes that do not run now are counted as if they did: one web process and one cluster at least.
    """
    return ConnectionSum(
        web_processes=max(1, facts.roles.get("web", 0)),
        pool=values.pool_size + values.pool_overflow if facts.pooled else 1,
        clusters=facts.clusters,
        workers=values.workers * facts.clusters,
        others=sum(OTHERS_PER_CLUSTER.values()) * facts.clusters + SPARE,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One projected figure before and after the change, in ``unit`` (``bytes``, ``connections``, ``rows``, ``days``).

    ``limit``: what there is of it; ``measured``: from figures of this installation, not a worst case or an estimate.
    """

    code: str
    label: Promise | str
    unit: str
    before: int
    after: int
    limit: int | None = None
    measured: bool = False

    @property
    def exceeded(self) -> bool:
        """Whether the figure afterwards is more than there is."""
        return self.limit is not None and self.after > self.limit

    @property
    def changed(self) -> bool:
        """Whether the change makes a difference to it."""
        return self.before != self.after


_FIGURES: tuple[tuple[str, Promise, str, bool, Callable[[Values, Facts], int]], ...] = (
    ("connections", _("Connections at most"), "connections", False, lambda v, f: connection_sum(v, f).total),
    (
        "connections_worst",
        _("Memory of the connections, worst case (16 MB each)"),
        "bytes",
        False,
        lambda v, f: connection_sum(v, f).worst_bytes,
    ),
    (
        "connections_measured",
        _("Memory of the connections, as measured (1 MB each)"),
        "bytes",
        False,
        lambda v, f: connection_sum(v, f).measured_bytes,
    ),
    ("workers", _("Memory of the workers"), "bytes", True, lambda v, f: v.workers * f.clusters * f.worker_bytes),
    ("records", _("Task records kept"), "rows", True, lambda v, f: _kept(v.record_days, v.record_rows, f, 1)),
    (
        "block_records",
        _("Block records kept"),
        "rows",
        False,
        lambda v, f: _kept(v.block_record_days, v.block_record_rows, f, BLOCKS_A_RUN),
    ),
    ("log", _("Log lines kept"), "rows", False, lambda v, f: _kept(v.log_days, v.log_rows, f, LINES_A_RUN)),
)


def _kept(days: int, rows: int, facts: Facts, per_run: int) -> int:
    """Rows that retention leaves; the bound on rows where nothing is known of the days."""
    return rows if facts.runs_a_day is None else min(rows, days * facts.runs_a_day * per_run)


def project(before: Values, after: Values, facts: Facts) -> tuple[Line, ...]:
    """Every figure, those without a difference too. No query."""
    limits = {
        "connections": facts.max_connections,
        "connections_worst": facts.memory_bytes,
        "connections_measured": facts.memory_bytes,
        "workers": facts.memory_bytes * facts.hosts,
    }
    measured = {"workers": facts.worker_measured, "records": facts.runs_a_day is not None}
    return tuple(
        Line(
            code,
            label,
            unit,
            figure(before, facts),
            figure(after, facts),
            limits.get(code),
            measured.get(code, is_measured),
        )
        for code, label, unit, is_measured, figure in _FIGURES
    )
