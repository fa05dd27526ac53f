"""The methods of numbers and Booleans, and the functions of the classes Math, Integer, Long, Double and Boolean."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from types import MappingProxyType
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.arithmetic import add, arithmetic, power
from execution.expressions.comparison import same
from execution.expressions.conversions import (
    INTEGER,
    LONG,
    as_double,
    cast,
    kind_of,
    to_integer,
    to_long,
    wrap_int,
    wrap_long,
)
from execution.expressions.methods import Method
from execution.expressions.runtime import Run
from execution.values import INT_MAX, INT_MIN, LONG_MAX, LONG_MIN, Long, type_name

_DOUBLE_TEXT: Final = re.compile(
    r"[+-]?(NaN|Infinity|((\d+\.?\d*|\.\d+)(e[+-]?\d+)?)[fd]?)\Z", re.ASCII | re.IGNORECASE
)


def _failed(text: Any, kind: str) -> ExpressionError:
    shown = str(text)
    return ExpressionError(
        f"{shown[:37]!r} is no {kind}" if text is not None else f"null is no {kind}",
        hint="Check the text first, for example with StringUtils.isNumeric.",
    )


def parse_whole(text: str | None, base: int, low: int, high: int, kind: str) -> int:
    """Read a whole number as ``parseInt`` does: digits with a sign, no blanks.

    Raises:
        ExpressionError: the text is no such number or the number does not fit.
    """
    digits = (text or "").removeprefix("-") if (text or "").startswith("-") else (text or "").removeprefix("+")
    if not digits or len(digits) > 80 or not digits.isalnum() or not digits.isascii() or not 2 <= base <= 36:
        raise _failed(text, kind)
    try:
        number = int(text or "", base)
    except ValueError:
        raise _failed(text, kind) from None
    if not low <= number <= high:
        raise _failed(text, kind)
    return number


def _parse_int(run: Run, target: Any, text: str | None, base: int = 10) -> int:
    return parse_whole(text, base, INT_MIN, INT_MAX, "Integer")


def _parse_long(run: Run, target: Any, text: str | None, base: int = 10) -> Long:
    return Long(parse_whole(text, base, LONG_MIN, LONG_MAX, "Long"))


def _parse_double(run: Run, target: Any, text: str | None) -> float:
    stripped = (text or "").strip()
    if text is None or len(stripped) > 400 or not _DOUBLE_TEXT.match(stripped):
        raise _failed(text, "Double")
    return float(stripped if "N" in stripped or "I" in stripped else stripped.rstrip("fFdD"))


def _double_of(run: Run, target: Any, value: Any) -> Any:
    return cast("Double", value, run) if kind_of(value) is not None else _parse_double(run, target, value)


def _rounded(run: Run, target: Any, value: Any) -> int:
    number = as_double(value)
    result = to_long(math.floor(number + 0.5) if math.isfinite(number) else number)
    # As measured, rounding a Long makes an Integer of it; one that would not fit is better left alone.
    return int(result) if kind_of(value) == LONG and INT_MIN <= result <= INT_MAX else result


def _in_base(value: int, base: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    base = base if 2 <= base <= 36 else 10
    text, rest = "", abs(value)
    while rest or not text:
        rest, digit = divmod(rest, base)
        text = digits[digit] + text
    return "-" + text if value < 0 else text


def _compare(one: Any, other: Any) -> int:
    return 0 if one == other else -1 if one < other else 1


def _whole(kind: str, letter: str, parse: Callable[..., Any], bits: int, low: int, high: int) -> Mapping[str, Any]:
    wrap: Callable[[int], int] = wrap_int if bits == 32 else wrap_long

    def value_of(run: Run, target: Any, value: Any, base: int = 10) -> Any:
        if value is None or isinstance(value, str):
            return parse(run, target, value, base)
        return cast(kind, value, run)

    return {
        f"parse{'Int' if bits == 32 else 'Long'}": Method(parse, "Ti", 1),
        "valueOf": Method(value_of, "oi", 1),
        "toString": Method(lambda run, target, value, base=10: _in_base(value, base), letter + "i", 1),
        "toHexString": Method(lambda run, target, value: f"{value % 2**bits:x}", letter),
        "toBinaryString": Method(lambda run, target, value: f"{value % 2**bits:b}", letter),
        "toOctalString": Method(lambda run, target, value: f"{value % 2**bits:o}", letter),
        "compare": Method(lambda run, target, one, other: _compare(one, other), letter * 2),
        "max": Method(lambda run, target, one, other: max(one, other), letter * 2),
        "min": Method(lambda run, target, one, other: min(one, other), letter * 2),
        "sum": Method(lambda run, target, one, other: wrap(one + other), letter * 2),
        "signum": Method(lambda run, target, value: _compare(value, 0), letter),
        "bitCount": Method(lambda run, target, value: (value % 2**bits).bit_count(), letter),
        "MAX_VALUE": wrap(high),
        "MIN_VALUE": wrap(low),
    }


INTEGER_CLASS: Final = MappingProxyType(_whole("Integer", "i", _parse_int, 32, INT_MIN, INT_MAX))
LONG_CLASS: Final = MappingProxyType(_whole("Long", "l", _parse_long, 64, LONG_MIN, LONG_MAX))
DOUBLE_CLASS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "parseDouble": Method(_parse_double, "T"),
        "valueOf": Method(_double_of, "o"),
        "toString": Method(lambda run, target, value: run.text_of(value), "d"),
        "compare": Method(lambda run, target, one, other: _compare(one, other), "dd"),
        "max": Method(lambda run, target, one, other: max(one, other), "dd"),
        "min": Method(lambda run, target, one, other: min(one, other), "dd"),
        "sum": Method(lambda run, target, one, other: one + other, "dd"),
        "isNaN": Method(lambda run, target, value: value != value, "d"),
        "isInfinite": Method(lambda run, target, value: math.isinf(value), "d"),
        "isFinite": Method(lambda run, target, value: math.isfinite(value), "d"),
        "MAX_VALUE": 1.7976931348623157e308,
        "MIN_VALUE": 5e-324,
        "NaN": math.nan,
        "POSITIVE_INFINITY": math.inf,
        "NEGATIVE_INFINITY": -math.inf,
    }
)
BOOLEAN_CLASS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "parseBoolean": Method(lambda run, target, text: (text or "").lower() == "true", "T"),
        "valueOf": Method(lambda run, target, text: (text or "").lower() == "true", "T"),
        "toString": Method(lambda run, target, value: "true" if value else "false", "b"),
        "logicalAnd": Method(lambda run, target, one, other: one and other, "bb"),
        "logicalOr": Method(lambda run, target, one, other: one or other, "bb"),
        "logicalXor": Method(lambda run, target, one, other: one is not other, "bb"),
        "TRUE": True,
        "FALSE": False,
    }
)


def _common(one: Any, other: Any) -> tuple[Any, Any]:
    """Bring two numbers to the type that is calculated in.

    As measured, an Integer or a Long decides, and the fraction of a Double beside it is lost.
    """
    kinds = {kind_of(one), kind_of(other)}
    if LONG in kinds:
        return _as_long(one), _as_long(other)
    if INTEGER in kinds:
        return cast_whole(one), cast_whole(other)
    return as_double(one), as_double(other)


def _as_long(value: Any) -> Long:
    return to_long(value) if isinstance(value, float) else wrap_long(int(value))


def cast_whole(value: Any) -> int:
    """Cut a number to an Integer.

    Raises:
        ExpressionError: it does not fit.
    """
    if value != value or not INT_MIN <= value <= INT_MAX:
        raise ExpressionError("This number does not fit an Integer", hint="Make both numbers Double, for example 1.0.")
    return int(value)


def _larger(run: Run, target: Any, one: Any, other: Any) -> Any:
    first, second = _common(one, other)
    return math.nan if first != first or second != second else max(first, second)


def _smaller(run: Run, target: Any, one: Any, other: Any) -> Any:
    first, second = _common(one, other)
    return math.nan if first != first or second != second else min(first, second)


def _absolute(run: Run, target: Any, value: Any) -> Any:
    kind = kind_of(value)
    return wrap_int(abs(value)) if kind == INTEGER else wrap_long(abs(value)) if kind == LONG else abs(as_double(value))


def _real(function: Callable[..., float]) -> Callable[..., float]:
    def call(run: Run, target: Any, *values: float) -> float:
        try:
            return float(function(*values))
        except (ValueError, ZeroDivisionError):
            return math.nan
        except OverflowError:
            return math.inf

    return call


def _log(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: -math.inf if value == 0 else function(value)


def _cube_root(value: float) -> float:
    if value == 0 or not math.isfinite(value):
        return value
    root = Context(prec=40).power(Decimal(abs(value)), Decimal(1) / 3)
    return math.copysign(float(root), value)


def _rounding(function: Callable[[float], int]) -> Callable[[float], float]:
    return lambda value: value if not math.isfinite(value) else math.copysign(float(function(value)), value)


def _exact(sign: str) -> Callable[..., Any]:
    compute = arithmetic(sign) if sign != "+" else None

    def call(run: Run, target: Any, one: Any, other: Any) -> Any:
        first, second = _common(one, other)
        if isinstance(first, float):
            raise ExpressionError("This needs whole numbers")
        exact = {"+": first + second, "-": first - second, "*": first * second}[sign]
        low, high = (INT_MIN, INT_MAX) if kind_of(first) == INTEGER else (LONG_MIN, LONG_MAX)
        if not low <= exact <= high:
            raise ExpressionError(f"{first} {sign} {second} does not fit {type_name(first)}")
        return exact if compute is None and kind_of(first) == INTEGER else type(first)(exact)

    return call


def _floored(sign: str) -> Callable[..., Any]:
    def call(run: Run, target: Any, one: Any, other: Any) -> Any:
        first, second = _common(one, other)
        if isinstance(first, float) or second == 0:
            raise ExpressionError("This needs whole numbers and a divisor that is not 0")
        result = int(first) // int(second) if sign == "/" else int(first) % int(second)
        return wrap_int(result) if kind_of(first) == INTEGER else wrap_long(result)

    return call


_REAL: Final[Mapping[str, Callable[[float], float]]] = {
    "floor": _rounding(math.floor),
    "ceil": _rounding(math.ceil),
    "rint": _rounding(round),
    "sqrt": math.sqrt,
    "cbrt": _cube_root,
    "exp": math.exp,
    "log": _log(math.log),
    "log10": _log(math.log10),
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "toRadians": math.radians,
    "toDegrees": math.degrees,
    "signum": lambda value: value if value != value or value == 0 else math.copysign(1.0, value),
}
MATH: Final[Mapping[str, Any]] = MappingProxyType(
    {
        **{name: Method(_real(function), "d") for name, function in _REAL.items()},
        "abs": Method(_absolute, "n"),
        "max": Method(_larger, "nn"),
        "min": Method(_smaller, "nn"),
        "round": Method(_rounded, "n"),
        "pow": Method(lambda run, target, base, exponent: power(base, exponent), "dd"),
        "hypot": Method(_real(math.hypot), "dd"),
        "atan2": Method(_real(math.atan2), "dd"),
        "addExact": Method(_exact("+"), "nn"),
        "subtractExact": Method(_exact("-"), "nn"),
        "multiplyExact": Method(_exact("*"), "nn"),
        "floorMod": Method(_floored("%"), "nn"),
        "floorDiv": Method(_floored("/"), "nn"),
        "toIntExact": Method(lambda run, target, value: cast("Integer", value, run), "l"),
        "PI": math.pi,
        "E": math.e,
    }
)


def _decimal_with(sign: str) -> Method:
    compute = arithmetic(sign)

    def call(run: Run, value: Decimal, other: Any) -> Any:
        return add(value, Decimal(other), run) if sign == "+" else compute(value, Decimal(other), run)

    return Method(call, "n")


def _compare_to(run: Run, value: Any, other: Any) -> int:
    if type_name(value) != type_name(other):
        raise ExpressionError(
            f"compareTo compares {type_name(value)} with its like, not with {type_name(other)}", hint="Use < or >."
        )
    return _compare(value, other)


def _set_scale(run: Run, value: Decimal, places: int, mode: Any = None) -> Decimal:
    if not 0 <= places <= 100 or mode is not None:
        raise ExpressionError("setScale takes 0 to 100 places and rounds half up")
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


NUMBER_METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "intValue": Method(lambda run, value: to_integer(value) if isinstance(value, float) else wrap_int(int(value))),
        "longValue": Method(lambda run, value: to_long(value) if isinstance(value, float) else wrap_long(int(value))),
        "doubleValue": Method(lambda run, value: as_double(value)),
        "floatValue": Method(lambda run, value: as_double(value)),
        "toString": Method(lambda run, value: run.text_of(value)),
        "equals": Method(lambda run, value, other: same(value, other, run), "o"),
        "compareTo": Method(_compare_to, "o"),
    }
)
DOUBLE_METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        **NUMBER_METHODS,
        "isNaN": Method(lambda run, value: value != value),
        "isInfinite": Method(lambda run, value: math.isinf(value)),
    }
)
DECIMAL_METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        **{
            name: NUMBER_METHODS[name]
            for name in ("intValue", "longValue", "doubleValue", "toString", "equals", "compareTo")
        },
        "add": _decimal_with("+"),
        "subtract": _decimal_with("-"),
        "multiply": _decimal_with("*"),
        "divide": _decimal_with("/"),
        "negate": Method(lambda run, value: -value),
        "abs": Method(lambda run, value: abs(value)),
        "scale": Method(lambda run, value: -int(value.as_tuple().exponent)),
        "signum": Method(lambda run, value: _compare(value, 0)),
        "setScale": Method(_set_scale, "io", 1),
        "toPlainString": Method(lambda run, value: f"{value:f}"),
    }
)
BOOLEAN_METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "booleanValue": Method(lambda run, value: value),
        "toString": Method(lambda run, value: run.text_of(value)),
        "equals": Method(lambda run, value, other: value is other, "o"),
        "compareTo": Method(_compare_to, "o"),
    }
)
