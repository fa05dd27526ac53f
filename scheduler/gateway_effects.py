"""The engine's gateway effects: other runs, the shared cache, events. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from execution.effects import Pending, Transacted
from execution.errors import BlockError
from scheduler import cache_effects, task_effects
from scheduler.errors import Refused


@dataclass(frozen=True, slots=True)
class Asking:
    """The run that asks, and under which key. ``since_ms`` is when it first had to wait."""

    pk: int
    record_id: str
    key: str
    since_ms: int


Action = Callable[[Any, Asking], Any]


def carry_out(effect: Transacted, asking: Asking) -> Any | Pending:
    """Do it, now and exactly once.

    Raises:
        BlockError: it is refused, in the words of the refusal.
    """
    try:
        return _ACTIONS[type(effect)](effect, asking)
    except Refused as refusal:
        raise BlockError(refusal.code, refusal.message, remedy=refusal.remedy) from refusal


_ACTIONS: Mapping[type[Transacted], Action] = {**cache_effects.ACTIONS, **task_effects.ACTIONS}
