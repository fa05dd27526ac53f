"""Runs whose worker died: their lease ran out. Back to ready from the last checkpoint, or given up with the reason.

Only runs that died while running are counted; drained ones and claims that nobody started are not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from scheduler import clock, conf, conflicts, doorbell, queue, rows, settlement, transitions
from scheduler.models import LogLine, ProcessRow, TaskRecord
from scheduler.states import Status

#: Runs rescued in one call; the next call takes the rest.
_LIMIT = 200


@dataclass(frozen=True, slots=True)
class RescueResult:
    """How many runs went back to ready, were given up, were cancelled as asked, and how many claims were taken back."""

    recovered: int = 0
    unrecoverable: int = 0
    cancelled: int = 0
    claims: int = 0


@dataclass(frozen=True, slots=True)
class _Dead:
    pk: int
    token: str
    worker: str
    recoveries: int
    attempt: int
    cancel_requested: bool
    request_reason: str
    request_actor: str


_FIELDS = tuple(_Dead.__dataclass_fields__)


def rescue(now: datetime | None = None) -> RescueResult:
    """Look after expired leases and stale claims; two reads when there is nothing. One run cannot stop the others."""
    moment = now or clock.now()
    claims = queue.release_stale_claims()
    expired = TaskRecord.objects.filter(status=Status.RUNNING, lease_until__lt=moment)
    counts = {"recovered": 0, "unrecoverable": 0, "cancelled": 0}
    for row in expired.order_by("pk").values_list(*_FIELDS)[:_LIMIT]:
        became = conflicts.retried(partial(_rescue_one, _Dead(*row), moment))
        if became:
            counts[became] += 1
    if claims:
        doorbell.ring(doorbell.RUNS)
    return RescueResult(claims=claims, **counts)


def _rescue_one(dead: _Dead, now: datetime) -> str:
    """What became of one run; empty when its worker was alive after all, or another rescuer was faster."""
    if dead.cancel_requested:
        return "cancelled" if _settled(dead, Status.CANCELLED, dead.request_reason, dead.request_actor, now) else ""
    limit = conf.values().recovery_limit
    if dead.recoveries >= limit:
        reason = (
            f"Its worker died {dead.recoveries + 1} times under it, the last time {dead.worker}"
            f"{_memory_at_death(dead.worker)}. The limit is {limit} recoveries."
        )
        return "unrecoverable" if _settled(dead, Status.UNRECOVERABLE, reason, "", now) else ""
    if not transitions.recover(dead.pk, dead.token, now):
        return ""
    reason = f"worker {dead.worker} died"
    rows.save_journal([(dead.pk, Status.RUNNING, Status.READY, dead.attempt, "", reason)])
    args = json.dumps({"count": dead.recoveries + 1, "worker": dead.worker})
    LogLine.objects.create(record_id=dead.pk, at_ms=clock.at_ms(now), level=4, code="recovered", args=args)
    doorbell.ring(doorbell.RUNS)
    return "recovered"


def _settled(dead: _Dead, status: Status, reason: str, actor: str, now: datetime) -> bool:
    return bool(settlement.settle([dead.pk], status, reason=reason, actor=actor, lease_before=now))


def _memory_at_death(worker: str) -> str:
    sample = ProcessRow.objects.filter(name=worker).values_list("sample", flat=True).first() or {}
    memory = sample.get("uss") or sample.get("rss")
    return f" with {memory / 1_048_576:.0f} MB of memory" if memory else ""
