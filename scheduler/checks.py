"""System checks of the scheduler: what would make the queue unsafe is said before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections


@register(Tags.database)
def check_database(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """How the database must be opened for claims, checkpoints and settling to be safe."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        options = connection.settings_dict.get("OPTIONS", {})
        if connection.vendor == "sqlite" and str(options.get("transaction_mode", "")).upper() != "IMMEDIATE":
            found.append(
                Error(
                    "SQLite transactions do not start with the write lock; writers would fail half-way.",
                    hint="Use DATABASE_URL through vwed.databases.complete, which sets transaction_mode IMMEDIATE.",
                    id="scheduler.E001",
                )
            )
        if connection.vendor == "mysql" and options.get("isolation_level") != "read committed":
            found.append(
                Warning(
                    "MySQL runs with another isolation level than read committed; claims may block each other.",
                    hint="Leave isolation_level to vwed.databases.complete.",
                    id="scheduler.W001",
                )
            )
    return found
