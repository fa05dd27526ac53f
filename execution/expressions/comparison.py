"""``== != < > <= >=``, ``empty``, ``contains`` and ``instanceof`` with the measured coercions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions.conversions import kind_of, number_of, truth_of
from execution.expressions.java_text import Blank
from execution.expressions.runtime import Run
from execution.values import MAX_NESTING, Character, JavaArray, Long, type_name

_SIMPLE: Final = frozenset({str, int, Long, bool})
_WHOLE: Final = frozenset({int, Long})


def equal(left: Any, right: Any, run: Run) -> bool:
    """``==``: by value, with text converted to the number or Boolean it is compared with."""
    kind = type(left)
    if kind is type(right) and kind in _SIMPLE:
        return bool(left == right)
    kinds = kind, type(right)
    if Blank in kinds:
        return is_empty(left) if kinds[1] is Blank else is_empty(right)
    if left is None or right is None:
        return left is right
    if bool in kinds:
        return truth_of(left) is truth_of(right)
    first, second = kind_of(left), kind_of(right)
    if first is not None and second is not None:
        one, other = _decimal_pair(left, right)
        return bool(one == other)
    if isinstance(left, str) or isinstance(right, str):
        return _equal_text(left, right, first, second)
    return same(left, right, run)


def _equal_text(left: Any, right: Any, first: int | None, second: int | None) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return str(left) == str(right)
    if first is None and second is None:
        return False
    text, number = (left, right) if second is not None else (right, left)
    value = number_of(text)
    if value is None:
        if type(text) is Character:
            raise ExpressionError(
                f"The character {str(text)!r} cannot be compared with a number", hint="Put the number in quotes."
            )
        return False
    return bool(Decimal(text) == number if isinstance(number, Decimal) else value == number)


def same(left: Any, right: Any, run: Run, depth: int = MAX_NESTING) -> bool:
    """Java's ``equals``: the same type and the same value; arrays only equal themselves."""
    if isinstance(left, JavaArray) or isinstance(right, JavaArray):
        return left is right
    if isinstance(left, (list, tuple, Mapping)):
        if type_name(left) != type_name(right) or len(left) != len(right):
            return False
        if depth == 0:
            raise ExpressionError(f"The values are nested more than {MAX_NESTING} levels deep")
        run.look_at(left)
        run.spend(1)
        if isinstance(left, Mapping):
            return all(key in right and same(left[key], right[key], run, depth - 1) for key in left)
        return all(same(one, other, run, depth - 1) for one, other in zip(left, right, strict=True))
    if type_name(left) != type_name(right):
        return False
    if isinstance(left, Decimal):
        return bool(left.as_tuple() == right.as_tuple())
    if isinstance(left, float) and left != left:
        return bool(right != right)
    return bool(left == right)


def _decimal_pair(left: Any, right: Any) -> tuple[Any, Any]:
    """Compare a BigDecimal with the shortest decimal form of a double, so that 1.1B is 1.1."""
    if type(left) is Decimal and type(right) is float:
        return left, Decimal(repr(right))
    if type(right) is Decimal and type(left) is float:
        return Decimal(repr(left)), right
    return left, right


def unequal(left: Any, right: Any, run: Run) -> bool:
    """``!=``."""
    return not equal(left, right, run)


def ordering(sign: str) -> Callable[[Any, Any, Run], bool]:
    """Make the function of ``<``, ``>``, ``<=`` or ``>=``."""

    def pick(order: int) -> bool:
        if sign[0] == "<":
            return order < 0 or (order == 0 and sign == "<=")
        return order > 0 or (order == 0 and sign == ">=")

    plain = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}[sign]

    def compare(left: Any, right: Any, run: Run) -> bool:
        if type(left) in _WHOLE and type(right) in _WHOLE:
            return bool(plain(left, right))
        first, second = kind_of(left), kind_of(right)
        if first is not None and second is not None:
            one, other = _decimal_pair(left, right)
            return one == one and other == other and pick(0 if one == other else -1 if one < other else 1)
        pair = _comparable(left, right, first, second, sign)
        return pair is not None and pick(0 if pair[0] == pair[1] else -1 if pair[0] < pair[1] else 1)

    return compare


def _comparable(left: Any, right: Any, first: int | None, second: int | None, sign: str) -> tuple[Any, Any] | None:
    """Bring two values to a common type; ``None`` when their order is always false."""
    if left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        return str(left), str(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return truth_of(left), truth_of(right)
    if isinstance(left, str) and second is not None:
        return _numeric(left, right, sign), right
    if isinstance(right, str) and first is not None:
        return left, _numeric(right, left, sign)
    if isinstance(left, Mapping) or (isinstance(left, list) and not isinstance(right, list)):
        return None
    raise ExpressionError(f"{sign} does not work on {type_name(left)} and {type_name(right)}")


def _numeric(text: str, number: Any, sign: str) -> Any:
    value = number_of(text)
    if value is None:
        shown = repr(str(text[:37]))
        raise ExpressionError(
            f"{sign} compares the text {shown} with a number", hint="Only texts that are numbers can be ordered so."
        )
    return Decimal(text) if isinstance(number, Decimal) else value


def is_empty(value: Any) -> bool:
    """Say what ``== empty`` says: null, blank text, 0, false and empty lists are empty; maps never are."""
    if value is None or value is False:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, (list, tuple)):
        return not value
    return kind_of(value) is not None and bool(value == 0)


def has_nothing(value: Any) -> bool:
    """Say whether ``or`` passes a value over: null and texts, lists and maps without content."""
    return value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value)


def contains(left: Any, right: Any, run: Run) -> bool:
    """``contains``: text in text, element in list, key in map; false for anything else."""
    if isinstance(left, str):
        if right is None:
            return False
        run.look_at(left)
        return run.text_of(right) in left
    if isinstance(left, Mapping):
        return has_key(left, right)
    if isinstance(left, (list, tuple)):
        run.look_at(left)
        return any(same(item, right, run) for item in left)
    return False


def has_key(mapping: Mapping[Any, Any], key: Any) -> bool:
    """Look a key up by type and value; what cannot be a key is in no map."""
    if isinstance(key, (list, tuple, Mapping)):
        return False
    if key in mapping:
        return any(type(found) is type(key) for found in mapping if found == key) if not isinstance(key, str) else True
    return False


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "Object": lambda value: value is not None,
    "Number": lambda value: kind_of(value) is not None,
    "CharSequence": lambda value: isinstance(value, str) and type(value) is not Character,
    "Collection": lambda value: type_name(value) == "List",
    "Object[]": lambda value: type_name(value) == "Array",
    "String[]": lambda value: type_name(value) == "Array",
    "Comparable": lambda value: type_name(value) not in ("null", "List", "Array", "Map"),
    **{
        name: lambda value, name=name: type_name(value) == name  # type: ignore[misc]
        for name in ("Boolean", "Integer", "Long", "Double", "BigDecimal", "String", "Character", "List", "Map")
    },
}


def type_test(name: str) -> Callable[[Any], bool]:
    """Make the function of ``instanceof``; a package may stand before the name.

    Raises:
        ExpressionError: the type is not one of the value types.
    """
    package, _, short = name.rpartition(".")
    if package not in ("", "java.lang", "java.util", "java.math") or short not in _TYPES:
        raise ExpressionError(f"{name} is not a type that can be tested for", hint=f"Types are: {', '.join(_TYPES)}.")
    return _TYPES[short]
