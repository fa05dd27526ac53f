"""What a person changes on a definition that exists: on or off, its periodic start. One audit entry per command."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

from scheduler import audit, clock, conflicts
from scheduler.definitions import periodic
from scheduler.errors import Refused
from scheduler.models import TaskDefinition
from scheduler.submission import Submitted


def set_enabled(pk: int, enabled: bool, *, actor: str, origin: str, reason: str = "") -> TaskDefinition:
    """Let a definition be started, or not; runs that exist go on. No change, no entry.

    Raises:
        Refused: ``definition_unknown``.
    """

    def change(row: TaskDefinition) -> None:
        row.enabled = enabled

    action = "enable_definition" if enabled else "disable_definition"
    return conflicts.retried(partial(_change, pk, change, ("enabled",), action, actor, origin, reason))


def set_periodic(
    pk: int,
    *,
    on: bool,
    period_ms: int | None = None,
    delay_ms: int | None = None,
    actor: str,
    origin: str,
    reason: str = "",
) -> TaskDefinition:
    """Switch the periodic start on or off; the period and the delay stay as they are when not given.

    Raises:
        Refused: ``definition_unknown``, or ``period_invalid`` for a number that cannot be used.
    """
    for name, value, least in (("period", period_ms, 1), ("delay", delay_ms, 0)):
        if value is not None and not least <= value <= periodic.LONGEST_MS:
            raise Refused(
                "period_invalid",
                f"The {name} of {value} ms cannot be used.",
                f"Give {least} to {periodic.LONGEST_MS} milliseconds.",
            )

    def change(row: TaskDefinition) -> None:
        row.periodic_enabled = on
        row.periodic = row.periodic or on
        row.period_ms = row.period_ms if period_ms is None else period_ms
        row.delay_ms = row.delay_ms if delay_ms is None else delay_ms

    fields = ("periodic", "periodic_enabled", "period_ms", "delay_ms")
    return conflicts.retried(partial(_change, pk, change, fields, "change_periodic", actor, origin, reason))


def start_now(pk: int, *, actor: str, origin: str) -> Submitted:
    """Start a periodic run at once, beside the schedule; the overlap rule holds.

    Raises:
        Refused: ``definition_unknown``, ``periodic_overlap``, or as ``submit``.
    """

    def start() -> Submitted:
        row = _locked(pk)
        active = periodic.active_run(row)
        if active is not None:
            raise Refused(
                "periodic_overlap",
                f"The last periodic run {active.record_id} is still {active.get_status_display()}.",
                "Wait for its end, or cancel it.",
            )
        done = periodic.begin(row, clock.now(), actor, origin)
        audit.record(
            actor=actor,
            action="run_task",
            object_type="record",
            object_id=done.record.record_id,
            after={"definition": row.label, "priority": done.record.priority},
            origin=origin,
        )
        return done

    return conflicts.retried(start)


def _locked(pk: int) -> TaskDefinition:
    row = TaskDefinition.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise Refused("definition_unknown", "This definition does not exist.", "Look at the list of definitions.")
    return row


def _change(
    pk: int,
    change: Callable[[TaskDefinition], None],
    fields: tuple[str, ...],
    action: str,
    actor: str,
    origin: str,
    reason: str,
) -> TaskDefinition:
    row = _locked(pk)
    before = copy.copy(row)
    change(row)
    changed = [name for name in fields if getattr(row, name) != getattr(before, name)]
    if not changed:
        return row
    periodic.plan(row, clock.now(), before=before)
    if not periodic.is_scheduled(row):
        row.periodic_error = ""
    row.save(update_fields=[*changed, "next_start_at", "periodic_error", "updated_at"])
    audit.record(
        actor=actor,
        action=action,
        object_type="definition",
        object_id=row.label,
        before={name: getattr(before, name) for name in changed},
        after={name: getattr(row, name) for name in changed},
        reason=reason,
        origin=origin,
    )
    return row
