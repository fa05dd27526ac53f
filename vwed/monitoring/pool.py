"""Figures of the database pool of this process."""

from __future__ import annotations

from typing import NamedTuple


class PoolFigures(NamedTuple):
    """``in_use`` of ``size`` connections, ``overflow`` beyond the size, requests that had to wait."""

    in_use: int
    size: int
    overflow: int
    waits: int


def local_pool() -> PoolFigures | None:
    """The pool of this process; ``None`` when it has none (SQLite, or any process but web)."""
    from django.conf import settings

    if "POOL_OPTIONS" not in settings.DATABASES["default"]:
        return None
    from dj_db_conn_pool.core import pool_container

    size = int(settings.DATABASES["default"]["POOL_OPTIONS"]["POOL_SIZE"])
    if not pool_container.has("default"):
        return PoolFigures(0, size, 0, 0)
    pool = pool_container.get("default")
    return PoolFigures(pool.checkedout(), pool.size(), max(0, pool.overflow()), 0)
