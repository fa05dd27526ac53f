"""Ending runs, from any process, one or many at once.

Settling moves the status, and with it everything that the run leaves behind: open fleet orders are terminated (as
effects; no robot is taken out of dispatch), effects that were never sent are abandoned, storage requests and waits go,
the state row goes, open block records are closed, locks are freed by rule, children are ended, the parent is woken.
One journal entry and one count per ended run. After the commit: locations that became free are matched.

Who loses the race to end a run changes nothing. Lock order: the records, then locations, then requests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import starmap
from typing import Any, NamedTuple

from django.db import connection, transaction

from scheduler import clock, conflicts, doorbell, rows, transitions, wakes
from scheduler.fleet import orders
from scheduler.models import BlockRecord, Effect, EndedCounter, FleetOrder, RunState, TaskDefinition, TaskRecord, Wait
from scheduler.states import ACTIVE, TRANSITIONS, BlockCode, EffectStatus, Status
from storage import locations, matching, requests
from storage.models import StorageLocation, StorageRequest
from storage.requests import Ended as EndedWaits
from storage.states import RequestState

#: Runs settled in one transaction.
_BATCH = 200
#: Counter rows per minute and status, so that writers do not queue for one row.
_SLOTS = 8
#: Statuses after which a definition with ``release_sites`` frees the run's locks. Never after a normal end.
_RELEASING = frozenset({Status.CANCELLED, Status.FAILED})
#: Errors of the task's own structure that escape to its root: no end that the rule about locks speaks of.
ESCAPED = frozenset({"break.no-loop"})
#: From these a run fails by itself, with a state that it can be continued from.
_CONTINUABLE = frozenset({Status.RUNNING, Status.INTERRUPTED})


class EndedRun(NamedTuple):
    """What settling needs to know of a run that has just ended."""

    pk: int
    record_id: str
    attempt: int
    was: str
    definition_id: int
    parent_id: int | None
    created_at: datetime
    release: bool
    lease_until: datetime | None = None
    attempt_at: datetime | None = None
    #: Whether the definition's rule about locks applies to this end.
    by_rule: bool = True


_COLUMNS = (
    *("pk", "record_id", "attempt", "status", "definition_id", "parent_id", "created_at", "release_requested"),
    *("lease_until", "attempt_at"),
)


def settle(
    pks: Collection[int],
    status: Status,
    *,
    reason: str,
    actor: str = "",
    release_sites: bool = False,
    lease_before: datetime | None = None,
) -> list[int]:
    """End those of ``pks`` that nobody is working on; returns the keys of the runs that this call ended.

    ``release_sites`` frees their locks whatever the definition says; ``lease_before`` ends running ones too whose
    lease ran out before that moment. A running run is ended by its worker.
    """
    todo = sorted(set(pks))
    done: list[int] = []
    for start in range(0, len(todo), _BATCH):
        batch = todo[start : start + _BATCH]
        done += conflicts.retried(
            partial(_settle_batch, batch, status, reason, actor, release_sites=release_sites, lease_before=lease_before)
        )
    return done


def _settle_batch(
    pks: Sequence[int],
    status: Status,
    reason: str,
    actor: str,
    *,
    release_sites: bool = False,
    lease_before: datetime | None = None,
) -> list[int]:
    # Locked by key alone: see ``transitions`` on deadlocks.
    locked = TaskRecord.objects.filter(pk__in=pks).select_for_update().order_by("pk").values_list(*_COLUMNS)
    found = [run for run in starmap(EndedRun, locked) if _may_end(run, status, lease_before)]
    if not found:
        return []
    now = clock.now()
    transitions.end(
        [run.pk for run in found], status, lease_before=lease_before, ended_at=now, ended_reason=reason[:1000]
    )
    if release_sites:
        found = [run._replace(release=True) for run in found]
    clean_up(found, status, reason=reason, actor=actor)
    return [run.pk for run in found]


def _may_end(run: EndedRun, status: Status, lease_before: datetime | None) -> bool:
    if run.was == Status.RUNNING:
        expired = run.lease_until is not None and lease_before is not None and run.lease_until < lease_before
        return expired and status in TRANSITIONS[Status.RUNNING]
    return run.was in transitions.origins(status)


def clean_up(runs: Sequence[EndedRun], status: Status, *, reason: str, actor: str, touched: bool = True) -> None:
    """Everything that ending these runs brings with it, but for the status itself. In the caller's transaction.

    ``touched=False``: they were never suspended or recovered and asked neither the storage nor another system for
    anything, so they can have left nothing behind and are not searched for it.
    """
    now = clock.now()
    pks = [run.pk for run in runs]
    if touched:
        _end_orders(pks, now)
        _end_waits(runs, status, actor)
        _drop_states(runs, status)
        Wait.objects.filter(record_id__in=pks).delete()
    if status != Status.FINISHED:
        _close_blocks(pks, status, reason, now)
        for release in (False, True):
            _end_children([run.pk for run in runs if run.release == release], actor, release_sites=release)
    parents = {run.parent_id for run in runs if run.parent_id is not None}
    if parents:
        wakes.wake_records(parents)
    rows.save_journal((run.pk, run.was, status.value, run.attempt, actor, reason) for run in runs)
    _count(runs, status, now)


def begin_anew(pk: int, record_id: str, *, reason: str, actor: str) -> None:
    """What the last attempt of a run leaves when it starts from the beginning: as at its end, but its locks stay.

    In the caller's transaction, which holds the record's lock.
    """
    now = clock.now()
    _end_orders([pk], now)
    _end_requests([record_id], [])
    RunState.objects.filter(pk=pk).delete()
    Wait.objects.filter(record_id=pk).delete()
    _close_blocks([pk], Status.CANCELLED, reason, now)
    _end_children([pk], actor)


def _drop_states(runs: Sequence[EndedRun], status: Status) -> None:
    """The state goes with the run, unless it failed by itself: then retention drops it some days later."""
    gone = [run.pk for run in runs if status != Status.FAILED or run.was not in _CONTINUABLE]
    if gone:
        RunState.objects.filter(pk__in=gone).delete()


def _close_blocks(pks: Sequence[int], status: Status, reason: str, now: datetime) -> None:
    """Close the records of the blocks that were still open. A run that ends well has none."""
    code = BlockCode.STOPPED if status == Status.CANCELLED else BlockCode.FAILED
    still_open = BlockRecord.objects.filter(record_id__in=pks, ended_ms__isnull=True)
    still_open.update(code=code, ended_ms=clock.at_ms(now), reason=reason[:1000])


def _end_orders(pks: Sequence[int], now: datetime) -> None:
    """Abandon what was not sent, and have the fleet terminate what it has, or may have."""
    pending = Effect.objects.filter(record_id__in=pks, status=EffectStatus.PENDING).exclude(operation="terminate")
    maybe_sent = list(
        pending.filter(operation="setOrder", attempts__gt=0).values_list("order_id", "record_id", "block")
    )
    pending.update(status=EffectStatus.ABANDONED, ended_at=now)
    opened = FleetOrder.objects.filter(record_id__in=pks, closed=False).values_list("order_id", "record_id", "block")
    found = dict.fromkeys([*opened, *maybe_sent])
    if found:
        orders.request_termination(found, now)
        doorbell.ring(doorbell.EFFECTS)


def _end_waits(runs: Sequence[EndedRun], status: Status, actor: str) -> None:
    """Cancel storage requests, free locks by rule, and match after the commit what became free."""
    freed: list[str] = []
    releasing = _releasing(runs, status)
    for record_id in _among(releasing, StorageLocation.objects.filter(locked_by__in=releasing), "locked_by"):
        freed += locations.release_held_by(record_id, actor=actor or record_id, reason="run ended")
    _end_requests([run.record_id for run in runs], freed)


def _end_requests(ids: Sequence[str], freed: list[str]) -> None:
    """Cancel the storage requests of these runs; ``freed`` became free already."""
    next_keys: list[str] = []
    live = StorageRequest.objects.filter(holder__in=ids, state__in=(RequestState.PENDING, RequestState.GRANTED))
    for record_id in _among(ids, live, "holder"):
        gone = requests.cancel_for(record_id)
        freed += gone.site_ids
        next_keys += gone.next_keys
    if freed or next_keys:
        follow_up_later(EndedWaits(tuple(freed), tuple(next_keys)))


def follow_up_later(ended: EndedWaits) -> None:
    """After the commit, give what became free to those who wait for it, and wake them."""
    transaction.on_commit(lambda: _matched(partial(matching.follow_up, ended, _wake_holder)), robust=True)


def match_later(site_ids: Iterable[str]) -> None:
    """After the commit, match these locations."""
    sites = tuple(site_ids)
    if sites:
        follow_up_later(EndedWaits(sites))


def match_request_later(key: str) -> None:
    """After the commit, look for a location for a request that was just written: nothing can slip in between."""
    transaction.on_commit(lambda: _matched(partial(matching.match_request, key, _wake_holder)), robust=True)


def _matched(match: Callable[[], object]) -> None:
    """Match, and after a conflict again; what fails even then is repaired by the sweep."""
    conflicts.repeated(match)


def _wake_holder(holder: str, key: str) -> None:
    wakes.wake_holders([holder])


def _among(ids: Sequence[str], found: Any, column: str) -> list[str]:
    """Those of ``ids`` that ``found`` has rows for, in a fixed order."""
    return sorted(set(found.order_by().values_list(column, flat=True))) if ids else []


def _releasing(runs: Sequence[EndedRun], status: Status) -> list[str]:
    asked = {run.record_id for run in runs if run.release}
    if status in _RELEASING:
        definitions = {run.definition_id for run in runs}
        by_rule = set(
            TaskDefinition.objects.filter(pk__in=definitions, release_sites=True).values_list("pk", flat=True)
        )
        asked |= {run.record_id for run in runs if run.by_rule and run.definition_id in by_rule}
    return sorted(asked)


def _end_children(pks: Sequence[int], actor: str, *, release_sites: bool = False) -> None:
    """A run that does not end well takes its children with it. Running ones are asked; their worker ends them.

    ``release_sites``: who ended the run wants its locks freed, and so those of all that it had started.
    """
    if not pks:
        return
    children = list(TaskRecord.objects.filter(parent_id__in=pks, status__in=ACTIVE).values_list("pk", flat=True))
    if not children:
        return
    # Of these ends the parent knows: when it is continued, they are no news.
    TaskRecord.objects.filter(pk__in=children, watched_attempt__gt=0).update(watched_attempt=0)
    reason = "the parent run ended"
    ended = set(_settle_batch(children, Status.CANCELLED, reason, actor, release_sites=release_sites))
    request_stop([pk for pk in children if pk not in ended], reason=reason, actor=actor, release_sites=release_sites)


def request_stop(pks: Collection[int], *, reason: str, actor: str, release_sites: bool = False) -> int:
    """Ask the workers of running runs to end them; their housekeepers carry it. Returns how many were running.

    The caller holds the rows' locks.
    """
    asked: dict[str, Any] = {"cancel_requested": True, "request_reason": reason[:200], "request_actor": actor[:150]}
    if release_sites:
        asked["release_requested"] = True
    return TaskRecord.objects.filter(pk__in=pks, status=Status.RUNNING).update(**asked)


def _count(runs: Sequence[EndedRun], status: Status, now: datetime) -> None:
    """Add to the counters of ended attempts: panels read these instead of counting a million rows."""
    lasted = sum(max(0, int((now - (run.attempt_at or run.created_at)).total_seconds() * 1000)) for run in runs)
    quote, table = connection.ops.quote_name, EndedCounter._meta.db_table
    columns = ", ".join(quote(name) for name in ("minute", "status", "slot", "count", "duration_ms"))
    count, duration = quote("count"), quote("duration_ms")
    sql = f"INSERT INTO {table} ({columns}) VALUES (%s, %s, %s, %s, %s) "  # noqa: S608 - names are ours
    if connection.vendor == "mysql":
        sql += (
            f"ON DUPLICATE KEY UPDATE {count} = {count} + VALUES({count}), {duration} = {duration} + VALUES({duration})"
        )
    else:
        sql += (
            f"ON CONFLICT ({quote('minute')}, {quote('status')}, {quote('slot')}) DO UPDATE SET "
            f"{count} = {table}.{count} + excluded.{count}, {duration} = {table}.{duration} + excluded.{duration}"
        )
    with connection.cursor() as cursor:
        minute = int(now.timestamp()) // 60
        cursor.execute(sql, [minute, status.value, os.getpid() % _SLOTS, len(runs), lasted])
