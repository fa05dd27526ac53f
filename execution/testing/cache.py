"""The cache that all runs share, in memory."""

from __future__ import annotations

from typing import Any

from execution.effects import ClearCache, Effect, ReadCache, WriteCache
from execution.errors import BlockError


class FakeCache:
    """Texts by key. ``most`` and ``longest`` are the bounds of the real one, which refuses and pushes nothing out."""

    def __init__(self, values: dict[str, str] | None = None, *, most: int = 10_000, longest: int = 65_536) -> None:
        self.values = dict(values or {})
        self.most, self.longest = most, longest

    def copy(self) -> FakeCache:
        """For a transaction that may be rolled back."""
        return FakeCache(self.values, most=self.most, longest=self.longest)

    def apply(self, effect: Effect) -> Any:
        """Carry out one effect.

        Raises:
            BlockError: the value is too long, or the cache is full.
        """
        if isinstance(effect, ReadCache):
            return self.values.get(effect.key)
        if isinstance(effect, WriteCache):
            return self._write(effect.key, effect.value)
        if isinstance(effect, ClearCache):
            return self.values.pop(effect.key, None) is not None
        raise TypeError(f"{type(effect).__name__} does not concern the cache")

    def _write(self, key: str, value: str) -> None:
        if len(value) > self.longest:
            raise BlockError("cache_value_too_long", f"The value of {key!r} is longer than {self.longest} characters.")
        if key not in self.values and len(self.values) >= self.most:
            raise BlockError("cache_full", f"The cache holds {self.most} values already, which is the limit.")
        self.values[key] = value
