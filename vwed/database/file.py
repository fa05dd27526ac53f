"""The database as a file: what SQLite has instead of a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """Sizes in bytes. ``checkpoint``: when the log was last written into the file; the log is ``wal`` bytes long."""

    path: str
    version: str
    size: int
    wal: int
    checkpoint: datetime | None


def read_file() -> DatabaseFile | None:
    """The file now; ``None`` where there is a server. One statement."""
    if connection.vendor != "sqlite":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()")
        (version,) = cursor.fetchone()
    path = Path(str(connection.settings_dict["NAME"]))
    wal = path.with_name(path.name + "-wal")
    known = path.is_file()
    return DatabaseFile(
        path=path.name,
        version=str(version),
        size=path.stat().st_size if known else 0,
        wal=wal.stat().st_size if wal.is_file() else 0,
        # In WAL mode nothing but a checkpoint writes into the file itself.
        checkpoint=datetime.fromtimestamp(path.stat().st_mtime, UTC) if known else None,
    )
