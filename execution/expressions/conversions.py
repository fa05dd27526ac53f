"""Numbers by their Java types, and the conversions between types that operators, casts and methods share."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.runtime import Run
from execution.values import INT_MAX, INT_MIN, LONG_MAX, LONG_MIN, Character, Long, type_name

NUMERIC: Final = re.compile(r"-?(\d+\.?\d*|\.\d+)\Z", re.ASCII)
INTEGER, LONG, DOUBLE, DECIMAL = range(4)
_FALSE_WORDS: Final = frozenset({"", "0", "false", "no", "off"})
CAST_TYPES: Final = frozenset(
    {
        "int",
        "long",
        "double",
        "float",
        "boolean",
        "char",
        "short",
        "byte",
        "Integer",
        "Long",
        "Double",
        "Float",
        "Boolean",
        "Character",
        "String",
        "Object",
        "BigDecimal",
    }
)


def kind_of(value: Any) -> int | None:
    """Rank a number by width, ``None`` for what is no number."""
    kind = type(value)
    if kind is int:
        return INTEGER if INT_MIN <= value <= INT_MAX else LONG
    if kind is Long:
        return LONG
    if kind is float:
        return DOUBLE
    if kind is Decimal:
        return DECIMAL
    return None


def wrap_int(value: int) -> int:
    """Keep the lower 32 bits."""
    return (value + 2**31) % 2**32 - 2**31


def wrap_long(value: int) -> Long:
    """Keep the lower 64 bits."""
    return Long((value + 2**63) % 2**64 - 2**63)


def to_integer(value: float) -> int:
    """Cut a double to an Integer as Java does: towards zero, held at the ends, NaN is 0."""
    return 0 if value != value else int(max(min(value, INT_MAX), INT_MIN))


def to_long(value: float) -> Long:
    """Cut a double to a Long as Java does."""
    if value != value:
        return Long(0)
    return Long(LONG_MAX if value >= 2.0**63 else LONG_MIN if value <= -(2.0**63) else int(value))


def as_double(value: Any) -> float:
    """Widen a number; what is beyond the largest double is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number_of(text: str) -> float | None:
    """Read numeric text (digits, one dot, a leading minus; nothing else), ``None`` when it is none."""
    return float(text) if len(text) <= 400 and NUMERIC.match(text) else None


def truth_of(value: Any) -> bool:
    """Convert to Boolean: numbers above 0, and all texts but ``""``, ``0``, ``false``, ``no``, ``off`` are true.

    Raises:
        ExpressionError: a list or map has no truth.
    """
    if isinstance(value, bool):
        return value
    if kind_of(value) is not None:
        return bool(value > 0)
    if isinstance(value, str):
        return value.lower() not in _FALSE_WORDS
    raise ExpressionError(f"{type_name(value)} cannot be compared with a Boolean", hint="Compare its size() instead.")


def cast(kind: str, value: Any, run: Run) -> Any:
    """``(int) x``: convert as a cast does; null stays null.

    Raises:
        ExpressionError: the value cannot be converted.
    """
    if value is None or kind == "Object":
        return value
    if kind in ("String",):
        return run.text_of(value)
    if kind in ("boolean", "Boolean"):
        return truth_of(value)
    if kind in ("char", "Character"):
        return _to_character(value)
    number = _castable(kind, value)
    if kind in ("double", "Double", "float", "Float"):
        return as_double(number)
    if kind == "BigDecimal":
        return Decimal(number)
    if kind in ("long", "Long"):
        return to_long(number) if isinstance(number, float) else wrap_long(int(number))
    if not isinstance(number, float) and not INT_MIN <= number <= INT_MAX:
        raise ExpressionError(f"{number} does not fit an Integer", hint="Cast it to long.")
    return to_integer(number) if isinstance(number, float) else int(number)


def _castable(kind: str, value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if kind_of(value) is not None:
        return value
    if isinstance(value, str) and len(value) <= 400 and NUMERIC.match(value):
        if kind in ("double", "Double", "float", "Float", "BigDecimal"):
            return Decimal(value)
        if "." not in value:
            return int(value)
    raise ExpressionError(f"({kind}) does not work on {type_name(value)} {_shown(value)}", hint="It must be a number.")


def _to_character(value: Any) -> Character:
    if isinstance(value, str) and len(value) == 1:
        return Character(value)
    if kind_of(value) == INTEGER and 0 <= value < 0xD800:
        return Character(chr(value))
    raise ExpressionError(f"{type_name(value)} {_shown(value)} is not one character")


def _shown(value: Any) -> str:
    text = repr(str(value)) if isinstance(value, str) else ""
    return text if len(text) <= 40 else text[:37] + "..."
