"""Replacing the clusters because somebody wants it: one after another, each only when the one before consumes again.

The wish is ``draining`` on the row of a cluster main. The main whose row is the oldest among those that are asked has
its turn; it takes its flag away when its new generation works, and only then the next one finds itself the oldest.
Functions use the caller's connection.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet

from scheduler import audit, clock
from scheduler.errors import Refused
from scheduler.housekeeping.rows import SILENT_S
from scheduler.models import ProcessRow

#: What the runs of a cluster that is replaced by request get to come to their next block, in seconds.
GRACE_S = 15.0


def request(*, actor: str, reason: str, origin: str) -> int:
    """Ask every live cluster to replace its processes, drained; how many were asked.

    Raises:
        Refused: ``no_cluster``.
    """
    asked = _live().update(draining=True)
    if not asked:
        raise Refused("no_cluster", "No cluster is running.", "Its processes take the settings when it is started.")
    audit.record(
        actor=actor,
        action="replace_clusters",
        object_type="process",
        object_id="main",
        after={"clusters": asked},
        reason=reason,
        origin=origin,
    )
    return asked


def waiting() -> list[ProcessRow]:
    """Cluster mains that are asked and not done, in the order of their turns; the first one is at it."""
    return list(_live().filter(draining=True).order_by("pk"))


def my_turn(main: str) -> bool:
    """Whether the cluster main of that name is asked, and nobody asked is before it. One query."""
    return _live().filter(draining=True).order_by("pk").values_list("name", flat=True).first() == main


def finish(main: str, boot_id: str) -> bool:
    """Take the wish away if the generation ``boot_id`` has a pusher and a worker; whether it has."""
    roles = set(ProcessRow.objects.filter(boot_id=boot_id, ended_at__isnull=True).values_list("role", flat=True))
    if not {"pusher", "worker"} <= roles:
        return False
    ProcessRow.objects.filter(name=main).update(draining=False)
    return True


def _live() -> QuerySet[ProcessRow]:
    heard = clock.now() - timedelta(seconds=SILENT_S)
    return ProcessRow.objects.filter(role="main", ended_at__isnull=True, beat_at__gte=heard)
