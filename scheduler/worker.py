"""The one entry function of the cluster, and the outermost boundary of everything that happens in a worker.

Whatever a run does, the worker stays fit for the next one: no transaction stays open, the connection is the worker's
own and healthy, no context of a finished run is alive. Imported before the fork, so that it cannot fail to import.
"""

from __future__ import annotations

import gc
import logging

from django.db import Error, connection

from scheduler import executor
from scheduler.process import Process, current

logger = logging.getLogger(__name__)

#: Types of referrers named when a context outlived its run.
_NAMED = 8


def run_claimed(record_pk: int, boot_id: str) -> None:
    """Run one slice of a run that was handed to the cluster ``boot_id``. Returns nothing: the record is the result.

    Raises:
        SystemExit: the cluster's time-out, after the run was interrupted; the cluster ends this worker.
    """
    process = current()
    try:
        executor.execute(record_pk, process, boot_id=boot_id)
    except Error:
        # Nothing could be written: the lease or the claim runs out, and another worker takes the run.
        logger.exception("the database failed", extra={"record_pk": record_pk, "worker": process.name})
        connection.close()
    finally:
        clean_up(process)
    check_contexts(process)


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
        gc.collect()
        _report_contexts(process)


def _report_contexts(process: Process) -> None:
    """Say which contexts outlived their run, and what holds them."""
    left = process.contexts.left_behind()
    process.duty.leaked = len(left)
    for context in left:
        holders = [type(each).__name__ for each in gc.get_referrers(context) if each is not left][:_NAMED]
        logger.error("the context of a finished run is alive", extra={"worker": process.name, "held_by": holders})
