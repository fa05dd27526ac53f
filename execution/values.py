"""The values expressions work with, their text form, and JSON that brings each of them back as what it was.

An Integer (32 bits) is a Python ``int``, a Double a ``float``, a BigDecimal a ``Decimal``, text a ``str``, a List a
``list``, a Map a ``dict``. The types below mark what Python has no type of its own for. A plain ``int`` that does not
fit 32 bits counts as a Long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
MAX_NESTING = 200  # of a value; deeper ones are refused before Python's own recursion limit is met


class Long(int):
    """A 64-bit integer."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Long({int(self)})"


class Character(str):
    """One UTF-16 unit of a text, as ``charAt`` gives it."""

    __slots__ = ()


class JavaArray(list[Any]):
    """An array: fixed in length and, unlike a List, only equal to itself."""

    __slots__ = ()


class NestingError(ValueError):
    """A value is nested more than ``MAX_NESTING`` levels deep."""


_NAMES = {
    bool: "Boolean",
    Long: "Long",
    float: "Double",
    Decimal: "BigDecimal",
    Character: "Character",
    JavaArray: "Array",
    list: "List",
    tuple: "List",
    dict: "Map",
    type(None): "null",
}


def type_name(value: Any) -> str:
    """Name the type of a value: Boolean, Integer, Long, Double, BigDecimal, String, Character, List, Array, Map, null.

    Anything else an expression may meet in its scope is named after its Python class.
    """
    kind = type(value)
    name = _NAMES.get(kind)
    if name is not None:
        return name
    if isinstance(value, int):
        return "Integer" if INT_MIN <= value <= INT_MAX else "Long"
    if isinstance(value, str):
        return "String"
    if isinstance(value, Mapping):
        return "Map"
    return kind.__name__


def to_text(value: Any, limit: int | None = None) -> str:
    """Give the text form of a value: ``true``, ``1.0E10``, ``null``, ``[a, b]``, ``{k=v}``.

    With ``limit``, building stops soon after that many characters, so the caller can refuse what is longer.

    Raises:
        NestingError: the value is nested too deep.
    """
    if isinstance(value, str):
        return str(value)
    if not isinstance(value, (list, tuple, Mapping)):
        return _scalar_text(value)
    parts: list[str] = []
    _collect_text(value, parts, [math.inf if limit is None else limit], MAX_NESTING)
    return "".join(parts)


def _scalar_text(value: Any) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, (int, Decimal)):
        return str(int(value)) if isinstance(value, int) else str(value)
    return f"<{type(value).__name__}>"


def _collect_text(value: Any, parts: list[str], left: list[float], depth: int) -> None:
    """Append the text of ``value``; ``left`` holds the characters that may still be written."""
    if left[0] < 0:
        return
    if not isinstance(value, (list, tuple, Mapping)):
        text = value if isinstance(value, str) else _scalar_text(value)
        left[0] -= len(text)
        parts.append(text)
        return
    if depth == 0:
        raise NestingError(f"the value is nested more than {MAX_NESTING} levels deep")
    is_map = isinstance(value, Mapping)
    parts.append("{" if is_map else "[")
    for number, item in enumerate(value):
        if number:
            parts.append(", ")
        left[0] -= 2
        if left[0] < 0:
            break
        _collect_text(item, parts, left, depth - 1)
        if is_map:
            parts.append("=")
            _collect_text(value[item], parts, left, depth - 1)
    parts.append("}" if is_map else "]")


def double_text(value: float) -> str:
    """Write a double as Java does: ``2.0``, ``1.0E10``, ``1.0E-4``, ``NaN``, ``-Infinity``."""
    if value != value:
        return "NaN"
    if value in (math.inf, -math.inf):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else f"{Decimal(text):f}"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits))
    power = len(text) - 1 + int(exponent)
    mantissa = text[0] + "." + (text[1:].rstrip("0") or "0")
    return f"{'-' if sign else ''}{mantissa}E{power}"


