"""Process rows: one per process, registered at its start, beaten by its housekeeper, retired at its end.

A process that forks has no housekeeper; its cluster main writes its row from outside.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import psutil
from django.db import connections

from scheduler import clock, driver
from scheduler.models import ProcessRow

#: A process that has not been heard of for this long is taken for dead; more than any tick, less than a coffee.
SILENT_S = 30.0
#: Cause of an end that was found out by silence.
SILENT = "not heard of any more"
#: Cause of the end of a neighbour's row whose cluster was stopped: it lives on, or ends in a moment.
NOT_LOOKED_AT = "not looked at any more: its cluster has ended"


def register(
    name: str,
    role: str,
    boot_id: str,
    *,
    pid: int | None = None,
    parent_pid: int | None = None,
    queues: Iterable[str] = (),
    seat: int = 0,
    sample: dict[str, Any] | None = None,
    age_s: float = 0.0,
) -> int:
    """Write the row of a process (this one, without ``pid``) that started ``age_s`` ago; its key. One statement."""
    now = clock.now()
    row, _ = ProcessRow.objects.update_or_create(
        name=name,
        defaults={
            "role": role,
            "boot_id": boot_id,
            "host": socket.gethostname()[:128],
            "pid": pid or os.getpid(),
            "parent_pid": parent_pid if parent_pid is not None else os.getppid(),
            "queues": ",".join(queues)[:500],
            "seat": seat,
            "started_at": now - timedelta(seconds=age_s),
            "beat_at": now,
            "ended_at": None,
            "cause": "",
            "draining": False,
            "sample": sample or {},
        },
    )
    return int(row.pk)


def beat(key: int, *, sample: Mapping[str, Any], **fields: Any) -> bool:
    """Write the heartbeat, the sample and ``fields``; whether the row is still there. One statement."""
    return driver.update(ProcessRow, key, {"beat_at": clock.now(), "sample": json.dumps(sample), **fields})


def retire(keys: Iterable[int], cause: str, **last: Any) -> int:
    """These processes have ended, because of ``cause``; how many rows that closed. ``last``: columns of a last beat."""
    return ProcessRow.objects.filter(pk__in=list(keys), ended_at__isnull=True).update(
        ended_at=clock.now(),
        cause=cause[:200],
        current_record="",
        current_block="",
        current_since=None,
        **last,
    )


def retire_boot(boot_id: str, cause: str) -> int:
    """All processes of a cluster have ended."""
    keys = ProcessRow.objects.filter(boot_id=boot_id, ended_at__isnull=True).values_list("pk", flat=True)
    return retire(keys, cause)


def retire_silent() -> int:
    """Close the rows of processes nobody has heard of, and of dead ones of this host; how many."""
    now = clock.now()
    open_rows = ProcessRow.objects.filter(ended_at__isnull=True)
    silent = set(open_rows.filter(beat_at__lt=now - timedelta(seconds=SILENT_S)).values_list("pk", flat=True))
    here = open_rows.filter(host=socket.gethostname()[:128], beat_at__lt=now - timedelta(seconds=SILENT_S / 3))
    dead = {key for key, pid in here.values_list("pk", "pid") if not psutil.pid_exists(pid)}
    return retire(silent | dead, SILENT)


def close_connections() -> None:
    """Close this thread's database connections: before a fork, and at the end of a thread."""
    connections.close_all()
