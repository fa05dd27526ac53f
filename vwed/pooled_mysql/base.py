"""MySQL through ``django-db-connection-pool``, with a pool that counts who waits and says so when it is full."""

from __future__ import annotations

from typing import Any

from dj_db_conn_pool.backends.mysql import base
from dj_db_conn_pool.core import pool_container

from vwed.pooling import CountingPool


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes its connections from the process's pool, which the first of them makes."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A pooled connection.

        Raises:
            PoolExhausted: none became free within the pool's time-out.
        """
        with pool_container.lock:
            if not pool_container.has(self.alias):
                pool_container.put(self.alias, self._new_pool(conn_params))
            pool = pool_container.get(self.alias)
        return pool.take()

    def _new_pool(self, conn_params: dict[str, Any]) -> CountingPool:
        options = self.settings_dict["POOL_OPTIONS"]
        return CountingPool(
            lambda: self._get_new_connection(conn_params),
            pool_size=options["POOL_SIZE"],
            max_overflow=options["MAX_OVERFLOW"],
            recycle=options["RECYCLE"],
            timeout=options["TIMEOUT"],
            pre_ping=True,
            dialect=self._get_dialect(),
        )
