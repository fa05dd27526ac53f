"""The cache that all runs share: texts by key. It survives restarts; operators can read and change it.

A key has 1 to 190 characters, without white space around it, and small and capital letters are different. Everything is
stored as text, because scripts read texts: ``true``, ``2.0``, and the JSON of a list or a map.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from execution.cached import key_fault, stored_text
from execution.effects import ClearCache, Effect, ReadCache, WriteCache
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import param, text
from execution.registry import block

_KEY_ERRORS = MappingProxyType({"cache.key": "``key`` is empty, too long, or has white space around it"})


@dataclass(slots=True)
class CacheDataParams:
    """Parameters of CacheDataBp."""

    key: str | None = param(text, required=True, help="Under which key.")
    value: str | None = param(stored_text, advised=True, help="What to store; nothing is refused.")


@dataclass(slots=True)
class CacheKeyParams:
    """Parameters of GetCacheDataBp and ClearCacheDataBp."""

    key: str | None = param(text, required=True, help="The key.")


@block(
    "CacheDataBp",
    params=CacheDataParams,
    errors={
        **_KEY_ERRORS,
        "cache.empty": "``value`` is nothing",
        "cache_value_too_long": "the text is longer than the setting ``cache_text`` allows",
        "cache_full": "the key is new and there are as many as the setting ``cache_entries`` allows",
    },
    example={"key": "last-pallet", "value": "P-4711"},
)
def cache_data(run: Here, params: CacheDataParams) -> Generator[Effect, Any, None]:
    """Stores a value for all runs; the key's old one is gone.

    Of two runs that write the same key, the later one wins. Nothing is pushed out when the cache is full: a
    value may be what keeps a task from starting twice.
    """
    key = _key(params.key)
    if params.value is None:
        raise BlockError("cache.empty", "value is empty.", remedy="Give a value, or remove the key: ClearCacheDataBp.")
    yield WriteCache(key, params.value)


@block(
    "GetCacheDataBp",
    params=CacheKeyParams,
    outputs={"value": "the text under the key; nothing when there is none"},
    errors=_KEY_ERRORS,
    example={"key": "last-pallet"},
)
def get_cache_data(run: Here, params: CacheKeyParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Reads a value that a run or a person stored, as text."""
    return {"value": (yield ReadCache(_key(params.key)))}


@block(
    "ClearCacheDataBp",
    params=CacheKeyParams,
    outputs={"codeInfo": "whether there was a value"},
    errors=_KEY_ERRORS,
    example={"key": "last-pallet"},
)
def clear_cache_data(run: Here, params: CacheKeyParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Removes a key with its value; one that is not there is no error."""
    return {"codeInfo": (yield ClearCache(_key(params.key)))}


def _key(key: str | None) -> str:
    fault = key_fault(key or "")
    if fault:
        raise BlockError("cache.key", f"key: {fault}", remedy="Correct the key.")
    return key or ""
