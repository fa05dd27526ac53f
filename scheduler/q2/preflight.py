"""Before a cluster starts: the database answers and is migrated, or a message says what to do."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from scheduler.errors import Refused
from scheduler.flags import Pace
from scheduler.q2.patience import brief_connection

#: How often the wait for the database is reported and the next attempt made, in seconds.
TELL_EVERY_S = 5.0
TRY_EVERY_S = 0.5


def wait_for_database(seconds: float, tell: Callable[[str], None]) -> None:
    """Return when the database answers and is migrated.

    Args:
        seconds: how long an unreachable database is waited for.
        tell: gets a line every few seconds while waiting.

    Raises:
        Refused: ``database_unreachable`` after ``seconds``; ``not_migrated`` at once.
    """
    deadline = time.monotonic() + seconds
    pace = Pace(TELL_EVERY_S)
    while True:
        try:
            with brief_connection():
                missing = _missing_migrations()
        except (Error, OSError) as error:
            if time.monotonic() >= deadline:
                raise Refused(
                    "database_unreachable",
                    f"The database does not answer: {error}",
                    "Start it, or correct DATABASE_URL; then start the cluster again.",
                ) from error
            if pace.due():
                tell(f"Waiting for the database ({error}) …")
            time.sleep(TRY_EVERY_S)
            continue
        if missing:
            raise Refused(
                "not_migrated",
                f"The database lacks {missing} migrations.",
                "Run: manage.py migrate",
            )
        return


def _missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
