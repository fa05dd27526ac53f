"""Parameters of a block: declared once in a dataclass, converted from what a definition or an expression gives.

``param(text, required=True)`` declares one; its name in a definition is the field's name in camel case unless told.
A converter takes any value of an expression and returns the value for the handler, or raises ``ValueError`` saying
what it wanted.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from execution.values import LONG_MAX, LONG_MIN, detached, to_text

_MOST = 60
"""Characters of a value in a message."""
_HALF = re.compile("[\ud800-\udfff]")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One declared parameter: ``field`` of the dataclass, ``name`` in a definition; ``help`` is for readers.

    ``prefix`` makes it gather all parameters that begin so; ``None`` for one that is given by its name.
    """

    field: str
    name: str
    convert: Converter
    required: bool
    advised: bool
    deferred: bool
    prefix: str | None
    help: str = ""


def param(
    convert: Converter,
    *,
    name: str = "",
    required: bool = False,
    advised: bool = False,
    deferred: bool = False,
    default: Any = None,
    help: str = "",
) -> Any:
    """Declare a parameter. ``help`` says what it means, in which unit, and what leaving it out means.

    ``required``: the definition must give it. ``advised``: its absence is worth a warning, the block itself refuses at
    run time. ``deferred``: not evaluated at the start of the block but whenever the handler yields ``Evaluate``.
    """
    metadata = {
        "convert": convert,
        "name": name,
        "required": required,
        "advised": advised,
        "deferred": deferred,
        "help": help,
    }
    return dataclasses.field(default=default, metadata=metadata)


def extras(prefix: str, *, help: str = "") -> Any:
    """Declare a field that gathers all parameters whose name starts with ``prefix`` (without it), as a map.

    An empty prefix gathers all that no other field takes; such a field comes last.
    """
    return dataclasses.field(default=None, metadata={"convert": anything, "prefix": prefix, "help": help})


def specs_of(params: type | None) -> tuple[ParameterSpec, ...]:
    """The declared parameters of a params dataclass."""
    if params is None:
        return ()
    found = []
    for item in dataclasses.fields(params):
        data = item.metadata
        found.append(
            ParameterSpec(
                field=item.name,
                name=data.get("name") or _camel(item.name),
                convert=data["convert"],
                required=data.get("required", False),
                advised=data.get("advised", False),
                deferred=data.get("deferred", False),
                prefix=data.get("prefix"),
                help=data.get("help", ""),
            )
        )
    return tuple(found)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


# --- Converters ------------------------------------------------------------------------------------------------------


def anything(value: Any) -> Any:
    """The value as it is."""
    return value


def text(value: Any) -> str | None:
    """Text of any value (``true``, ``2.0``, ``[a, b]``); nothing stays nothing."""
    if value is None:
        return None
    words = value if type(value) is str else to_text(value)
    return words if words.isascii() else _HALF.sub("\ufffd", words)


def is_true(value: Any) -> bool:
    """Conditions are compared by text: only ``true`` in any case is true."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def flag(value: Any) -> bool | None:
    """A switch that may be left out: ``None``, else whether its text is ``true``."""
    return None if value is None or value == "" else is_true(value)


def whole(value: Any) -> int | None:
    """A whole number of at most 64 bits, also as text or as a float without a fraction."""
    number = _integer(value)
    if number is not None and not LONG_MIN <= number <= LONG_MAX:
        raise ValueError(f"a whole number of at most 64 bits is wanted, not {shown(value)}")
    return number


def _integer(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool):
        raise ValueError("a whole number is wanted, not true or false")
    try:
        number = whole_of(value) if isinstance(value, str) else int(value)
        fits = isinstance(value, str) or number == value
    except (ValueError, TypeError, OverflowError, ArithmeticError):
        fits = False
    if not fits:
        raise ValueError(f"a whole number is wanted, not {shown(value)}")
    return number


def whole32(value: Any) -> int | None:
    """A whole number that fits a database column and a fleet: 32 bits."""
    number = _integer(value)
    if number is not None and not -(2**31) <= number < 2**31:
        raise ValueError(f"a whole number of at most 32 bits is wanted, not {shown(value)}")
    return number


def duration(value: Any) -> int | None:
    """Milliseconds: a whole number that is not negative and below ten years."""
    number = _integer(value)
    if number is not None and not 0 <= number <= 315_360_000_000:
        raise ValueError(f"a duration in milliseconds (0 or more) is wanted, not {shown(value)}")
    return number


def number(value: Any) -> int | float | None:
    """A number that a double can hold, also as text."""
    if value is None:
        return None
    try:
        parsed = decimal_of(value) if isinstance(value, str) else float(value)
        if isinstance(value, bool) or not math.isfinite(parsed):
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"a number is wanted, not {shown(value)}") from None
    if isinstance(value, int):
        return int(value)
    return int(parsed) if parsed.is_integer() else parsed


def list_of(value: Any) -> list[Any] | None:
    """A list, or a text that holds one as JSON."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [detached(item) for item in value]
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, list):
            return [detached(item) for item in parsed]
    raise ValueError(f"a list (or a text that holds one as JSON) is wanted, not {shown(value)}")


def whole_of(text: str) -> int:
    """The whole number a text spells: digits after an optional sign. Raises ``ValueError``."""
    words = text.strip()
    if not _WHOLE.fullmatch(words):
        raise ValueError(f"a whole number is wanted, not {shown(text)}")
    return int(words)


def decimal_of(text: str) -> float:
    """The number a text spells as Java reads it, ``NaN`` and ``Infinity`` too. Raises ``ValueError``."""
    words = text.strip()
    if not _DECIMAL.fullmatch(words) and words.lstrip("+-") not in ("NaN", "Infinity"):
        raise ValueError(f"a number is wanted, not {shown(text)}")
    return float(words)


def shown(value: Any) -> str:
    """A value in a message, in its text form: short, in one line, and quoted when it is text."""
    try:
        words = value[:_MOST] if isinstance(value, str) else to_text(value, _MOST)
    except (ValueError, RecursionError):  # more digits or levels than Python writes
        return "a number too long to be shown" if isinstance(value, int) else "a value nested too deeply to be shown"
    if isinstance(value, str):
        words = repr(str(words))
    elif not words.isprintable():
        words = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in words)
    return words if len(words) <= _MOST else f"{words[: _MOST - 3]}…"


# --- For readers -----------------------------------------------------------------------------------------------------

_KINDS: Mapping[Converter, str] = MappingProxyType(
    {
        anything: "any value",
        text: "text",
        is_true: "condition",
        flag: "true or false",
        whole: "whole number",
        whole32: "whole number of 32 bits",
        duration: "milliseconds",
        number: "number",
        list_of: "list",
    }
)


def kind_of(spec: ParameterSpec) -> str:
    """What kind of value a parameter takes, in a few words: a converter of its own says it in its docstring."""
    words = _KINDS.get(spec.convert)
    if words is None:
        words = (spec.convert.__doc__ or "").partition("\n")[0].rstrip(".")
        words = words if words[:2].isupper() else words[:1].lower() + words[1:]
    return f"{words}, evaluated again whenever it is needed" if spec.deferred else words
