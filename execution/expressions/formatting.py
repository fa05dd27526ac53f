"""``String.format`` for the conversions that tasks use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.conversions import DECIMAL, DOUBLE, INTEGER, LONG, kind_of
from execution.expressions.runtime import Run
from execution.values import double_text, type_name

_SPECIFIER: Final = re.compile(r"%(?:(\d{1,3})\$)?([-#+ 0,(]*)(\d{1,9})?(?:\.(\d{1,9}))?([a-zA-Z%])|%")


def java_format(pattern: str, values: Sequence[Any], run: Run) -> str:
    """Fill ``%s %d %f %x %b %c %n %%`` with flags, width and precision.

    Raises:
        ExpressionError: a conversion that is not offered, does not fit its value, or has no value.
    """
    parts: list[str] = []
    end = used = length = 0
    for match in _SPECIFIER.finditer(pattern):
        position, flags, width, precision, letter = match.groups()
        parts.append(pattern[end : match.start()])
        end = match.end()
        if letter in ("%", "n"):
            parts.append("%" if letter == "%" else "\n")
            continue
        index = int(position) - 1 if position else used
        used += not position
        if letter is None or not 0 <= index < len(values):
            raise ExpressionError(f"{match.group()} in the format has no value", hint="Write %% for a percent sign.")
        for number in (width, precision):
            run.fits(length + int(number or 0))
        parts.append(_converted(match.group(), letter, flags, int(width or 0), precision, values[index], run))
        length += len(parts[-1])
        run.fits(length + len(pattern))
    return "".join([*parts, pattern[end:]])


def _converted(specifier: str, letter: str, flags: str, width: int, precision: str | None, value: Any, run: Run) -> str:
    kind = kind_of(value)
    low = letter.lower()
    if low == "s" or value is None:
        text = run.text_of(value)
        text = text if precision is None else text[: int(precision)]
    elif low == "b":
        text = "true" if value is not False else "false"
    elif low == "c" and isinstance(value, str) and len(value) == 1:
        text = str(value)
    elif low in "dx" and kind in (INTEGER, LONG):
        bits = 32 if kind == INTEGER else 64
        text = _signed(f"{int(value):{',' if ',' in flags else ''}d}", flags) if low == "d" else f"{value % 2**bits:x}"
    elif low == "f" and kind in (DOUBLE, DECIMAL):
        text = _fixed(value, int(precision or 6) if precision != "0" else 0, flags)
    else:
        raise ExpressionError(
            f"{specifier} in the format does not fit {type_name(value)}",
            hint="%s takes text, %d whole numbers, %f others.",
        )
    if "0" in flags and low in "dxf" and len(text) < width:
        sign = text[:1] if text[:1] in "+- " else ""
        text = sign + text[len(sign) :].rjust(width - len(sign), "0")
    text = text.ljust(width) if "-" in flags else text.rjust(width)
    return text.upper() if letter.isupper() else text


def _signed(text: str, flags: str) -> str:
    return text if text.startswith("-") or not set(flags) & {"+", " "} else ("+" if "+" in flags else " ") + text


def _fixed(value: Any, places: int, flags: str) -> str:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return double_text(value)
        value = Decimal(repr(value))
    places = min(places, 400)
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _WIDE)
    return _signed(f"{rounded:{',' if ',' in flags else ''}f}", flags)


_WIDE: Final = Context(prec=800)
