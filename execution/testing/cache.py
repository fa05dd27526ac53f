"""The cache that all runs share, in memory."""

from __future__ import annotations

from typing import Any

from execution.effects import ClearCache, Effect, ReadCache, WriteCache


class FakeCache:
    """Texts by key."""

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self.values = dict(values or {})

    def copy(self) -> FakeCache:
        """For a transaction that may be rolled back."""
        return FakeCache(self.values)

    def apply(self, effect: Effect) -> Any:
        """Carry out one effect."""
        if isinstance(effect, ReadCache):
            return self.values.get(effect.key)
        if isinstance(effect, WriteCache):
            self.values[effect.key] = effect.value
            return None
        if isinstance(effect, ClearCache):
            return self.values.pop(effect.key, None) is not None
        raise TypeError(f"{type(effect).__name__} does not concern the cache")
