"""Database options per vendor: what makes SQLite and MySQL/MariaDB safe under a cluster."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from vwed.env import ROOT

#: Seconds a persistent connection may live; below MySQL's default ``wait_timeout`` (28,800 s).
CONNECTION_MAX_AGE_S = 3600

_SQLITE = {
    # Writers take the write lock when the transaction starts, so that none fails half-way with "database is locked".
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000;"
        "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;"
    ),
}

_MYSQL = {
    "charset": "utf8mb4",
    "isolation_level": "read committed",
    "connect_timeout": 5,
    "read_timeout": 30,
    "write_timeout": 30,
    "init_command": "SET sql_mode='STRICT_TRANS_TABLES', time_zone='+00:00'",
}


#: The pool of the web process. The sum over all web processes must stay below the server's ``max_connections``.
_POOL = {"POOL_SIZE": 10, "MAX_OVERFLOW": 20, "RECYCLE": 600, "TIMEOUT": 30}


def complete(config: dict[str, Any], *, web: bool = False) -> dict[str, Any]:
    """Return ``config`` (a parsed DATABASE_URL) with the options this project needs for its vendor.

    ``web``: this is the web process, which answers each request in a thread of its own. It keeps no connection per
    thread; on MySQL it takes them from a pool. No other process may have one: children would share its sockets.

    Raises:
        ImproperlyConfigured: the URL cannot be read, or its engine is neither SQLite nor MySQL.
    """
    engine = config.get("ENGINE", "")
    options = dict(config.get("OPTIONS", {}))
    if engine.endswith("sqlite3"):
        options = {**_SQLITE, **options}
        # Relative to the project, not to where a process happens to be started: else each would have its own database.
        name = config.get("NAME", "")
        name = name if name in ("", ":memory:") else str(ROOT / name)
        config = {**config, "ENGINE": "vwed.sqlite3", "NAME": name}
    elif engine.endswith("mysql"):
        options = {**_MYSQL, **options}
        if web:
            config = {**config, "ENGINE": "vwed.pooled_mysql", "POOL_OPTIONS": _POOL}
    elif not engine:
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. Use sqlite:///var/vwed.sqlite3 or mysql://user:password@host:3306/name."
        )
    else:
        raise ImproperlyConfigured(f"DATABASE_URL names the engine {engine!r}; use sqlite:///… or mysql://….")
    return {
        **config,
        "OPTIONS": options,
        "CONN_MAX_AGE": 0 if web else CONNECTION_MAX_AGE_S,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
