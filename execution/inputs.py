"""Inputs of a task: what the definition declares, and what a start request gives, turned into values.

Nothing given wrongly stops a start: the text form is used instead, and a note says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from execution.definition import Problems
from execution.parameters import decimal_of, whole_of
from execution.values import LONG_MAX, LONG_MIN, Long, to_text

_MISSING = object()


@dataclass(frozen=True, slots=True)
class InputDeclaration:
    """One declared input. ``type`` as in the task file; unknown types count as text."""

    name: str
    type: str
    label: str
    required: bool
    default: Any


@dataclass(frozen=True, slots=True)
class InputNote:
    """Something about the given inputs that the person who starts the task should know."""

    name: str
    code: str
    message: str
    remedy: str


class _Unfit(Exception):
    """The value cannot be converted to the declared type."""


def read_declarations(data: Any, problems: Problems) -> tuple[InputDeclaration, ...]:
    """The declarations of ``inputParams``; faults go to ``problems``."""
    if data is None:
        return ()
    if not isinstance(data, list):
        problems.add("inputParams", "inputs.not-list", "inputParams is not a list.", "Export the task again.")
        return ()
    found: dict[str, InputDeclaration] = {}
    for number, item in enumerate(data):
        where = f"inputParams › {number + 1}"
        name = item.get("name") if isinstance(item, Mapping) else None
        if not isinstance(name, str) or not name.strip():
            problems.add(where, "input.no-name", "An input without a name.", "Give every input a name.")
            continue
        if name in found:
            problems.add(
                f"inputParams › {name}", "input.duplicate", "The input is declared twice.", "Remove one of them."
            )
            continue
        found[name] = InputDeclaration(
            name=name,
            type=str(item.get("type") or "String"),
            label=str(item.get("label") or name),
            required=item.get("required") is True,
            default=item.get("defaultValue"),
        )
    return tuple(found.values())


def bind(declared: Sequence[InputDeclaration], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[InputNote]]:
    """Values of ``taskInputs``: given ones replace defaults by name; unknown names are left out, with a note."""
    values: dict[str, Any] = {}
    notes: list[InputNote] = []
    for item in declared:
        raw = given[item.name] if item.name in given else _default(item)
        convert = _CONVERTERS.get(item.type, _text)
        try:
            values[item.name] = _NOTHING.get(item.type, "") if raw is _MISSING else convert(raw)
        except _Unfit:
            values[item.name] = _text(raw)
            if raw is not None:
                notes.append(
                    InputNote(
                        item.name,
                        "input.type",
                        f"{item.name} is declared as {item.type}; {_text(raw)[:60]!r} is passed on as text.",
                        f"Give {_WANTED.get(item.type, 'a text')}.",
                    )
                )
    known = ", ".join(item.name for item in declared) or "none"
    for name in given:
        if name not in values:
            notes.append(
                InputNote(str(name), "input.unknown", f"{name} is not an input of this task.", f"Its inputs: {known}.")
            )
    return values, notes


def _default(item: InputDeclaration) -> Any:
    blank = isinstance(item.default, str) and not item.default.strip() and item.type in _CONVERTERS
    return _MISSING if blank or item.default is None else item.default


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else to_text(value)


def _boolean(value: Any) -> bool:
    word = value if isinstance(value, bool) else str(value).strip().lower() if value is not None else ""
    if word in (True, "true"):
        return True
    if word in (False, "false"):
        return False
    raise _Unfit


def _long(value: Any) -> Long:
    try:
        if isinstance(value, bool) or value is None or (isinstance(value, float) and not value.is_integer()):
            raise _Unfit
        number = whole_of(value) if isinstance(value, str) else int(value)
    except (ValueError, TypeError, OverflowError):
        raise _Unfit from None
    if not LONG_MIN <= number <= LONG_MAX:
        raise _Unfit
    return Long(number)


def _double(value: Any) -> float:
    if isinstance(value, bool) or value is None:
        raise _Unfit
    try:
        return decimal_of(value) if isinstance(value, str) else float(value)
    except (ValueError, TypeError, OverflowError):
        raise _Unfit from None


def _structure(kind: type) -> Any:
    def convert(value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise _Unfit from None
        if not isinstance(value, kind):
            raise _Unfit
        return value

    return convert


_CONVERTERS: Mapping[str, Any] = {
    "Boolean": _boolean,
    "Long": _long,
    "Double": _double,
    "JSONObject": _structure(dict),
    "JSONArray": _structure(list),
}
_NOTHING: Mapping[str, Any] = {"Boolean": False, "Long": Long(0), "Double": 0.0}
_WANTED: Mapping[str, str] = {
    "Boolean": "true or false",
    "Long": "a whole number of at most 64 bits",
    "Double": "a number",
    "JSONObject": "a JSON object",
    "JSONArray": "a JSON list",
}
