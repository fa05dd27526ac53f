"""The JSON of a ``.task`` file: parsed so that nothing in it is dropped or guessed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from execution.errors import Problem

BROKEN: Any = object()
"""Answer of ``parse`` when the text was refused."""

_AGAIN = "Export the file again."
#: Faults of one text that are told.
_TOLD = 10


def parse(name: str, data: bytes, problems: list[Problem]) -> Any:
    """The value of a UTF-8 JSON text, or ``BROKEN`` with its faults in ``problems``.

    Refused too: numbers that are none (NaN) or beyond what a number can hold (1e400), and a name that an object holds
    twice (one of the two would be dropped).
    """
    doubled: list[tuple[dict[str, Any], str]] = []
    beyond: list[str] = []

    def number(text: str) -> float:
        value = float(text)
        if math.isinf(value):
            beyond.append(text)
        return value

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [key for key, _ in pairs]
            doubled.extend((found, key) for key in found if names.count(key) > 1)
        return found

    try:
        value = json.loads(
            data.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=number, object_pairs_hook=unique
        )
    except (ValueError, RecursionError) as error:
        problems.append(_broken(name, error))
        return BROKEN
    if doubled or beyond:
        problems.extend(islice(_faults(name, value, {id(found): key for found, key in doubled}), _TOLD))
        return BROKEN
    return value


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _broken(name: str, error: ValueError | RecursionError) -> Problem:
    if isinstance(error, UnicodeDecodeError):
        return Problem(name, "not_utf8", f"The file is not UTF-8 (byte {error.start}).", "Save it as UTF-8.")
    if isinstance(error, RecursionError):
        message = "The JSON is nested too deeply to be read."
        return Problem(name, "too_deep", message, "Use sub-tasks instead of nesting.")
    if isinstance(error, json.JSONDecodeError):
        where = f"line {error.lineno}, column {error.colno}"
        return Problem(name, "broken_json", f"The JSON is broken at {where}: {error.msg}.", _AGAIN)
    return Problem(name, "broken_json", f"The JSON is broken: {error}.", _AGAIN)


def _faults(name: str, value: Any, doubled: Mapping[int, str]) -> Iterator[Problem]:
    """One problem for each object that holds a name twice and for each number beyond the range, with its path."""
    stack: list[tuple[str, Any]] = [(name, value)]
    while stack:
        path, item = stack.pop()
        if id(item) in doubled:
            message = f"The name “{doubled[id(item)][:60]}” occurs twice in one object."
            yield Problem(path, "duplicate_key", message, "Join the two, or remove one of them.")
        elif isinstance(item, float) and math.isinf(item):
            message = "The number is beyond what a number can hold (about 1.8e308)."
            yield Problem(path, "number_range", message, "Write it as a text, or correct it.")
        if isinstance(item, dict):
            stack.extend((f"{path} › {key[:60]}", inner) for key, inner in reversed(item.items()))
        elif isinstance(item, list):
            stack.extend((f"{path} › {_own_name(inner) or index + 1}", inner) for index, inner in enumerate(item))


def _own_name(item: Any) -> str:
    name = item.get("name") or item.get("label") if isinstance(item, dict) else None
    return name[:60] if isinstance(name, str) else ""


def writable(path: str, value: Any, problems: list[Problem]) -> bool:
    """Whether no text in it holds half of a character, which no database and no file takes; else a problem says so."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        message = "A text holds half of a character (\\ud800 to \\udfff without its other half)."
        problems.append(Problem(path, "broken_text", message, "Write the text again in the task editor."))
        return False
    return True


def depth_of(value: Any) -> int:
    """How many lists and objects stand in each other at the deepest place; 0 for a plain value."""
    deepest = 0
    stack = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, dict | list):
            deepest = max(deepest, depth)
            stack.extend((inner, depth + 1) for inner in (item.values() if isinstance(item, dict) else item))
    return deepest
