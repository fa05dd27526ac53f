"""The audit log: one entry per operator command and object, refused ones too. Pruned by retention only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler import clock
from scheduler.models import AuditEntry

#: Longest reason that is kept; the forms refuse longer ones.
REASON_LIMIT = 200


def record(
    *,
    actor: str,
    action: str,
    object_type: str,
    object_id: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    origin: str,
    refused: bool = False,
) -> None:
    """Write one entry in the caller's transaction.

    ``origin`` is where the command came from: ``page``, ``command``, ``api`` or ``service``; ``before`` and ``after``
    hold only what changed.
    """
    AuditEntry.objects.create(
        at=clock.now(),
        actor=actor[:150] or "unknown",
        action=action,
        object_type=object_type,
        object_id=object_id[:190],
        before=dict(before or {}),
        after=dict(after or {}),
        reason=reason[:REASON_LIMIT],
        origin=origin,
        refused=refused,
    )
