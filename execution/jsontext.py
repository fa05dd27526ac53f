"""JSON texts that come from outside, read as values: bounded, and strict where leniency would hide a fault.

Whole numbers are what JSON inputs have (``execution.inputs``): an Integer or, beyond 32 bits, a Long. A number that
neither a Long nor a Double can hold becomes a BigDecimal, so no digit before the point is lost.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from decimal import Decimal
from typing import Any

from execution.parameters import shown
from execution.values import DEEPEST, LONG_MAX, LONG_MIN

MAX_TEXT = 1_000_000
"""Characters of one text: what is read from it takes about twenty times as many bytes."""
MAX_DIGITS = 400
"""Places of one number, before or after the point: expressions calculate with it in no time."""

_DEEP = f"a value nested at most {DEEPEST} levels deep is wanted"


def read_json(text: str) -> Any:
    """The value that a JSON text holds.

    Raises:
        ValueError: it is no JSON, too long, nested too deep, names a key twice or holds a number that is none.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"JSON of at most {MAX_TEXT:,} characters is wanted, not {len(text):,}")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_whole, parse_float=_fraction, parse_constant=_no_number
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"JSON is wanted, not {shown(text)} ({error.msg} at character {error.pos + 1})") from None
    except RecursionError:
        raise ValueError(_DEEP) from None
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(value):
        raise ValueError(_DEEP)
    return value


def _is_deep(value: Any) -> bool:
    """Whether lists and maps are nested deeper than is kept. Looks level by level: copies nothing, does not recurse."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(name for name, _ in pairs)
        twice = names.most_common(1)[0][0]
        raise ValueError(f"an object that names each key once is wanted, not {shown(twice)} twice")
    return found


def _whole(digits: str) -> int | Decimal:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of at most {MAX_DIGITS} digits is wanted, not {shown(digits)}")
    number = int(digits)
    return number if LONG_MIN <= number <= LONG_MAX else Decimal(number)


def _fraction(digits: str) -> float | Decimal:
    number = float(digits)
    if math.isfinite(number):
        return number
    exact = Decimal(digits)
    if not exact.is_finite() or len(digits) > MAX_DIGITS or exact.adjusted() > MAX_DIGITS:
        raise ValueError(f"a number of at most {MAX_DIGITS} digits is wanted, not {shown(digits)}")
    return exact


def _no_number(word: str) -> Any:
    raise ValueError(f"JSON is wanted; it has no number {word}")
