"""A person starts a run, from a page or a terminal: submission and audit entry in one transaction.

Runs that start runs, and periodic starts, use ``scheduler.submission`` itself: they are no operator's command.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from scheduler import audit
from scheduler.models import TaskDefinition
from scheduler.submission import Submitted, submit


def start(
    *,
    label: str | None = None,
    definition: TaskDefinition | None = None,
    inputs: Mapping[str, Any] | None = None,
    priority: int = 1,
    record_id: str | None = None,
    out_order_no: str | None = None,
    due_at: datetime | None = None,
    queue: str | None = None,
    actor: str,
    origin: str,
) -> Submitted:
    """Start a run for an operator, at once or at ``due_at``; an id that exists starts nothing and is not audited.

    Raises:
        Refused: as ``submit``.
    """
    with transaction.atomic():
        done = submit(
            label=label,
            definition=definition,
            inputs=inputs,
            priority=priority,
            record_id=record_id,
            out_order_no=out_order_no,
            due_at=due_at,
            queue=queue,
            actor=actor,
            origin=origin,
        )
        if done.created:
            audit.record(
                actor=actor,
                action="run_task",
                object_type="record",
                object_id=done.record.record_id,
                after={"definition": done.record.label, "priority": done.record.priority},
                origin=origin,
            )
    return done
