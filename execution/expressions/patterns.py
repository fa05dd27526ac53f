"""Regular expressions as Java reads them, held to a length and to a time.

They run on the ``regex`` engine because it can stop: a pattern that backtracks for ever ends with an error.
"""

from __future__ import annotations

import re as escapes
import time
from collections.abc import Iterator
from typing import Any, Final

import regex

from execution.errors import ExpressionError
from execution.expressions.runtime import Run

_FLAGS: Final = regex.V1 | regex.ASCII  # sets inside sets as in Java; \d \w \s mean ASCII
_MAX_REPEAT: Final = 1000  # of a counted repeat, and of counted repeats multiplied
_QUOTED: Final = escapes.compile(r"\\Q(.*?)(?:\\E|\Z)", escapes.DOTALL)
_COUNTED: Final = escapes.compile(r"\{(\d+)(?:,(\d*))?\}")
_SPECIAL: Final = escapes.compile(r"[\\^$.|?*+()\[\]{}]")
_REFERENCE: Final = escapes.compile(r"\\(.)|\$(\d|\{[a-zA-Z]\w*\})|(\\|\$)", escapes.DOTALL)


def compiled(pattern: str, run: Run) -> Any:
    """Compile a pattern.

    Raises:
        ExpressionError: it is too long, too large when its repeats are multiplied, or no pattern.
    """
    if len(pattern) > run.limits.pattern:
        raise ExpressionError(f"The pattern has {len(pattern)} characters; {run.limits.pattern} are allowed")
    repeats = 1
    for low, high in _COUNTED.findall(pattern):
        repeats *= max(1, int((high or low)[:9]))
        if repeats > _MAX_REPEAT:
            raise ExpressionError(f"The pattern repeats something more than {_MAX_REPEAT} times", hint="Use * or +.")
    text = _QUOTED.sub(lambda match: regex.escape(match.group(1), literal_spaces=True), pattern)
    text = text.replace("\\z", "\\Z") if "\\z" in text else text
    run.spend(1 + len(pattern))
    try:
        return regex.compile(text, _FLAGS)
    except (regex.error, OverflowError, ValueError, RecursionError) as error:
        raise ExpressionError(f"This is not a pattern: {error}", hint='Special characters need \\\\: "\\\\."') from None


def matches(pattern: str, text: str, run: Run) -> bool:
    """Say whether the whole text fits the pattern."""
    run.look_at(text)
    started = time.perf_counter()
    try:
        return compiled(pattern, run).fullmatch(text, timeout=_seconds_left(run)) is not None
    except (TimeoutError, MemoryError):
        raise _too_slow() from None
    finally:
        run.pattern_seconds -= time.perf_counter() - started


def _seconds_left(run: Run) -> float:
    if run.pattern_seconds <= 0:
        raise _too_slow()
    return run.pattern_seconds


def _too_slow() -> ExpressionError:
    return ExpressionError(
        "The pattern takes too long on this text", hint="Avoid repeats inside repeats, such as (a+)+ or (a|aa)*."
    )


def found(pattern: str, text: str, run: Run) -> Iterator[Any]:
    """Give the matches in the text from left to right."""
    run.look_at(text)
    started = time.perf_counter()
    try:
        for match in compiled(pattern, run).finditer(text, timeout=_seconds_left(run)):
            run.spend(1)
            yield match
    except (TimeoutError, MemoryError):
        raise _too_slow() from None
    finally:
        run.pattern_seconds -= time.perf_counter() - started


def replaced(pattern: str, text: str, replacement: str, run: Run, most: int | None = None) -> str:
    """Replace matches; ``$1`` in the replacement is a group."""
    parts: list[str] = []
    end = length = 0
    for number, match in enumerate(found(pattern, text, run)):
        if most is not None and number >= most:
            break
        filled = _filled(replacement, match)
        parts += (text[end : match.start()], filled)
        end = match.end()
        length += len(filled)
        run.fits(length)
    parts.append(text[end:])
    run.fits(length + len(text))
    return "".join(parts)


def _filled(replacement: str, match: Any) -> str:
    def resolve(reference: Any) -> str:
        escaped, group, stray = reference.groups()
        if escaped is not None:
            return str(escaped)
        if stray is not None:
            raise ExpressionError("The replacement has a stray \\ or $", hint="Write \\\\$ for a dollar sign.")
        try:
            return match.group(int(group) if group.isdigit() else group[1:-1]) or ""
        except IndexError:
            raise ExpressionError(f"The pattern has no group {group}") from None

    return _REFERENCE.sub(resolve, replacement)


def split(text: str, pattern: str, limit: int, run: Run) -> list[str]:
    """Split as ``String.split``: a leading empty match gives no part, and limit 0 drops empty parts at the end."""
    if limit == 0 and pattern and not _SPECIAL.search(pattern):
        run.fits(len(text))
        parts = text.split(pattern)
        while len(parts) > 1 and not parts[-1]:
            parts.pop()
        return parts if parts != [""] or not text else []
    return _split_by_pattern(text, pattern, limit, run)


def _split_by_pattern(text: str, pattern: str, limit: int, run: Run) -> list[str]:
    parts: list[str] = []
    end = 0
    for match in found(pattern, text, run):
        if limit > 0 and len(parts) == limit - 1:
            break
        if match.end() == 0 or match.start() == match.end() == len(text):
            continue
        parts.append(text[end : match.start()])
        end = match.end()
    if not parts:
        return [text]
    parts.append(text[end:])
    if limit == 0:
        while parts and not parts[-1]:
            parts.pop()
    run.fits(len(parts))
    return parts
