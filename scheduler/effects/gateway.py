"""The engine's gateway effects: other runs, the shared cache, events. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution.effects import Pending, Transacted
from execution.errors import BlockError
from scheduler.effects import cache, tasks
from scheduler.effects.asking import Action, Asking
from scheduler.errors import Refused


def carry_out(effect: Transacted, asking: Asking) -> Any | Pending:
    """Do it, now and exactly once.

    Raises:
        BlockError: it is refused, in the words of the refusal.
    """
    try:
        return _ACTIONS[type(effect)](effect, asking)
    except Refused as refusal:
        raise BlockError(refusal.code, refusal.message, remedy=refusal.remedy) from refusal


_ACTIONS: Mapping[type[Transacted], Action] = {**cache.ACTIONS, **tasks.ACTIONS}
