"""The answer that is none yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.effects.local import Log


@dataclass(frozen=True, slots=True)
class Pending:
    """Not yet. What the branch waits for, in the codes of the why card.

    ``key`` wakes it (``time``, ``effect:<key>``, ``order:<id>``, ``site:<request key>``, ``subtask:<record id>``);
    ``due_ms`` wakes it by time (epoch milliseconds of the database's clock) and may be ``None``. ``log`` is said once,
    when its text changes.
    """

    key: str
    code: str
    args: Mapping[str, Any] = field(default_factory=dict)
    due_ms: int | None = None
    deadline_ms: int | None = None
    log: Log | None = None
    block_code: int = 1007
