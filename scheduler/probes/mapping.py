"""What the memory of a process of this machine is, seen from the kernel: its largest mappings, and what it weighs."""

from __future__ import annotations

from typing import Any

import psutil

#: Mappings shown; the rest is one row.
SHOWN = 30


def weight(pid: int | None = None) -> dict[str, int]:
    """RSS, USS and PSS in bytes, of this process without ``pid``; some milliseconds.

    Raises:
        psutil.NoSuchProcess, psutil.AccessDenied: it has ended, or belongs to somebody else.
    """
    full = psutil.Process(pid).memory_full_info()
    return {"rss": full.rss, "uss": full.uss, "pss": full.pss}


def mappings(pid: int | None = None, shown: int = SHOWN) -> dict[str, Any]:
    """The mappings by path as path, PSS, private bytes and RSS, the ``shown`` heaviest first; and the sums.

    Raises:
        psutil.NoSuchProcess, psutil.AccessDenied: it has ended, or belongs to somebody else.
    """
    rows: list[list[Any]] = [
        [each.path, each.pss, each.private_clean + each.private_dirty, each.rss]
        for each in psutil.Process(pid).memory_maps(grouped=True)
    ]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return {
        **weight(pid),
        "mappings": rows[:shown],
        "further": len(rows[shown:]),
        "further_pss": sum(row[1] for row in rows[shown:]),
    }
