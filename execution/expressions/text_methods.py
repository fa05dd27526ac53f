"""The methods of ``String`` and ``Character``. Offsets count UTF-16 units, as in Java."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions import patterns
from execution.expressions.conversions import wrap_int
from execution.expressions.formatting import java_format
from execution.expressions.java_text import merged, units
from execution.expressions.methods import Method
from execution.expressions.runtime import Run
from execution.values import Character, JavaArray, type_name

JAVA_SPACE: Final = "".join(map(chr, range(33)))  # what trim() takes away


def character_at(text: str, index: int) -> Character:
    """Give the UTF-16 unit at an offset.

    Raises:
        ExpressionError: the text is not that long.
    """
    row = units(text)
    if not 0 <= index < len(row):
        raise ExpressionError(
            f"Position {index} is outside the text, which has {len(row)} characters", hint="Check its length() first."
        )
    return Character(merged(row[index]))


def _substring(run: Run, text: str, start: int, end: int | None = None) -> str:
    row = units(text)
    stop = len(row) if end is None else end
    if not 0 <= start <= stop <= len(row):
        raise ExpressionError(
            f"substring from {start} to {stop} is outside the text, which has {len(row)} characters",
            hint="StringUtils.substring does not mind.",
        )
    return merged(row[start:stop])


def _needle(value: Any, name: str) -> str:
    if isinstance(value, str):
        return str(value)
    if type(value) is int and 0 <= value < 0xD800:
        return chr(value)
    raise ExpressionError(f"Argument 1 of {name} is {type_name(value)}, it must be a text")


def _index_of(run: Run, text: str, what: Any, start: int = 0) -> int:
    return units(text).find(units(_needle(what, "indexOf")), min(max(start, 0), len(text) * 2))


def _last_index_of(run: Run, text: str, what: Any, start: int | None = None) -> int:
    needle = units(_needle(what, "lastIndexOf"))
    if start is None:
        return units(text).rfind(needle)
    return -1 if start < 0 else units(text).rfind(needle, 0, start + len(needle))


def replace_all(run: Run, text: str, old: str, new: str, most: int = -1) -> str:
    """Replace a text by another, within the limits; the empty text is found between all characters."""
    count = text.count(old) if most < 0 else min(most, text.count(old))
    run.fits(len(text) + count * (len(new) - len(old)))
    return text.replace(old, new, most)


def repeated(run: Run, text: str, count: int) -> str:
    """Repeat a text, within the limits."""
    run.fits(len(text) * count)
    return text * count


def _repeat(run: Run, text: str, count: int) -> str:
    if count < 0:
        raise ExpressionError(f"A text cannot be repeated {count} times")
    return repeated(run, text, count)


def _concat(run: Run, text: str, other: str) -> str:
    run.fits(len(text) + len(other))
    return text + other


def compare(text: str, other: str) -> int:
    """Java's ``compareTo``: the difference of the first units that differ, else of the lengths."""
    one, two = units(text), units(other)
    for left, right in zip(one, two, strict=False):
        if left != right:
            return ord(left) - ord(right)
    return len(one) - len(two)


def java_hash(text: str) -> int:
    """Java's ``hashCode`` of a text."""
    result = 0
    for char in units(text):
        result = (31 * result + ord(char)) & 0xFFFFFFFF
    return wrap_int(result)


def _lines(run: Run, text: str) -> JavaArray:
    return JavaArray(text.splitlines())


TEXT_METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "length": Method(lambda run, text: len(units(text))),
        "isEmpty": Method(lambda run, text: not text),
        "isBlank": Method(lambda run, text: not text.strip()),
        "charAt": Method(lambda run, text, index: character_at(text, index), "i"),
        "codePointAt": Method(lambda run, text, index: ord(character_at(text, index)), "i"),
        "substring": Method(_substring, "ii", 1),
        "subSequence": Method(_substring, "ii"),
        "indexOf": Method(_index_of, "oi", 1),
        "lastIndexOf": Method(_last_index_of, "oi", 1),
        "contains": Method(lambda run, text, part: part in text, "s"),
        "startsWith": Method(lambda run, text, part, at=0: at >= 0 and text.startswith(part, at), "ti", 1),
        "endsWith": Method(lambda run, text, part: text.endswith(part), "t"),
        "equals": Method(lambda run, text, other: type(other) is str and text == other, "o"),
        "contentEquals": Method(lambda run, text, other: text == other, "s"),
        "equalsIgnoreCase": Method(lambda run, text, other: other is not None and text.lower() == other.lower(), "T"),
        "compareTo": Method(lambda run, text, other: compare(text, other), "s"),
        "compareToIgnoreCase": Method(lambda run, text, other: compare(text.lower(), other.lower()), "t"),
        "concat": Method(_concat, "t"),
        "replace": Method(replace_all, "ss"),
        "replaceAll": Method(lambda run, text, old, new: patterns.replaced(old, text, new, run), "tt"),
        "replaceFirst": Method(lambda run, text, old, new: patterns.replaced(old, text, new, run, 1), "tt"),
        "matches": Method(lambda run, text, pattern: patterns.matches(pattern, text, run), "t"),
        "split": Method(lambda run, text, at, limit=0: JavaArray(patterns.split(text, at, limit, run)), "ti", 1),
        "trim": Method(lambda run, text: text.strip(JAVA_SPACE)),
        "strip": Method(lambda run, text: text.strip()),
        "stripLeading": Method(lambda run, text: text.lstrip()),
        "stripTrailing": Method(lambda run, text: text.rstrip()),
        "toUpperCase": Method(lambda run, text: text.upper()),
        "toLowerCase": Method(lambda run, text: text.lower()),
        "repeat": Method(_repeat, "i"),
        "lines": Method(_lines),
        "toCharArray": Method(lambda run, text: JavaArray(Character(merged(char)) for char in units(text))),
        "formatted": Method(lambda run, text, *values: java_format(text, values, run), "*"),
        "toString": Method(lambda run, text: text),
        "intern": Method(lambda run, text: text),
        "hashCode": Method(lambda run, text: java_hash(text)),
    }
)

CHARACTER_METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "toString": Method(lambda run, char: str(char)),
        "charValue": Method(lambda run, char: char),
        "equals": Method(lambda run, char, other: type(other) is Character and str(char) == str(other), "o"),
        "compareTo": Method(lambda run, char, other: ord(char) - ord(other), "c"),
        "hashCode": Method(lambda run, char: ord(units(char)[0])),
    }
)
