"""Other runs, in memory."""

from __future__ import annotations

import copy
from typing import Any

from execution.effects import Effect


class FakeTasks:
    """What other runs do is up to the test."""

    def copy(self) -> FakeTasks:
        """For a transaction that may be rolled back."""
        return copy.deepcopy(self)

    def apply(self, effect: Effect, key: str, record_id: str) -> Any:
        """Carry out one effect for the run ``record_id``."""
        raise TypeError(f"{type(effect).__name__} does not concern other runs")
