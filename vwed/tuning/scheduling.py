"""Changes that wait for their time: applied once, by whichever io process is first."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from scheduler import audit, clock
from vwed.models import ChangeSet, ChangeState
from vwed.tuning import changes, rules, stored
from vwed.tuning.parameters import find

log = logging.getLogger(__name__)

#: Seconds between two looks: a change is in force within five of its time.
EVERY_S = 1.0
#: Changes applied in one look.
AT_ONCE = 20


def apply_due(now: datetime | None = None) -> dict[str, int]:
    """Apply what is due, the earliest first. Without any, one query."""
    moment = now or clock.now()
    due = ChangeSet.objects.filter(state=ChangeState.SCHEDULED, effective_at__lte=moment)
    applied = superseded = 0
    for row in due.order_by("effective_at", "pk")[:AT_ONCE]:
        try:
            if apply_one(row, moment):
                applied += 1
        except IntegrityError:
            log.info("change %d waits for the next look: another one was just applied", row.pk)
            break
        except _Conflict as conflict:
            superseded += _supersede(row, conflict.outcome, moment)
    if applied:
        changes.prune()
    return {"applied": applied, "superseded": superseded}


def apply_one(row: ChangeSet, now: datetime) -> bool:
    """Put ``row`` in force; whether it was still scheduled.

    Raises:
        IntegrityError: another change took the version at the same moment; nothing was done.
        _Conflict: it cannot be applied any more; nothing was done.
    """
    with transaction.atomic():
        version = stored.version() + 1
        mine = ChangeSet.objects.filter(pk=row.pk, state=ChangeState.SCHEDULED).update(
            state=ChangeState.APPLIED, version=version, applied_at=now
        )
        if not mine:
            return False  # another io process, or somebody cancelled it
        row.state, row.version, row.applied_at = ChangeState.APPLIED, version, now
        _check(row)
        changes.write_values(row)
        _tell(row, "change_setting", {"change": row.pk, "scheduled": True}, refused=False)
    return True


class _Conflict(Exception):
    """A scheduled change met other values than those it was made for, or is not allowed beside them."""

    def __init__(self, outcome: dict[str, Any]) -> None:
        super().__init__(outcome["code"])
        self.outcome = outcome


def _check(row: ChangeSet) -> None:
    present = stored.overrides()
    later = dict(present)
    for name, change in row.difference.items():
        parameter = find(name)
        held = parameter.format(present[parameter.name]) if parameter.name in present else None
        if held != change["before"]:
            by = changes.since(row.based_on)
            other = next((each.pk for each in by if name in each.difference and each.pk != row.pk), None)
            raise _Conflict({"code": "changed_meanwhile", "name": name, "by": other})
        if change["after"] is None:
            later.pop(parameter.name, None)
        else:
            later[parameter.name] = parameter.parse(change["after"])
    problems = rules.new_problems(stored.as_values(present), stored.as_values(later))
    if problems:
        raise _Conflict({"code": "not_allowed", "names": list(problems)})


def _supersede(row: ChangeSet, outcome: dict[str, Any], now: datetime) -> int:
    with transaction.atomic():
        mine = ChangeSet.objects.filter(pk=row.pk, state=ChangeState.SCHEDULED).update(
            state=ChangeState.SUPERSEDED, closed_at=now, closed_by=row.author, outcome=outcome
        )
        if mine:
            _tell(row, "change_setting", {"change": row.pk, "superseded": outcome["code"]}, refused=True)
    return mine


def _tell(row: ChangeSet, action: str, after: dict[str, Any], *, refused: bool) -> None:
    for name, change in row.difference.items():
        audit.record(
            actor=row.author,
            action=action,
            object_type="setting",
            object_id=name,
            before={"value": change["before"]},
            after={"value": change["after"], **after},
            reason=row.reason,
            origin="service",
            refused=refused,
        )
