"""Effect rows: claiming those that are due, storing what became of them, taking over what a dead process left.

Every change is a compare-and-set on status and owner, so two io processes never send the same effect at once and one
that was given up for dead changes nothing when it comes back.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from scheduler import clock
from scheduler.fleet import orders
from scheduler.io.verdict import Claimed, Verdict
from scheduler.models import Effect, LogLine, ProcessRow, Wait
from scheduler.states import ENDED, EffectStatus

#: Kinds whose calls may be repeated with the same ids; any other is unknown after a crash between sent and answered.
IDEMPOTENT_KINDS = frozenset({"fleet"})
#: An io process whose heartbeat is older than this (seconds) is dead; so is a sender that never had a heartbeat.
DEAD_AFTER_S = 10.0

_ANY_DUE = f"SELECT 1 FROM {Effect._meta.db_table} WHERE status = %s AND due_at <= %s LIMIT 1"  # noqa: S608 - our name
_COLUMNS = (
    "pk",
    "key",
    "record_id",
    "kind",
    "target",
    "operation",
    "order_id",
    "block",
    "request",
    "attempts",
    "result",
)


@dataclass(frozen=True, slots=True)
class Ended:
    """An effect that was sent, and what is to be stored."""

    effect: Claimed
    verdict: Verdict


def claim(owner: str, room: Mapping[str, int], limit: int, *, default_room: int) -> list[Claimed]:
    """Take up to ``limit`` due effects for ``owner``: pending → sent, one try more.

    ``room`` says how many more each known target takes now, ``default_room`` how many any other. Calls of one order go
    one after the other, whoever sends them.
    """
    now = clock.now()
    if not _any_due(now):
        return []
    full = [target for target, free in room.items() if free <= 0]
    due = Effect.objects.filter(status=EffectStatus.PENDING, due_at__lte=now).exclude(target__in=full)
    rows = list(due.order_by("due_at", "pk").values_list(*_COLUMNS)[: 2 * limit])
    if not rows:
        return []
    busy = set(Effect.objects.filter(status=EffectStatus.SENT).exclude(order_id="").values_list("order_id", flat=True))
    left = dict(room)
    chosen: dict[int, Claimed] = {}
    for row in rows:
        effect = Claimed(*row)
        free = left.get(effect.target, default_room)
        if len(chosen) >= limit or free <= 0 or effect.order_id in busy:
            continue
        left[effect.target] = free - 1
        if effect.order_id:
            busy.add(effect.order_id)
        chosen[effect.pk] = effect
    return _take(owner, chosen)


def _any_due(now: datetime) -> bool:
    """Whether anything is due at all: asked four times a second at rest, so without building a query each time."""
    with connection.cursor() as cursor:
        moment = connection.ops.adapt_datetimefield_value(now)
        cursor.execute(_ANY_DUE, [EffectStatus.PENDING.value, moment])
        return cursor.fetchone() is not None


def _take(owner: str, chosen: Mapping[int, Claimed]) -> list[Claimed]:
    if not chosen:
        return []
    with transaction.atomic():
        now = clock.now()
        pending = Effect.objects.filter(pk__in=chosen, status=EffectStatus.PENDING)
        taken = pending.update(status=EffectStatus.SENT, owner=owner, sent_at=now, attempts=F("attempts") + 1)
        mine = set(chosen)
        if taken < len(chosen):
            sent = Effect.objects.filter(pk__in=chosen, status=EffectStatus.SENT, owner=owner, sent_at=now)
            mine = set(sent.values_list("pk", flat=True))
        claimed = [_counted(effect) for pk, effect in chosen.items() if pk in mine]
        return [_logged_repeat(effect) if effect.result.get("maybe_sent") else effect for effect in claimed]


def _counted(effect: Claimed, result: Mapping[str, Any] | None = None) -> Claimed:
    values = {name: getattr(effect, name) for name in Claimed.__slots__}
    if result is not None:
        return Claimed(**{**values, "result": result})
    return Claimed(**{**values, "attempts": effect.attempts + 1})


def _logged_repeat(effect: Claimed) -> Claimed:
    """Say in the run's log that a call which may have arrived is sent again: one line per call, with its count."""
    if effect.record_pk is None:
        return effect
    repeats = int(effect.result.get("repeats", 0)) + 1
    args = json.dumps({"operation": effect.operation, "order": effect.order_id, "times": repeats}, ensure_ascii=False)
    line = effect.result.get("log_pk")
    if line is None or not LogLine.objects.filter(pk=line).update(args=args):
        line = LogLine.objects.create(
            record_id=effect.record_pk,
            at_ms=clock.now_ms(),
            level=4,
            block=effect.block,
            code="effect_repeated",
            args=args,
        ).pk
    result = {**effect.result, "repeats": repeats, "log_pk": line}
    Effect.objects.filter(pk=effect.pk).update(result=result)
    return _counted(effect, result)


