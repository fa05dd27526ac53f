"""Renewing a worker: it hands over or ends what it does, goes, and its cluster starts another in its place."""

from __future__ import annotations

from functools import partial

from scheduler import audit, conflicts
from scheduler.errors import Refused
from scheduler.models import ProcessRow
from scheduler.probes.asking import live_process


def recycle_worker(name: str, *, actor: str, origin: str, reason: str = "") -> ProcessRow:
    """Ask a worker to drain; its housekeeper sees it with its next tick.

    Raises:
        Refused: ``process_unknown``, ``process_ended``, ``not_a_worker``, ``already_draining``.
    """
    return conflicts.retried(partial(_recycle, name, actor, origin, reason))


def _recycle(name: str, actor: str, origin: str, reason: str) -> ProcessRow:
    row = live_process(name)
    if row.role != "worker":
        raise Refused(
            "not_a_worker",
            f"{name} is no worker but a {row.role} process.",
            "Only workers are renewed one by one; restart the cluster or the console for the others.",
        )
    if row.draining:
        raise Refused(
            "already_draining",
            f"{name} is draining already.",
            "It goes after its present slice; look again in a moment.",
        )
    row.draining = True
    row.save(update_fields=["draining"])
    audit.record(
        actor=actor,
        action="recycle_worker",
        object_type="process",
        object_id=name,
        before={"draining": False},
        after={"draining": True},
        reason=reason,
        origin=origin,
    )
    return row
