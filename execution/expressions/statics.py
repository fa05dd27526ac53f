"""The classes an expression can name, each with its allow-listed functions and constants."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.formatting import java_format
from execution.expressions.methods import Method
from execution.expressions.number_methods import BOOLEAN_CLASS, DOUBLE_CLASS, INTEGER_CLASS, LONG_CLASS, MATH
from execution.expressions.runtime import Run
from execution.expressions.string_utils_edit import STRING_UTILS
from execution.values import Character

_STRING: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "valueOf": Method(lambda run, target, value: run.text_of(value), "o"),
        "format": Method(lambda run, target, pattern, *values: java_format(pattern, values, run), "t*"),
        "join": Method(lambda run, target, between, *items: _join(run, between, items), "t*"),
    }
)


def _join(run: Run, between: str, items: tuple[Any, ...]) -> str:
    parts = items[0] if len(items) == 1 and isinstance(items[0], list) else items
    texts = [run.text_of(part) for part in parts]
    run.fits(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def _numeric_value(char: str) -> int:
    return int(char, 36) if char.isascii() and char.isalnum() else -1


_CHARACTER: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "isDigit": Method(lambda run, target, char: char.isdecimal(), "c"),
        "isLetter": Method(lambda run, target, char: char.isalpha(), "c"),
        "isLetterOrDigit": Method(lambda run, target, char: char.isalpha() or char.isdecimal(), "c"),
        "isUpperCase": Method(lambda run, target, char: char.isupper(), "c"),
        "isLowerCase": Method(lambda run, target, char: char.islower(), "c"),
        "isWhitespace": Method(lambda run, target, char: char.isspace(), "c"),
        "toUpperCase": Method(lambda run, target, char: Character(char.upper()[:1]), "c"),
        "toLowerCase": Method(lambda run, target, char: Character(char.lower()[:1]), "c"),
        "toString": Method(lambda run, target, char: char, "c"),
        "valueOf": Method(lambda run, target, char: Character(char), "c"),
        "getNumericValue": Method(lambda run, target, char: _numeric_value(char), "c"),
    }
)


class StaticClass:
    """What ``Math`` in ``Math.max(1, 2)`` stands for. Not a value: it cannot leave the expression."""

    __slots__ = ("members", "name")

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        self.name = name
        self.members = members


_STRING_UTILS: Final[Mapping[str, Any]] = MappingProxyType(
    {**STRING_UTILS, "EMPTY": "", "SPACE": " ", "LF": "\n", "CR": "\r", "INDEX_NOT_FOUND": -1}
)
CLASSES: Final[Mapping[str, StaticClass]] = MappingProxyType(
    {
        name: StaticClass(name, members)
        for name, members in {
            "StringUtils": _STRING_UTILS,
            "String": _STRING,
            "Character": _CHARACTER,
            "Integer": INTEGER_CLASS,
            "Long": LONG_CLASS,
            "Double": DOUBLE_CLASS,
            "Boolean": BOOLEAN_CLASS,
            "Math": MATH,
        }.items()
    }
)
REFUSED_NAMES: Final = frozenset(
    {
        "System",
        "Runtime",
        "Class",
        "ClassLoader",
        "Thread",
        "Process",
        "ProcessBuilder",
        "Object",
        "java",
        "javax",
        "org",
        "com",
        "sun",
        "Reflect",
        "Array",
        "Arrays",
        "List",
        "Map",
        "Collections",
        "Date",
        "UUID",
        "new",
        "this",
        "import",
        "def",
        "function",
        "eval",
        "exec",
    }
)


def class_constant(owner: StaticClass, name: str) -> Any:
    """Give ``Integer.MAX_VALUE`` and the like.

    Raises:
        ExpressionError: the class has no such constant.
    """
    value = owner.members.get(name)
    if value is None or isinstance(value, Method):
        hint = f"Call it: {owner.name}.{name}(…)." if value is not None else ""
        raise ExpressionError(f"{owner.name} has no constant {name}", hint=hint)
    return value


def refuse_class_value(value: Any) -> Any:
    """Keep classes from being used as values.

    Raises:
        ExpressionError: the value is a class.
    """
    if type(value) is StaticClass:
        raise ExpressionError(
            f"{value.name} is a class, not a value", hint=f"Call one of its functions: {value.name}.…(…)."
        )
    return value
