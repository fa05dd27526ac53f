"""Figures of the database pool of this process."""

from __future__ import annotations

from typing import Any, NamedTuple


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
    pool = _pool()
    if pool is None:
        return PoolFigures(0, int(settings.DATABASES["default"]["POOL_OPTIONS"]["POOL_SIZE"]), 0, 0)
    return PoolFigures(pool.checkedout(), pool.size(), max(0, pool.overflow()), pool.tally.waits)


def local_details() -> dict[str, Any]:
    """What else is told of the pool: empty before its first connection.

    ``max_overflow``, ``timeouts`` (waits in vain), ``longest_ms`` wait, ``ids`` of the connections as
    the server lists them.
    """
    pool = _pool()
    if pool is None:
        return {}
    tally = pool.tally
    return {
        "max_overflow": pool.most_overflow,
        "timeouts": tally.timeouts,
        "longest_ms": round(tally.longest_s * 1000),
        "ids": sorted(tally.ids.copy()),
    }


def _pool() -> Any:
    from dj_db_conn_pool.core import pool_container

    return pool_container.get("default") if pool_container.has("default") else None
