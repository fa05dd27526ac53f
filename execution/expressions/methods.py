"""How a method is declared and called: its function, the kinds of its arguments, and their conversion."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.conversions import as_double, kind_of, number_of, to_long, truth_of
from execution.expressions.runtime import Run
from execution.values import INT_MAX, INT_MIN, LONG_MAX, LONG_MIN, Character, Long, type_name


@dataclass(frozen=True, slots=True)
class Method:
    """One allow-listed method or function.

    ``call(run, target, *arguments)`` gets the arguments converted by ``kinds``, one letter each: ``i`` Integer,
    ``l`` Long, ``d`` Double, ``b`` Boolean, ``n`` any number, ``t`` text (numbers become text), ``T`` the same or
    null, ``s`` only text, ``S`` the same or null, ``c`` one character, ``o`` anything. The last ``optional`` ones
    may be left out; ``*`` at the end takes any further arguments as they are.
    """

    call: Callable[..., Any]
    kinds: str = ""
    optional: int = 0

    def invoke(self, name: str, run: Run, target: Any, arguments: Sequence[Any]) -> Any:
        """Convert the arguments and call.

        Raises:
            ExpressionError: wrong number or kind of arguments, or the method refuses.
        """
        kinds = self.kinds.rstrip("*")
        count = len(arguments)
        if count < len(kinds) - self.optional or (count > len(kinds) and kinds == self.kinds):
            raise ExpressionError(f"{name} {_expected(len(kinds) - self.optional, len(kinds))}, not {count}")
        values = list(arguments)
        for value in values:
            run.look_at(value)
        for number, kind in enumerate(kinds[:count]):
            if kind != "o":
                values[number] = _convert(kind, values[number], name, number, run)
        return self.call(run, target, *values)


def _expected(least: int, most: int) -> str:
    amount = str(most) if least == most else f"{least} to {most}"
    return f"takes {amount} argument{'s' if amount != '1' else ''}"


def _convert(kind: str, value: Any, name: str, number: int, run: Run) -> Any:
    if value is None and kind in "TS":
        return None
    try:
        converted = _CONVERT[kind](value, run) if value is not None else None
    except (ValueError, OverflowError):
        converted = None
    if converted is None:
        wanted = _WANTED[kind.lower()]
        raise ExpressionError(
            f"Argument {number + 1} of {name} is {type_name(value)}, it must be {wanted}",
            hint=_HINTS.get(kind.lower(), ""),
        )
    return converted


def _integer(value: Any, run: Run) -> int | None:
    number = _whole(value)
    return int(number) if number is not None and INT_MIN <= number <= INT_MAX else None


def _long(value: Any, run: Run) -> Long | None:
    number = _whole(value)
    if number is None:
        return None
    return to_long(number) if isinstance(number, float) else Long(min(max(number, LONG_MIN), LONG_MAX))


def _whole(value: Any) -> Any:
    """Read what can become a whole number; a fraction may be cut off a number but not off a text."""
    if isinstance(value, str):
        return int(value) if len(value) <= 40 and _WHOLE_TEXT.match(value) else None
    return value if kind_of(value) is not None and value == value else None


def _number(value: Any, run: Run) -> Any:
    if kind_of(value) is not None:
        return value
    if isinstance(value, str) and type(value) is not Character:
        if len(value) <= 40 and _WHOLE_TEXT.match(value):
            number = int(value)
            return number if INT_MIN <= number <= INT_MAX else float(value)
        return number_of(value)
    return None


def _double(value: Any, run: Run) -> float | None:
    number = _number(value, run)
    return None if number is None else as_double(number)


def _strict_text(value: Any, run: Run) -> str | None:
    return str(value) if isinstance(value, str) else None


def _text(value: Any, run: Run) -> str:
    return str(value) if isinstance(value, str) else run.text_of(value)


def _character(value: Any, run: Run) -> str | None:
    if isinstance(value, str) and len(value) == 1:
        return str(value)
    return chr(value) if kind_of(value) == 0 and 0 <= value < 0xD800 else None


def _boolean(value: Any, run: Run) -> bool:
    return truth_of(value)


_WHOLE_TEXT: Final = re.compile(r"[+-]?\d+\Z", re.ASCII)
_CONVERT: Final[Mapping[str, Callable[[Any, Run], Any]]] = {
    "i": _integer,
    "l": _long,
    "d": _double,
    "n": _number,
    "b": _boolean,
    "t": _text,
    "T": _text,
    "s": _strict_text,
    "S": _strict_text,
    "c": _character,
}
_WANTED: Final = {
    "i": "a whole number",
    "l": "a whole number",
    "d": "a number",
    "n": "a number",
    "b": "a Boolean",
    "t": "a text",
    "s": "a text",
    "c": "one character",
}
_HINTS: Final = {"s": "Join it with an empty text to make it one.", "i": "Write it without quotes."}
