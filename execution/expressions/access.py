"""``a.b``, ``a.?b``, ``a[b]`` and ``a.b(c)`` on values, by tables of what each type offers.

No attribute of a Python object is ever looked up: a name is a key of a map or an entry of a table.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.collection_methods import (
    ARRAY_METHODS,
    CHANGING,
    LIST_METHODS,
    MAP_METHODS,
    element,
    entry,
)
from execution.expressions.conversions import INTEGER, kind_of
from execution.expressions.methods import Method
from execution.expressions.number_methods import BOOLEAN_METHODS, DECIMAL_METHODS, DOUBLE_METHODS, NUMBER_METHODS
from execution.expressions.runtime import Run
from execution.expressions.statics import StaticClass, class_constant
from execution.expressions.text_methods import CHARACTER_METHODS, TEXT_METHODS, character_at
from execution.values import Character, JavaArray, Long, type_name

_METHODS: Final[Mapping[type, Mapping[str, Method]]] = {
    str: TEXT_METHODS,
    Character: CHARACTER_METHODS,
    dict: MAP_METHODS,
    list: LIST_METHODS,
    tuple: LIST_METHODS,
    JavaArray: ARRAY_METHODS,
    int: NUMBER_METHODS,
    Long: NUMBER_METHODS,
    float: DOUBLE_METHODS,
    Decimal: DECIMAL_METHODS,
    bool: BOOLEAN_METHODS,
}
REFLECTION: Final = frozenset(
    {
        "class",
        "getClass",
        "forName",
        "newInstance",
        "invoke",
        "getMethod",
        "getMethods",
        "getField",
        "getFields",
        "getConstructor",
        "wait",
        "notify",
        "notifyAll",
        "clone",
        "finalize",
    }
)


class Missing:
    """What ``.?`` gives when there is nothing: the rest of its chain is skipped and the result is null."""

    __slots__ = ()


MISSING: Final = Missing()


def methods_of(value: Any) -> Mapping[str, Method]:
    """Give the table of methods of a value's type; empty for types expressions do not know."""
    found = _METHODS.get(type(value))
    if found is not None:
        return found
    if isinstance(value, Mapping):
        return MAP_METHODS
    return TEXT_METHODS if isinstance(value, str) else {}


def nearest(name: str, names: Iterable[Any]) -> str:
    """Make the hint that names what may have been meant; empty when there is nothing to name."""
    known = [str(key) for _, key in zip(range(200), names, strict=False) if len(str(key)) <= 60]
    close = difflib.get_close_matches(name[:60], known, 1, 0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return f"There is: {', '.join(sorted(known)[:10])}{', …' if len(known) > 10 else ''}." if known else "It is empty."


def property_of(value: Any, name: str, safe: bool, path: str, run: Run) -> Any:
    """Give ``value.name``: the key of a map, else what a method without arguments gives.

    Raises:
        ExpressionError: there is no such property; with ``safe``, null and what is not a map still have none.
    """
    if isinstance(value, Mapping):
        if name in value:
            return value[name]
    elif type(value) is StaticClass:
        return class_constant(value, name)
    elif value is None:
        raise ExpressionError(
            f"{path} is null, it has no {name}", hint=f"Check {path} != null first, or write .?{name} further left."
        )
    refuse_reflection(name)
    method = methods_of(value).get(name)
    if method is not None and not method.kinds and name not in CHANGING:
        return method.invoke(name, run, value, ())
    if name == "empty" and isinstance(value, (str, list, tuple)):
        return not value
    if safe:
        return MISSING
    if isinstance(value, Mapping):
        raise ExpressionError(f"{path} has no {name[:60]}", hint=nearest(name, value))
    raise ExpressionError(f"{path} is {type_name(value)}, it has no {name[:60]}")


def refuse_reflection(name: str) -> None:
    """Refuse the names by which Java code gets at the machine.

    Raises:
        ExpressionError: the name is one of them.
    """
    if name in REFLECTION or name.startswith("__"):
        raise ExpressionError(
            f"{name[:60]!r} is refused in expressions", hint="Expressions only read values of the task."
        )


def item_of(value: Any, key: Any, path: str) -> Any:
    """Give ``value[key]``; a missing key of a map is null.

    Raises:
        ExpressionError: the index is outside, or the value has no elements.
    """
    if isinstance(value, Mapping):
        return entry(value, key)
    if isinstance(value, (list, tuple, str)):
        if kind_of(key) != INTEGER:
            raise ExpressionError(
                f"The index of {path} is {type_name(key)}, it must be an Integer", hint="Write (int) before it."
            )
        return character_at(value, key) if isinstance(value, str) else element(value, key)
    raise ExpressionError(f"{path} is {type_name(value)}, it has no elements", hint=_null_hint(value, path))


def _null_hint(value: Any, path: str) -> str:
    return f"Check {path} != null first." if value is None else ""


def call_method(value: Any, name: str, arguments: Sequence[Any], path: str, run: Run) -> Any:
    """Give ``value.name(arguments)``.

    Raises:
        ExpressionError: there is no such method, it does not fit the arguments, or it is refused.
    """
    if type(value) is StaticClass:
        method = value.members.get(name)
        table: Mapping[str, Any] = value.members
        method = method if isinstance(method, Method) else None
    else:
        table = methods_of(value)
        method = table.get(name)
    if method is not None:
        run.spend(1)
        run.look_at(value)
        return method.invoke(name, run, value, arguments)
    refuse_reflection(name)
    if value is None:
        raise ExpressionError(f"{path} is null, {name[:60]}() cannot be called on it", hint=_null_hint(value, path))
    if name in CHANGING and isinstance(value, (list, tuple, Mapping)):
        raise ExpressionError(
            f"{name}() is refused: expressions only read values", hint="Join lists with +, or use a script block."
        )
    owner = value.name if type(value) is StaticClass else type_name(value)
    offered = [key for key, member in table.items() if isinstance(member, Method)]
    raise ExpressionError(f"{owner} has no method {name[:60]}", hint=nearest(name, offered) if offered else "")
