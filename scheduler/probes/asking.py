"""The asking side: commands of pages and terminal, with their bounds and audit entries; and probes nobody answers.

Whether the person may ask is checked where the person is: on the page, or by the rights on the database's password.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.db.models import Q

from scheduler import audit, clock, conflicts
from scheduler.errors import Refused
from scheduler.models import Probe, ProcessRow
from scheduler.probes.kinds import ANSWERING, ERROR_LIMIT, OPEN, TRACE_LEAST_S, TRACE_MOST_S, Kind, State

#: Seconds until a question that nobody took up expires; and that a look may take beyond its own seconds.
ASKED_S, RUNNING_S = 30.0, 60.0
#: Open probes of one process, and probes asked in one minute altogether.
OPEN_LIMIT, MINUTE_LIMIT = 4, 60
#: How long an ended probe is kept, and how many rows there are at most; ``scheduler.retention`` sees to both.
KEPT, ROWS_LIMIT = timedelta(hours=24), 500
#: Default length of a trace.
TRACE_S = 20


def ask(process: str, kind: str, *, actor: str, origin: str, seconds: float | None = None, reason: str = "") -> Probe:
    """Ask a live process; its housekeeper answers with its next ticks.

    Args:
        process: name of its row.
        kind: one of ``Kind``.
        seconds: of a trace, ``TRACE_LEAST_S`` to ``TRACE_MOST_S``; other kinds have none.

    Raises:
        Refused: ``probe_kind_unknown``, ``probe_seconds_invalid``, ``process_unknown``, ``process_ended``,
            ``probe_impossible``, ``probe_limit``, ``trace_busy``. Nothing was asked then.
    """
    if kind not in list(Kind):
        raise Refused("probe_kind_unknown", f"There is no probe {kind!r}.", f"Ask for one of {', '.join(Kind)}.")
    length = _length(Kind(kind), seconds)
    settle()
    return conflicts.retried(partial(_ask, process, Kind(kind), length, actor, origin, reason))


def _length(kind: Kind, seconds: float | None) -> float:
    if kind is not Kind.TRACE:
        if seconds:
            raise Refused("probe_seconds_invalid", f"A {kind} takes no time to be set.", "Leave the seconds out.")
        return 0.0
    length = TRACE_S if seconds is None else seconds
    if not TRACE_LEAST_S <= length <= TRACE_MOST_S:
        raise Refused(
            "probe_seconds_invalid",
            f"A trace of {length:g} s is not made.",
            f"Give {TRACE_LEAST_S} to {TRACE_MOST_S} seconds.",
        )
    return float(length)


def _ask(process: str, kind: Kind, seconds: float, actor: str, origin: str, reason: str) -> Probe:
    row = live_process(process)
    _check_role(row, kind)
    if kind is Kind.TRACE:
        # All workers, so that two people who ask at once are one after the other.
        list(ProcessRow.objects.select_for_update().filter(role="worker", ended_at=None).order_by("pk").values("pk"))
        if running := Probe.objects.filter(kind=Kind.TRACE, state__in=OPEN).first():
            raise Refused(
                "trace_busy",
                f"Allocations of {running.process} are traced now, and only one worker is traced at a time.",
                f"Wait for its end, at most {TRACE_MOST_S} s.",
            )
    _check_room(row)
    probe = Probe.objects.create(
        process=row.name,
        kind=kind,
        seconds=seconds,
        state=State.ASKED,
        asked_by=actor[:150],
        asked_at=clock.now(),
        reason=reason[: audit.REASON_LIMIT],
    )
    audit.record(
        actor=actor,
        action=f"probe_{kind}",
        object_type="process",
        object_id=row.name,
        after={"seconds": seconds} if seconds else {},
        reason=reason,
        origin=origin,
    )
    return probe


def live_process(name: str) -> ProcessRow:
    """The row of a process that has not ended, locked; inside a transaction.

    Raises:
        Refused: ``process_unknown``, ``process_ended``.
    """
    row = ProcessRow.objects.select_for_update().filter(name=name).first()
    if row is None:
        raise Refused(
            "process_unknown",
            f"There is no process {name!r}.",
            "The Memory page and `manage.py monitor_memory --once` name the live ones.",
        )
    if row.ended_at is not None:
        raise Refused(
            "process_ended",
            f"The process {name} has ended: {row.cause or 'cause unknown'}.",
            "Choose a live one; the successor of a worker has a name of its own.",
        )
    return row


def _check_role(row: ProcessRow, kind: Kind) -> None:
    if row.role not in ANSWERING:
        raise Refused(
            "probe_impossible",
            f"{row.name} cannot answer: a {row.role} process runs no housekeeper"
            + (", because it forks." if row.role in ("main", "sentinel") else "."),
            f"Its figures are read from outside; on {row.host} `pmap -x {row.pid}` tells its mappings.",
        )
    if kind is Kind.TRACE and row.role != "worker":
        raise Refused(
            "probe_impossible",
            f"{row.name} is no worker, and tracing would slow everybody down who depends on it.",
            "Trace a worker, or compare two snapshots of this process.",
        )


def _check_room(row: ProcessRow) -> None:
    waiting = Probe.objects.filter(process=row.name, state__in=OPEN).count()
    recent = Probe.objects.filter(asked_at__gte=clock.now() - timedelta(minutes=1)).count()
    if waiting >= OPEN_LIMIT or recent >= MINUTE_LIMIT:
        raise Refused(
            "probe_limit",
            f"{waiting} probes of {row.name} are open and {recent} were asked in the last minute.",
            f"Wait: at most {OPEN_LIMIT} are open for one process, and {MINUTE_LIMIT} asked in a minute.",
        )


def settle(now: datetime | None = None) -> int:
    """End probes that nobody will answer: too old, or their process has died; how many. One query when none is open."""
    moment = now or clock.now()
    waiting = list(Probe.objects.filter(state__in=OPEN).order_by("pk")[: 10 * OPEN_LIMIT])
    if not waiting:
        return 0
    rows = {row.name: row for row in ProcessRow.objects.filter(name__in={probe.process for probe in waiting})}
    ended = 0
    for probe in waiting:
        state, error = _fate(probe, rows.get(probe.process), moment)
        if state is not None:
            still = Q(pk=probe.pk, state=probe.state)
            ended += Probe.objects.filter(still).update(state=state, ended_at=moment, error=error[:ERROR_LIMIT])
    return ended


def _fate(probe: Probe, row: ProcessRow | None, now: datetime) -> tuple[State | None, str]:
    if row is None:
        return State.FAILED, "the process is not known any more"
    if row.ended_at is not None:
        return State.FAILED, f"the process ended before it answered: {row.cause or 'cause unknown'}"
    if probe.state == State.ASKED and probe.asked_at < now - timedelta(seconds=ASKED_S):
        return State.EXPIRED, f"nobody answered within {ASKED_S:g} s"
    allowed = timedelta(seconds=probe.seconds + RUNNING_S)
    if probe.state == State.RUNNING and (probe.started_at or probe.asked_at) < now - allowed:
        return State.FAILED, f"no result within {allowed.total_seconds():g} s"
    return None, ""
