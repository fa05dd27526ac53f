"""``StringUtils`` of commons-lang3, part one: testing, comparing, cutting, searching. Null in, null or false out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.java_text import merged, units
from execution.expressions.methods import Method
from execution.expressions.runtime import Run
from execution.expressions.text_methods import JAVA_SPACE, compare
from execution.values import JavaArray


def null_safe(function: Callable[..., Any], otherwise: Any = None) -> Callable[..., Any]:
    """Make a function of a text that gives ``otherwise`` for null."""

    def call(run: Run, target: Any, text: str | None, *arguments: Any) -> Any:
        return otherwise if text is None else function(run, text, *arguments)

    return call


def every(test: Callable[[str], bool], when_empty: bool) -> Method:
    """Make a test of all characters; null is never."""
    return Method(null_safe(lambda run, text: all(map(test, text)) if text else when_empty, False), "S")


def _blank(text: Any) -> bool:
    return text is None or (isinstance(text, str) and not text.strip())


def _nothing(text: Any) -> bool:
    return text is None or text == ""


def _texts(values: tuple[Any, ...]) -> list[Any]:
    """Give variable arguments as a list; a single array or list stands for its elements."""
    return list(values[0]) if len(values) == 1 and isinstance(values[0], list) else list(values)


def _equal(run: Run, target: Any, one: str | None, other: str | None) -> bool:
    return one == other


def _equal_ignoring_case(run: Run, target: Any, one: str | None, other: str | None) -> bool:
    return one is other if one is None or other is None else one.lower() == other.lower()


def _order(run: Run, target: Any, one: str | None, other: str | None, fold: bool = False) -> int:
    if one is None or other is None:
        return 0 if one is other else -1 if one is None else 1
    return compare(one.lower(), other.lower()) if fold else compare(one, other)


def _pair(test: Callable[[str, str], bool], both_null: bool = False) -> Callable[..., bool]:
    def call(run: Run, target: Any, text: str | None, part: str | None) -> bool:
        return (both_null and text is part) if text is None or part is None else test(text, part)

    return call


def _any_of(test: Callable[[str, str], bool]) -> Callable[..., bool]:
    def call(run: Run, target: Any, text: str | None, *parts: Any) -> bool:
        return text is not None and any(isinstance(part, str) and test(text, part) for part in _texts(parts))

    return call


def _contains(run: Run, target: Any, text: str | None, part: Any) -> bool:
    if text is None or part is None:
        return False
    return (part if isinstance(part, str) else chr(part) if type(part) is int and 0 <= part < 0xD800 else "\0") in text


def _contains_any(run: Run, target: Any, text: str | None, *parts: Any) -> bool:
    if text is None:
        return False
    if len(parts) == 1 and isinstance(parts[0], str):
        return not set(text).isdisjoint(parts[0])
    return any(isinstance(part, str) and part in text for part in _texts(parts))


def _substring(run: Run, text: str, start: int, end: int | None = None) -> str:
    row = units(text)
    stop = len(row) if end is None else end
    start = max(start + len(row), 0) if start < 0 else start
    stop = stop + len(row) if stop < 0 else stop
    return merged(row[start : max(stop, start)])


def _mid(run: Run, text: str, start: int, length: int) -> str:
    row = units(text)
    return merged(row[max(start, 0) :][: max(length, 0)]) if start <= len(row) else ""


def _truncate(run: Run, text: str, count: int) -> str:
    if count < 0:
        raise ExpressionError(f"A text cannot be cut to {count} characters")
    return merged(units(text)[:count])


def _before(run: Run, text: str, at: str | None) -> str:
    return text if at is None else text.partition(at)[0] if at else ""


def _after(run: Run, text: str, at: str | None) -> str:
    return "" if at is None else text.partition(at)[2] if at else text


def _before_last(run: Run, text: str, at: str | None) -> str:
    head, found, _ = text.rpartition(at) if at else (text, "", "")
    return head if found else text


def _after_last(run: Run, text: str, at: str | None) -> str:
    _, found, tail = text.rpartition(at) if at else ("", "", "")
    return tail if found else ""


def _between(run: Run, text: str, opened: str | None, *ends: str | None) -> str | None:
    closed = ends[0] if ends else opened
    if opened is None or closed is None:
        return None
    start = text.find(opened)
    end = text.find(closed, start + len(opened)) if start >= 0 else -1
    return text[start + len(opened) : end] if end >= 0 else None


def _all_between(run: Run, text: str, opened: str | None, closed: str | None) -> JavaArray | None:
    parts: list[str] = []
    at = 0
    while opened and closed and (start := text.find(opened, at)) >= 0:
        end = text.find(closed, start + len(opened))
        if end < 0:
            break
        run.spend(1)
        parts.append(text[start + len(opened) : end])
        at = end + len(closed)
    return JavaArray(parts) if parts else None


def _index(run: Run, text: str, part: Any, start: int = 0) -> int:
    if not isinstance(part, str):
        part = chr(part) if type(part) is int and 0 <= part < 0xD800 else None
    return -1 if part is None else units(text).find(units(part), min(max(start, 0), 2 * len(text)))


def _last_index(run: Run, text: str, part: str | None) -> int:
    return -1 if part is None else units(text).rfind(units(part))


def _index_ignoring_case(run: Run, text: str, part: str | None) -> int:
    return -1 if part is None else text.lower().find(part.lower())


def _index_of_any(run: Run, text: str, *parts: Any) -> int:
    if len(parts) == 1 and isinstance(parts[0], str):
        wanted = set(parts[0])
        return next((index for index, char in enumerate(text) if char in wanted), -1)
    found = [text.find(part) for part in _texts(parts) if isinstance(part, str)]
    return min((position for position in found if position >= 0), default=-1)


def _ordinal_index(run: Run, text: str, part: str | None, ordinal: int) -> int:
    position = -1
    for _ in range(ordinal if part is not None else 0):
        run.spend(1)
        position = text.find(part or "", position + 1)
        if position < 0:
            break
    return position


def _count(run: Run, text: str, part: str | None) -> int:
    return text.count(part) if part else 0


SEARCHING: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "isEmpty": Method(lambda run, target, text: not text, "S"),
        "isNotEmpty": Method(lambda run, target, text: bool(text), "S"),
        "isBlank": Method(lambda run, target, text: _blank(text), "S"),
        "isNotBlank": Method(lambda run, target, text: not _blank(text), "S"),
        "isAnyEmpty": Method(lambda run, target, *texts: any(map(_nothing, _texts(texts))), "*"),
        "isAnyBlank": Method(lambda run, target, *texts: any(map(_blank, _texts(texts))), "*"),
        "isNoneEmpty": Method(lambda run, target, *texts: not any(map(_nothing, _texts(texts))), "*"),
        "isNoneBlank": Method(lambda run, target, *texts: not any(map(_blank, _texts(texts))), "*"),
        "isAllEmpty": Method(lambda run, target, *texts: all(map(_nothing, _texts(texts))), "*"),
        "isAllBlank": Method(lambda run, target, *texts: all(map(_blank, _texts(texts))), "*"),
        "isNumeric": every(str.isdecimal, False),
        "isNumericSpace": every(lambda char: char == " " or char.isdecimal(), True),
        "isAlpha": every(str.isalpha, False),
        "isAlphaSpace": every(lambda char: char == " " or char.isalpha(), True),
        "isAlphanumeric": every(lambda char: char.isalpha() or char.isdecimal(), False),
        "isAlphanumericSpace": every(lambda char: char == " " or char.isalpha() or char.isdecimal(), True),
        "isWhitespace": every(str.isspace, True),
        "isAllUpperCase": every(str.isupper, False),
        "isAllLowerCase": every(str.islower, False),
        "isMixedCase": Method(
            null_safe(lambda run, text: any(map(str.isupper, text)) and any(map(str.islower, text)), False), "S"
        ),
        "equals": Method(_equal, "SS"),
        "equalsIgnoreCase": Method(_equal_ignoring_case, "SS"),
        "equalsAny": Method(lambda run, target, text, *others: text in _texts(others), "S*"),
        "equalsAnyIgnoreCase": Method(_any_of(lambda text, other: text.lower() == other.lower()), "S*"),
        "compare": Method(_order, "TT"),
        "compareIgnoreCase": Method(lambda run, target, one, other: _order(run, target, one, other, True), "TT"),
        "contains": Method(_contains, "So"),
        "containsIgnoreCase": Method(_pair(lambda text, part: part.lower() in text.lower()), "SS"),
        "containsAny": Method(_contains_any, "S*"),
        "containsOnly": Method(_pair(lambda text, chars: set(text) <= set(chars)), "SS"),
        "containsNone": Method(
            lambda run, target, text, chars: text is None or chars is None or not set(text) & set(chars), "SS"
        ),
        "containsWhitespace": Method(null_safe(lambda run, text: any(map(str.isspace, text)), False), "S"),
        "startsWith": Method(_pair(str.startswith, True), "SS"),
        "startsWithIgnoreCase": Method(_pair(lambda text, part: text.lower().startswith(part.lower()), True), "SS"),
        "startsWithAny": Method(_any_of(str.startswith), "S*"),
        "endsWith": Method(_pair(str.endswith, True), "SS"),
        "endsWithIgnoreCase": Method(_pair(lambda text, part: text.lower().endswith(part.lower()), True), "SS"),
        "endsWithAny": Method(_any_of(str.endswith), "S*"),
        "length": Method(null_safe(lambda run, text: len(units(text)), 0), "S"),
        "substring": Method(null_safe(_substring), "Tii", 1),
        "left": Method(null_safe(lambda run, text, count: merged(units(text)[: max(count, 0)])), "Ti"),
        "right": Method(null_safe(lambda run, text, count: merged(units(text)[-count:]) if count > 0 else ""), "Ti"),
        "mid": Method(null_safe(_mid), "Tii"),
        "truncate": Method(null_safe(_truncate), "Ti"),
        "substringBefore": Method(null_safe(_before), "TT"),
        "substringAfter": Method(null_safe(_after), "TT"),
        "substringBeforeLast": Method(null_safe(_before_last), "TT"),
        "substringAfterLast": Method(null_safe(_after_last), "TT"),
        "substringBetween": Method(null_safe(_between), "TTT", 1),
        "substringsBetween": Method(null_safe(_all_between), "TTT"),
        "indexOf": Method(null_safe(_index, -1), "Soi", 1),
        "indexOfIgnoreCase": Method(null_safe(_index_ignoring_case, -1), "SS"),
        "indexOfAny": Method(null_safe(_index_of_any, -1), "S*"),
        "lastIndexOf": Method(null_safe(_last_index, -1), "SS"),
        "lastIndexOfIgnoreCase": Method(
            null_safe(lambda run, text, part: -1 if part is None else text.lower().rfind(part.lower()), -1), "SS"
        ),
        "ordinalIndexOf": Method(null_safe(_ordinal_index, -1), "SSi"),
        "countMatches": Method(null_safe(_count, 0), "SS"),
        "trim": Method(null_safe(lambda run, text: text.strip(JAVA_SPACE)), "T"),
        "trimToEmpty": Method(null_safe(lambda run, text: text.strip(JAVA_SPACE), ""), "T"),
        "trimToNull": Method(null_safe(lambda run, text: text.strip(JAVA_SPACE) or None), "T"),
    }
)
