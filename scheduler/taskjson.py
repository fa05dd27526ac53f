"""The JSON of a ``.task`` file: parsed so that nothing in it is dropped or guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from execution.errors import Problem

BROKEN: Any = object()
"""Answer of ``parse`` when the text was refused."""

_AGAIN = "Export the file again."


def parse(name: str, data: bytes, problems: list[Problem]) -> Any:
    """The value of a UTF-8 JSON text, or ``BROKEN`` with its faults in ``problems``.

    Refused too: numbers that are none (NaN), and a name that an object holds twice (one of the two would be dropped).
    """
    doubled: list[tuple[dict[str, Any], str]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [key for key, _ in pairs]
            doubled.extend((found, key) for key in found if names.count(key) > 1)
        return found

    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        problems.append(_broken(name, error))
        return BROKEN
    if doubled:
        problems.extend(_doubled(name, value, doubled))
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


def _doubled(name: str, value: Any, doubled: list[tuple[dict[str, Any], str]]) -> Iterator[Problem]:
    """One problem for each object that holds a name twice, with its path; at most ten."""
    wanted = {id(found): (found, key) for found, key in doubled}
    stack: list[tuple[str, Any]] = [(name, value)]
    said = 0
    while stack and said < 10:
        path, item = stack.pop()
        if id(item) in wanted:
            said += 1
            message = f"The name “{wanted[id(item)][1][:60]}” occurs twice in one object."
            yield Problem(path, "duplicate_key", message, "Join the two, or remove one of them.")
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
