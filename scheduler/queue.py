"""Which run is next: the records are the queue.

A claim takes runs out of the ready set in the statement that hands them over, so there is no second list that could
disagree and nothing in memory that could grow. Two steps, one index each: ``promote`` moves what is due by
(status, due), ``claim`` takes by (status, queue, rank). Called by the pusher of every cluster.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from scheduler import clock, conf, transitions
from scheduler.models import TaskRecord
from scheduler.states import ACTIVE, Status


def promote(limit: int = 500) -> int:
    """Make ready what has become due, at most ``limit`` runs. One read when nothing is."""
    now = connection.ops.adapt_datetimefield_value(clock.now())
    pks = _keys("status IN ('scheduled', 'waiting') AND due_at <= %s ORDER BY due_at LIMIT %s", [now, limit])
    return transitions.promote(pks) if pks else 0


def look(queues: Sequence[str]) -> tuple[bool, bool]:
    """Whether anything of these queues is ready, and whether anything has become due by time.

    One plain statement: pushers ask often, and ask for nothing else when both are false.
    """
    here, table, places = connections[DEFAULT_DB_ALIAS], TaskRecord._meta.db_table, ", ".join(["%s"] * len(queues))
    ready = f"SELECT 1 FROM {table} WHERE status = 'ready' AND queue IN ({places})"  # noqa: S608 - names are ours
    due = f"SELECT 1 FROM {table} WHERE status IN ('scheduled', 'waiting') AND due_at <= %s"  # noqa: S608
    with here.cursor() as cursor:
        now = here.ops.adapt_datetimefield_value(clock.now())
        cursor.execute(f"SELECT EXISTS ({ready}), EXISTS ({due})", [*queues, now])
        any_ready, any_due = cursor.fetchone()
    return bool(any_ready), bool(any_due)


def claim(boot_id: str, queues: Sequence[str], limit: int, *, seen: bool = False) -> list[int]:
    """Hand at most ``limit`` ready runs to the cluster ``boot_id``; keys in the order in which they should start.

    ``queues`` in the order of preference: a later one is looked at only when the earlier ones have too few. Safe
    against any number of other claimers; one read per queue when nothing is ready. ``seen``: the caller has just seen
    that something is, which saves that read.
    """
    claimed: list[int] = []
    for queue in queues:
        if len(claimed) >= limit:
            break
        claimed += _claim_from(boot_id, queue, limit - len(claimed), seen=seen)
    return claimed


def _claim_from(boot_id: str, queue: str, limit: int, *, seen: bool) -> list[int]:
    ready = f"status = 'ready' AND queue = %s ORDER BY {connection.ops.quote_name('rank')}, id LIMIT %s"
    mark = f"claim-{secrets.token_hex(8)}"
    if connection.features.has_select_for_update_skip_locked:
        if not seen and not _keys(ready, [queue, limit]):
            return []
        with transaction.atomic():
            candidates = _keys(f"{ready} FOR UPDATE SKIP LOCKED", [queue, limit])
            transitions.claim(candidates, boot_id=boot_id, mark=mark)
        return candidates
    candidates = _keys(ready, [queue, limit])
    if not candidates:
        return []
    if transitions.claim(candidates, boot_id=boot_id, mark=mark) == len(candidates):
        return candidates
    # Another claimer was faster with some of them: the mark says which are ours.
    ours = TaskRecord.objects.filter(pk__in=candidates, token=mark, status=Status.CLAIMED)
    return list(ours.order_by("rank", "pk").values_list("pk", flat=True))


def _keys(where: str, values: list[Any]) -> list[int]:
    """Keys of records, through the driver: these reads are made all day, by every cluster."""
    sql = f"SELECT id FROM {TaskRecord._meta.db_table} WHERE {where}"  # noqa: S608 - texts of this module
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [key for (key,) in cursor.fetchall()]


def claimed_count(boot_id: str) -> int:
    """How many runs the cluster has been handed and not started."""
    return TaskRecord.objects.filter(status=Status.CLAIMED, boot_id=boot_id).count()


def release_claims(boot_id: str) -> int:
    """Give back what a cluster was handed and will not start; counts nothing against the runs."""
    mine = TaskRecord.objects.filter(status=Status.CLAIMED, boot_id=boot_id)
    return transitions.unclaim(list(mine.values_list("pk", flat=True)), boot_id=boot_id)


def release_stale_claims() -> int:
    """Give back claims that nobody started within ``claim_stale_s``."""
    before = clock.now() - timedelta(seconds=conf.values().claim_stale_s)
    stale = TaskRecord.objects.filter(status=Status.CLAIMED, claimed_at__lt=before)
    return transitions.unclaim(list(stale.values_list("pk", flat=True)), claimed_before=before)


class ActiveGauge:
    """Whether more runs are active than are allowed; looked at anew every few seconds, because counting costs."""

    LOOK_EVERY_S = 5.0

    def __init__(self) -> None:
        self._is_full = False
        self._look_again = 0.0

    def is_full(self) -> bool:
        """Whether ``max_queued`` runs are active. At most one query every ``LOOK_EVERY_S`` seconds."""
        now = time.monotonic()
        if now >= self._look_again:
            self._look_again = now + self.LOOK_EVERY_S
            limit = conf.values().max_queued
            active = TaskRecord.objects.filter(status__in=ACTIVE).order_by()
            self._is_full = active.values_list("pk", flat=True)[limit - 1 : limit].exists()
        return self._is_full
