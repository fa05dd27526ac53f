"""What the memory of this process is, seen from the kernel: its largest mappings, and what it weighs."""

from __future__ import annotations

from typing import Any

import psutil

#: Mappings shown; the rest is one row.
SHOWN = 30


def weight() -> dict[str, int]:
    """RSS, USS and PSS of this process in bytes; some milliseconds."""
    full = psutil.Process().memory_full_info()
    return {"rss": full.rss, "uss": full.uss, "pss": full.pss}


def mappings() -> dict[str, Any]:
    """The mappings by path as path, PSS, private bytes and RSS, the heaviest first; and the sums."""
    rows: list[list[Any]] = [
        [each.path, each.pss, each.private_clean + each.private_dirty, each.rss]
        for each in psutil.Process().memory_maps(grouped=True)
    ]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return {
        **weight(),
        "mappings": rows[:SHOWN],
        "further": len(rows[SHOWN:]),
        "further_pss": sum(row[1] for row in rows[SHOWN:]),
    }