def store(owner: str, ended: Sequence[Ended], wake: orders.Wake) -> int:
    """Store what became of these effects and wake their runs, in one transaction; how many have ended.

    A new order gets its row here. For a run that has ended meanwhile nothing is tried again, and an order that its call
    made (or may have made) is terminated.
    """
    with transaction.atomic():
        statuses = orders.lock_records(entry.effect.record_pk for entry in ended)
        over = {pk for pk, status in statuses.items() if status in ENDED}
        now = clock.now()
        keys: list[str] = []
        for entry in ended:
            key = _store_one(owner, entry, entry.effect.record_pk in over, now)
            if key:
                keys.append(key)
        if keys:
            wake(keys)
        return len(keys)


def _store_one(owner: str, entry: Ended, run_is_over: bool, now: Any) -> str | None:
    effect, verdict = entry.effect, entry.verdict
    status = verdict.status
    again = status == EffectStatus.PENDING
    if again and run_is_over and effect.operation != "terminate":
        status, again = EffectStatus.ABANDONED, False
    due = {"due_at": now + timedelta(seconds=verdict.again_in_s or 0.0), "owner": ""} if again else {"ended_at": now}
    mine = Effect.objects.filter(pk=effect.pk, status=EffectStatus.SENT, owner=owner)
    if not mine.update(status=status, result=verdict.result, **due):
        return None
    if effect.operation == "setOrder" and effect.order_id:
        if status == EffectStatus.DONE:
            orders.note_sent(effect.order_id, effect.record_pk, effect.block, now)
        if run_is_over and (status == EffectStatus.DONE or verdict.result.get("maybe_sent")):
            orders.request_termination([(effect.order_id, effect.record_pk, effect.block)], now)
    if again:
        _show_failure(effect, verdict)
        return None
    return f"effect:{effect.key}"


def _show_failure(effect: Claimed, verdict: Verdict) -> None:
    """Let the run's wait say that the target does not answer, which try this was, and what it said."""
    error = str(verdict.result.get("error") or verdict.result.get("message") or "")
    args = {
        "target": effect.target,
        "operation": effect.operation,
        "order": effect.order_id,
        "a": effect.attempts,
        "error": error,
    }
    Wait.objects.filter(key=f"effect:{effect.key}").update(args=args)


def give_back(owner: str, effects: Sequence[Claimed]) -> None:
    """A process that stops returns what it could not finish. The call may have arrived: the next one is a repeat."""
    with transaction.atomic():
        for effect in effects:
            _release(Effect.objects.filter(pk=effect.pk, status=EffectStatus.SENT, owner=owner), effect.result)


def take_over(owner: str, wake: orders.Wake, in_flight: Collection[int] = ()) -> int:
    """Look after effects whose sender died: repeatable ones become pending again, others unknown.

    ``owner`` is this process (its predecessor's effects are orphans too), ``in_flight`` what it is sending itself.
    Returns how many were taken over.
    """
    now = clock.now()
    sent = Effect.objects.filter(status=EffectStatus.SENT).exclude(pk__in=list(in_flight))
    rows = list(sent.values_list("pk", "key", "kind", "owner", "sent_at", "result")[:1000])
    if not rows:
        return 0
    owners = {row[3] for row in rows} - {owner}
    fresh = Q(beat_at__gte=now - timedelta(seconds=DEAD_AFTER_S), ended_at__isnull=True)
    alive = set(ProcessRow.objects.filter(fresh, role="io", boot_id__in=owners).values_list("boot_id", flat=True))
    keys: list[str] = []
    taken = 0
    with transaction.atomic():
        for pk, key, kind, sender, sent_at, result in rows:
            silent = sent_at is None or sent_at < now - timedelta(seconds=DEAD_AFTER_S)
            if sender in alive or (sender != owner and not silent):
                continue
            mine = Effect.objects.filter(pk=pk, status=EffectStatus.SENT, owner=sender)
            if kind in IDEMPOTENT_KINDS:
                taken += _release(mine, result)
            elif mine.update(status=EffectStatus.UNKNOWN, ended_at=now):
                taken += 1
                keys.append(f"effect:{key}")
    if keys:
        wake(keys)
    return taken


def _release(sent: QuerySet[Effect], result: Mapping[str, Any]) -> int:
    return sent.update(status=EffectStatus.PENDING, owner="", due_at=clock.now(), result={**result, "maybe_sent": True})
