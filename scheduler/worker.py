"""The one entry function of the cluster, and the outermost boundary of everything that happens in a worker.

Whatever a run does, the worker stays fit for the next one: no transaction stays open, the connection is the worker's
own and healthy, no context of a finished run is alive. Imported before the fork, so that it cannot fail to import.
"""

from __future__ import annotations

import gc
import logging
import time

from django.db import Error, connection

from scheduler import conf, conflicts, executor
from scheduler.leaks import heap
from scheduler.process import Process, current

logger = logging.getLogger(__name__)

#: Types of referrers named when a context outlived its run.
_NAMED = 8
#: A connection that was used so many seconds ago is taken to be alive.
TRUSTED_S = 1.0


def run_claimed(record_pk: int, boot_id: str) -> None:
    """Run one slice of a run that was handed to the cluster ``boot_id``. Returns nothing: the record is the result.

    Raises:
        SystemExit: the cluster's time-out, after the run was interrupted; the cluster ends this worker.
    """
    process = current()
    trust_connection(process)
    runs = process.duty.runs
    try:
        _execute(record_pk, process, boot_id)
    except Error:
        # Nothing could be written: the lease or the claim runs out, and another worker takes the run.
        logger.exception("the database failed", extra={"record_pk": record_pk, "worker": process.name})
        connection.close()
    finally:
        clean_up(process)
    check_contexts(process)
    weigh(process, runs)


def _execute(record_pk: int, process: Process, boot_id: str) -> None:
    """Execute; when the connection turns out to be gone before the run has started, once more with a new one."""
    try:
        executor.execute(record_pk, process, boot_id=boot_id)
    except Error as error:
        if not conflicts.is_passing(error):
            raise
        connection.close()
        executor.execute(record_pk, process, boot_id=boot_id)


def trust_connection(process: Process) -> None:
    """Save the question whether the server is still there, which django-q2 has every task begin with.

    It costs a round trip for each run; a connection that worked a moment ago needs no question.
    """
    if time.monotonic() - process.duty.ended < TRUSTED_S:
        connection.health_check_done = True  # type: ignore[attr-defined]


def clean_up(process: Process) -> None:
    """Leave no transaction open and no broken connection. On every way out, an order to stop included."""
    if connection.in_atomic_block or not connection.get_autocommit():
        logger.error("a run left a transaction open; it is rolled back", extra={"worker": process.name})
        connection.close()
    elif connection.errors_occurred:
        connection.close_if_unusable_or_obsolete()


def check_contexts(process: Process) -> None:
    """Check that no context of a run that left this process is alive; quick when none is, and never raising.

    Not while an exception is on its way: its traceback holds every frame, and the worker ends anyway.
    """
    left = process.contexts.left_behind()
    if left:
        del left
        with process.looking:
            gc.collect()
            _report_contexts(process)
    elif process.duty.leaked:
        process.duty.leaked, process.duty.leaked_by = 0, ()


def weigh(process: Process, runs: int) -> None:
    """Put on record what the run left behind; ``runs`` had ended before. Nothing when the run was not ours to start."""
    duty = process.duty
    if duty.runs > runs and duty.version_id:
        kinds = process.plans.kinds(duty.version_id)
        process.meter.after_run(duty.label, kinds, conf.values().leak_blocks_per_1000 / 1000)


def _report_contexts(process: Process) -> None:
    """Say which contexts outlived their run, and what holds them."""
    left = process.contexts.left_behind()
    holders: list[str] = []
    for context in left:
        holders += [heap.name_of(type(each)) for each in gc.get_referrers(context) if each is not left]
    # This frame is one of them, by its variable.
    named = tuple(dict.fromkeys(name for name in holders if name != "frame"))[:_NAMED]
    process.duty.leaked, process.duty.leaked_by = len(left), named
    if left:
        logger.error(
            "the context of a finished run is alive",
            extra={"worker": process.name, "count": len(left), "held_by": named},
        )
