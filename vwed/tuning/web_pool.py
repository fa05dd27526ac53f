"""The web process follows its settings: a new pool in, the old one disposed of, no request dropped."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from sqlalchemy import event

from scheduler.conf import Values
from vwed.monitoring.pool import local_details, local_pool
from vwed.tuning.store import StoreSource

log = logging.getLogger(__name__)


def pool_options(values: Values) -> dict[str, int]:
    """The options of a pool, as ``DATABASES`` holds them."""
    return {
        "POOL_SIZE": values.pool_size,
        "MAX_OVERFLOW": values.pool_overflow,
        "RECYCLE": values.pool_recycle_s,
        "TIMEOUT": values.pool_timeout_s,
    }


def replace_pool(options: dict[str, int]) -> bool:
    """Give requests a new pool with ``options`` from now on; whether that is a change. For the web process.

    Idle connections of the old pool are closed now; one in use serves its request to the end and is closed when that
    gives it back. There is a pool at every moment: no request finds none.
    """
    held = settings.DATABASES["default"].get("POOL_OPTIONS")
    if held is None or {name: held.get(name) for name in options} == options:
        return False
    from dj_db_conn_pool.core import pool_container

    with pool_container.lock:
        # One dictionary, shared by the settings and by every thread's connection: a pool made later has them too.
        held.update(options)
        if pool_container.has("default"):
            old = pool_container.get("default")
            pool_container.put("default", old.successor(options))
            event.listen(old, "checkin", _close)
            old.dispose()
    log.info("the database pool was replaced: %s", options)
    return True


def _close(_connection: Any, record: Any) -> None:
    """A connection comes back to a pool that nobody asks any more."""
    record.close()


class WebSettings:
    """The settings of a web process, followed by its housekeeper."""

    def __init__(self) -> None:
        self.source = StoreSource()

    def newest(self) -> int:
        """Look now, take a new pool if its options have changed; number of the newest change in force here."""
        version = self.source.newest()
        replace_pool(pool_options(self.source()))
        return version


def local_figures() -> dict[str, Any] | None:
    """The pool of this process for its sample; ``None`` without one."""
    figures = local_pool()
    return {**figures._asdict(), **local_details()} if figures is not None else None