def is_true(value: Any) -> bool:
    """Say whether a condition holds: its text form is ``true`` in any case."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


# --- JSON that keeps types --------------------------------------------------------------------------------------------
#
# Text, Integer, finite Double, Boolean, null, lists and maps with ordinary keys are their own JSON. Everything else is
# an object with one key that starts with "$"; a map with such a key, or with a key that is no text, becomes "$map".


def dump_tagged(value: Any) -> Any:
    """Turn a value into what ``json`` can write; ``load_tagged`` gives the same value and types back.

    Structures that need no tag are returned as they are, not copied: do not change the result.

    Raises:
        TypeError: the value is of no type that expressions know.
        NestingError: the value is nested too deep.
    """
    return _dump(value, MAX_NESTING)


_PLAIN = frozenset({str, int, bool, type(None)})


def _dump(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list or kind is dict:
        if depth == 0:
            raise NestingError(f"the value is nested more than {MAX_NESTING} levels deep")
        return _dump_list(value, depth - 1) if kind is list else _dump_map(value, depth - 1)
    if kind is Long:
        return {"$long": int(value)}
    return _dump_rare(value, depth)


def _dump_list(value: list[Any], depth: int) -> Any:
    plain = _PLAIN
    for index, item in enumerate(value):
        if type(item) in plain:
            continue
        dumped = _dump(item, depth)
        if dumped is not item:
            return [*value[:index], dumped, *(_dump(rest, depth) for rest in value[index + 1 :])]
    return value


def _dump_map(value: dict[Any, Any], depth: int) -> Any:
    changed: dict[str, Any] | None = None
    plain = _PLAIN
    for key, item in value.items():
        if type(key) is not str or key[:1] == "$":
            return {"$map": [[_dump(k, depth), _dump(v, depth)] for k, v in value.items()]}
        if type(item) in plain:
            continue
        dumped = _dump(item, depth)
        if dumped is not item:
            if changed is None:
                changed = dict(value)
            changed[key] = dumped
    return value if changed is None else changed


def _dump_rare(value: Any, depth: int) -> Any:
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, Character):
        return {"$char": str(value)}
    if isinstance(value, JavaArray):
        return {"$array": _dump(list(value), depth)}
    if isinstance(value, tuple):
        return _dump(list(value), depth)
    if isinstance(value, Mapping):
        return _dump(dict(value), depth)
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__} cannot be kept")


def load_tagged(value: Any) -> Any:
    """Give back the value that ``dump_tagged`` wrote. Lists and maps are filled in place, not copied.

    Raises:
        ValueError: a tag is not known or does not hold what it should.
    """
    kind = type(value)
    if kind is dict:
        if len(value) == 1:
            (key,) = value
            if key[:1] == "$":
                return _load_tag(key, value[key])
        for key, item in value.items():
            if type(item) in _CONTAINERS:
                value[key] = load_tagged(item)
    elif kind is list:
        for index, item in enumerate(value):
            if type(item) in _CONTAINERS:
                value[index] = load_tagged(item)
    return value


_CONTAINERS = frozenset({dict, list})


def _load_tag(tag: str, value: Any) -> Any:
    try:
        if tag == "$long":
            return Long(value)
        if tag == "$float":
            return float(value)
        if tag == "$decimal":
            return Decimal(value)
        if tag == "$char":
            return Character(value)
        if tag == "$array":
            return JavaArray(load_tagged(value))
        if tag == "$map":
            return {load_tagged(key): load_tagged(item) for key, item in value}
    except (TypeError, ValueError, InvalidOperation) as error:
        raise ValueError(f"the tag {tag} does not hold a value of its type") from error
    raise ValueError(f"the tag {tag} is not known")


DEEPEST = 100


def detached(value: Any, depth: int = DEEPEST + 1) -> Any:
    """A copy that shares no list or map with ``value``: what is kept does not change when something else does.

    Raises:
        ValueError: nested deeper than ``depth``.
    """
    if not isinstance(value, Mapping | list | tuple):
        return value
    if depth == 0:
        raise ValueError(f"a value nested at most {DEEPEST} levels deep is wanted")
    if isinstance(value, Mapping):
        return {key: detached(item, depth - 1) for key, item in value.items()}
    items = [detached(item, depth - 1) for item in value]
    return JavaArray(items) if isinstance(value, JavaArray) else items


# --- Plain JSON -------------------------------------------------------------------------------------------------------


def from_json(value: Any) -> Any:
    """Read hand-written JSON as values; ``{"$long": n}`` is a Long. For test data and ``evaluate --scope`` only."""
    if isinstance(value, dict):
        if len(value) == 1 and type(value.get("$long")) is int:
            return Long(value["$long"])
        return {key: from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_json(item) for item in value]
    return value


def to_plain(value: Any) -> Any:
    """Turn a value into ordinary JSON for display; types that JSON does not have become the nearest it has."""
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else double_text(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {to_text(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return _scalar_text(value)
