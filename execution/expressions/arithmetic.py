"""``+ - * / % **``, bit operators and casts with the measured semantics of MVEL on Java numbers.

Two numbers of one type stay in it, and wrap around; the exception is division, which makes a Double of two Integers or
two Longs. Numbers of two types are computed as doubles and brought back to the wider type, so a Long by an Integer is
a whole number. Numeric text takes the type of the number it meets. What has no arithmetic (null, Boolean,
words) is compared with ``>`` instead, whatever the sign: surprising, but measured, and running tasks live with it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.comparison import ordering
from execution.expressions.conversions import (
    DECIMAL,
    DOUBLE,
    INTEGER,
    LONG,
    as_double,
    kind_of,
    number_of,
    to_integer,
    to_long,
    wrap_int,
    wrap_long,
)
from execution.expressions.runtime import CHEAP, Run
from execution.values import INT_MAX, INT_MIN, Character, JavaArray, type_name

# Java's DECIMAL128 and DECIMAL64: precision and half-even rounding; the exponent is bounded to keep text forms short.
_DECIMAL: Final = Context(prec=34, Emax=6144, Emin=-6143)
_DECIMAL_OF_DOUBLE: Final = Context(prec=16)
_MAX_DECIMAL_POWER: Final = 999


def _are_short(left: int, right: int) -> bool:
    return INT_MIN <= left <= INT_MAX and INT_MIN <= right <= INT_MAX


def add(left: Any, right: Any, run: Run) -> Any:
    """``+``: joins text as soon as one side is text, appends to lists, else adds."""
    kind = type(left)
    if kind is type(right):
        if kind is str:
            length = len(left) + len(right)
            if length > CHEAP:
                run.fits(length)
            return left + right
        if kind is int and _are_short(left, right):
            result = left + right
            return result if INT_MIN <= result <= INT_MAX else wrap_int(result)
    kinds = kind, type(right)
    if isinstance(left, list) and not isinstance(left, JavaArray):
        extra = right if isinstance(right, list) and not isinstance(right, JavaArray) else [right]
        run.fits(len(left) + len(extra))
        return [*left, *extra]
    if kind_of(left) is not None and kind_of(right) is not None:
        return _arithmetic("+", left, right)
    if Character in kinds and (kind_of(left) is not None or kind_of(right) is not None):
        raise _unfit("+", left, right, "Make a text of the character first: String.valueOf(…).")
    first, second = run.text_of(left), run.text_of(right)
    run.fits(len(first) + len(second))
    return first + second


def arithmetic(sign: str) -> Callable[[Any, Any, Run], Any]:
    """Make the function of ``-``, ``*``, ``/``, ``%`` or ``**``."""

    plain = {"-": operator.sub, "*": operator.mul}.get(sign)

    def compute(left: Any, right: Any, run: Run) -> Any:
        if plain is not None and type(left) is int and type(right) is int and _are_short(left, right):
            result = plain(left, right)
            return result if INT_MIN <= result <= INT_MAX else wrap_int(result)
        if kind_of(left) is not None and kind_of(right) is not None:
            return _arithmetic(sign, left, right)
        return _coerced(sign, left, right, run)

    return compute


def _arithmetic(sign: str, left: Any, right: Any) -> Any:
    first, second = kind_of(left), kind_of(right)
    if first == DECIMAL or second == DECIMAL:
        return _decimals(sign, left, right)
    if sign == "**":
        return _power(left, right, max(first or 0, second or 0))
    if first == second and first != DOUBLE and sign != "/":
        return _whole(sign, left, right, wrap_int if first == INTEGER else wrap_long)
    result = _doubles(sign, as_double(left), as_double(right))
    if first == second or DOUBLE in (first, second):
        return result
    return to_long(result)


def _whole(sign: str, left: int, right: int, wrap: Callable[[int], int]) -> int:
    if sign != "%":
        return wrap({"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](int(left), int(right)))
    if right == 0:
        raise ExpressionError("Remainder of a division by zero", hint="Check the divisor first.")
    result = abs(int(left)) % abs(int(right))
    return wrap(-result if left < 0 else result)


def _doubles(sign: str, left: float, right: float) -> float:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if right == 0:
        if sign == "%" or left == 0 or left != left:
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    if sign == "/":
        return left / right
    return math.nan if math.isinf(left) or left != left else math.fmod(left, right)


def power(base: float, exponent: float) -> float:
    """Raise as ``Math.pow`` does: never an error, but NaN or Infinity."""
    try:
        result = math.pow(base, exponent)
    except OverflowError:
        odd = exponent == int(exponent) and int(exponent) % 2 == 1
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:
        if base != 0:
            return math.nan
        odd = exponent == int(exponent) and int(exponent) % 2 == 1
        return math.copysign(math.inf, base) if odd else math.inf
    return result if not (abs(base) == 1 and math.isinf(exponent)) and exponent == exponent else math.nan


def _power(left: Any, right: Any, kind: int) -> Any:
    result = power(as_double(left), as_double(right))
    if kind == INTEGER:
        return result if result > INT_MAX else to_integer(result)
    return to_long(result) if kind == LONG else result


def _decimals(sign: str, left: Any, right: Any) -> Decimal:
    if any(isinstance(value, float) and not math.isfinite(value) for value in (left, right)):
        raise ExpressionError("NaN and Infinity cannot become a BigDecimal", hint="Check the divisor first.")
    if not isinstance(left, Decimal):  # computed as doubles; only the result becomes a BigDecimal
        result = power(left, as_double(right)) if sign == "**" else _doubles(sign, left, as_double(right))
        if not math.isfinite(result):
            raise ExpressionError("NaN and Infinity cannot become a BigDecimal", hint="Check the divisor first.")
        return Decimal(result)
    first = left
    second = _DECIMAL_OF_DOUBLE.create_decimal(right) if isinstance(right, float) else Decimal(right)
    try:
        if sign == "+":
            return _DECIMAL.add(first, second)
        if sign == "-":
            return _DECIMAL.subtract(first, second)
        if sign == "*":
            return _DECIMAL.multiply(first, second)
        if sign == "/":
            return _DECIMAL.divide(first, second)
        if sign == "%":
            return _DECIMAL.remainder(first, second)
        if abs(second) > _MAX_DECIMAL_POWER:
            raise ExpressionError(f"A BigDecimal can be raised to powers up to {_MAX_DECIMAL_POWER}")
        return _DECIMAL.power(first, int(second))
    except DecimalException:
        raise ExpressionError(
            f"{first} {sign} {second} has no result as BigDecimal", hint="Check for a division by zero."
        ) from None


_greater: Final = ordering(">")


def _coerced(sign: str, left: Any, right: Any, run: Run) -> Any:
    """Compute where one side, or both, is no number."""
    first, second = type(left), type(right)
    if first is Character or second is Character:
        raise _unfit(sign, left, right, "Make a text of the character first: String.valueOf(…).")
    if first is str and second is str:
        one, other = number_of(left), number_of(right)
        if one is not None and other is not None:
            return power(one, other) if sign == "**" else _doubles(sign, one, other)
    elif (first is str and kind_of(right) is not None) or (second is str and kind_of(left) is not None):
        return _with_text(sign, left, right)
    if sign == "**":
        raise _unfit(sign, left, right, "Both sides must be numbers.")
    return _greater(left, right, run)


def _with_text(sign: str, left: Any, right: Any) -> Any:
    """Compute with one numeric text; the result has the type of the number."""
    text, number = (left, right) if isinstance(left, str) else (right, left)
    kind = kind_of(number)
    if number_of(text) is None:
        raise _unfit(sign, left, right, "Only texts that are numbers can be calculated with.")
    if kind == DECIMAL:
        return _decimals(sign, as_double(left), as_double(right))
    one, other = as_double(left), as_double(right)
    result = power(one, other) if sign == "**" else _doubles(sign, one, other)
    return to_integer(result) if kind == INTEGER else to_long(result) if kind == LONG else result


def _unfit(sign: str, left: Any, right: Any, hint: str) -> ExpressionError:
    return ExpressionError(f"{sign} does not work on {type_name(left)} and {type_name(right)}", hint=hint)


def negate(value: Any, run: Run) -> Any:
    """``-x``."""
    kind = kind_of(value)
    if kind is None:
        raise ExpressionError(f"- does not work on {type_name(value)}", hint="Only numbers can be negated.")
    if kind == INTEGER:
        return wrap_int(-value)
    return wrap_long(-value) if kind == LONG else -value


def bitwise(sign: str) -> Callable[[Any, Any, Run], Any]:
    """Make the function of ``& | ^ << >> >>>`` on Integers and Longs."""

    def compute(left: Any, right: Any, run: Run) -> Any:
        first, second = kind_of(left), kind_of(right)
        if first not in (INTEGER, LONG) or second not in (INTEGER, LONG):
            raise _unfit(sign, left, right, "Only whole numbers have bits; join conditions with && and ||.")
        one, other = int(left), int(right)
        if sign in ("<<", ">>", ">>>"):
            return _shift(sign, one, other, 64 if first == LONG else 32)
        result = one & other if sign == "&" else one | other if sign == "|" else one ^ other
        return wrap_long(result) if LONG in (first, second) else wrap_int(result)

    return compute


def _shift(sign: str, value: int, places: int, bits: int) -> int:
    places %= bits
    if sign == "<<":
        value <<= places
    elif sign == ">>":
        value >>= places
    else:
        value = (value % 2**bits) >> places
    return wrap_long(value) if bits == 64 else wrap_int(value)


def invert(value: Any, run: Run) -> Any:
    """``~x``."""
    if kind_of(value) != INTEGER:
        raise ExpressionError(f"~ does not work on {type_name(value)}", hint="It needs an Integer.")
    return ~value
