"""The reading methods of List, Array and Map. Methods that change a collection are refused: expressions only read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.comparison import contains, has_key, same
from execution.expressions.methods import Method
from execution.expressions.runtime import Run
from execution.values import JavaArray


def element(items: Any, index: int) -> Any:
    """Give the element at an index.

    Raises:
        ExpressionError: there is none.
    """
    if not 0 <= index < len(items):
        size = len(items)
        raise ExpressionError(
            f"Index {index} is outside the list, which has {size} element{'' if size == 1 else 's'}",
            hint="The first element has index 0; check size() first.",
        )
    return items[index]


def entry(mapping: Mapping[Any, Any], key: Any, otherwise: Any = None) -> Any:
    """Give the value of a key, ``otherwise`` when it is missing."""
    return mapping[key] if has_key(mapping, key) else otherwise


def _index(run: Run, items: Any, wanted: Any) -> int:
    run.look_at(items)
    return next((number for number, item in enumerate(items) if same(item, wanted, run)), -1)


def _last_index(run: Run, items: Any, wanted: Any) -> int:
    run.look_at(items)
    return next((number for number in range(len(items) - 1, -1, -1) if same(items[number], wanted, run)), -1)


def _part(run: Run, items: Any, start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(items):
        raise ExpressionError(f"subList from {start} to {end} is outside the list, which has {len(items)} elements")
    run.fits(end - start)
    return list(items[start:end])


def _contains_all(run: Run, items: Any, others: Any) -> bool:
    if not isinstance(others, (list, tuple)):
        raise ExpressionError("containsAll needs a list")
    return all(contains(items, other, run) for other in others)


def _contains_value(run: Run, mapping: Mapping[Any, Any], wanted: Any) -> bool:
    return _index(run, list(mapping.values()), wanted) >= 0


def _copied(run: Run, items: Any) -> list[Any]:
    run.fits(len(items))
    return list(items)


def _entries(run: Run, mapping: Mapping[Any, Any]) -> list[Any]:
    run.fits(len(mapping))
    return [{"key": key, "value": value} for key, value in mapping.items()]


_BOTH: Final[Mapping[str, Method]] = {
    "size": Method(lambda run, items: len(items)),
    "isEmpty": Method(lambda run, items: not items),
    "equals": Method(lambda run, items, other: same(items, other, run), "o"),
    "toString": Method(lambda run, items: run.text_of(items)),
}
LIST_METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        **_BOTH,
        "get": Method(lambda run, items, index: element(items, index), "i"),
        "contains": Method(lambda run, items, wanted: contains(items, wanted, run), "o"),
        "containsAll": Method(_contains_all, "o"),
        "indexOf": Method(_index, "o"),
        "lastIndexOf": Method(_last_index, "o"),
        "subList": Method(_part, "ii"),
        "toArray": Method(lambda run, items: JavaArray(_copied(run, items))),
    }
)
ARRAY_METHODS: Final[Mapping[str, Method]] = MappingProxyType({**_BOTH, "length": _BOTH["size"]})
MAP_METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        **_BOTH,
        "get": Method(lambda run, mapping, key: entry(mapping, key), "o"),
        "getOrDefault": Method(lambda run, mapping, key, otherwise: entry(mapping, key, otherwise), "oo"),
        "containsKey": Method(lambda run, mapping, key: has_key(mapping, key), "o"),
        "containsValue": Method(_contains_value, "o"),
        "keySet": Method(_copied),
        "values": Method(lambda run, mapping: _copied(run, mapping.values())),
        "entrySet": Method(_entries),
    }
)
CHANGING: Final = frozenset(
    {
        "add",
        "addAll",
        "put",
        "putAll",
        "putIfAbsent",
        "remove",
        "removeAll",
        "removeIf",
        "retainAll",
        "set",
        "clear",
        "sort",
        "replaceAll",
        "compute",
        "merge",
        "computeIfAbsent",
        "computeIfPresent",
        "addFirst",
        "addLast",
    }
)
