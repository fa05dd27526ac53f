"""The engine's effects on what runs share: the cache and events. In the checkpoint's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from execution.effects import ClearCache, PublishEvent, ReadCache, Transacted, WriteCache
from scheduler import cache, events
from scheduler.effects.asking import Action, Asking


def _read(effect: ReadCache, asking: Asking) -> str | None:
    return cache.read(effect.key)


def _write(effect: WriteCache, asking: Asking) -> None:
    cache.write(effect.key, effect.value, by=asking.record_id)


def _clear(effect: ClearCache, asking: Asking) -> bool:
    return cache.clear(effect.key)


def _publish(effect: PublishEvent, asking: Asking) -> None:
    events.publish(asking.pk, effect.name, effect.data)


ACTIONS: Mapping[type[Transacted], Action] = MappingProxyType(
    {ReadCache: _read, WriteCache: _write, ClearCache: _clear, PublishEvent: _publish}
)
