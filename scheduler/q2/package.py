"""The django-q2 package of one claimed run, and how an acknowledgement of ours is told from others'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django_q.signing import SignedPackage

#: The cluster's one entry function; imported before the fork, so that no worker dies of an import error.
ENTRY = "scheduler.worker.run_claimed"
_OURS = "vwed-run:"


def ack_id_of(record_pk: int) -> str:
    """The acknowledgement id of a run's package. Other packages carry the integer key of their queue row."""
    return f"{_OURS}{record_pk}"


def is_ours(ack_id: Any) -> bool:
    """Whether an acknowledgement id belongs to a run: then there is nothing to acknowledge, the record says it all."""
    return isinstance(ack_id, str) and ack_id.startswith(_OURS)


def is_our_result(task: Any) -> bool:
    """Whether a result belongs to a run. Nobody reads it: the run has written everything itself."""
    return isinstance(task, Mapping) and is_ours(task.get("ack_id"))


def pack(record_pk: int, boot_id: str) -> tuple[str, str]:
    """``(ack id, signed package)`` for one claimed run."""
    task = {
        "id": f"{boot_id[:8]}-{record_pk}",
        "name": f"run-{record_pk}",
        "func": ENTRY,
        "args": (record_pk, boot_id),
        "kwargs": {},
        "started": timezone.now(),
        "save": False,
        "ack_failure": True,
    }
    return ack_id_of(record_pk), SignedPackage.dumps(task)
