"""Who asks for an effect, and under which key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Asking:
    """The run that asks, and the key of the asking block's execution. ``since_ms`` is when it first had to wait."""

    pk: int
    record_id: str
    priority: int
    key: str
    since_ms: int


Action = Callable[[Any, Asking], Any]
