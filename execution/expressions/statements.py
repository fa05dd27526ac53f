"""Closures of statements: sequences, assignment, loops and return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from execution.errors import ExpressionError
from execution.expressions.conversions import CAST_TYPES, cast
from execution.expressions.runtime import Run, located
from execution.values import type_name

Closure = Callable[[Run], Any]


class ReturnSignal(Exception):
    """Carries the value of ``return`` to the end of the expression."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def condition(closure: Closure, position: int) -> Callable[[Run], bool]:
    """Make a closure that insists on a Boolean."""

    def test(run: Run) -> bool:
        value = closure(run)
        if value is True or value is False:
            return bool(value)
        raise not_boolean(value, position)

    return test


def not_boolean(value: Any, position: int) -> ExpressionError:
    """Build the error for a condition that is no Boolean."""
    hint = "Compare it with null: … != null." if value is None else "Compare it: … == true."
    return ExpressionError(f"true or false is expected, not {type_name(value)}", position=position, hint=hint)


def sequence(items: list[Closure]) -> Closure:
    """Run statements in order; the value is that of the last."""
    if not items:
        return lambda run: None
    if len(items) == 1:
        return items[0]

    def steps(run: Run) -> Any:
        value = None
        for item in items:
            value = item(run)
        return value

    return steps


def assign(name: str, value: Closure, kind: str, position: int) -> Closure:
    """Set a local variable, converted when a type stands before it."""

    def store(run: Run) -> Any:
        result = value(run)
        if kind in CAST_TYPES:
            try:
                result = cast(kind, result, run)
            except ExpressionError as error:
                raise located(error, position) from None
        if run.local is None:
            run.local = {}
        run.local[name] = result
        return result

    return store


def loop(test: Callable[[Run], bool], body: Closure, *, until: bool, check_first: bool, cost: int) -> Closure:
    """Repeat while the test holds (``until``: while it does not); every round costs steps."""

    def rounds(run: Run) -> Any:
        if check_first and test(run) is until:
            return None
        while True:
            run.spend(cost)
            body(run)
            if test(run) is until:
                return None

    return rounds


def for_each(name: str, items: Closure, body: Closure, cost: int, position: int) -> Closure:
    """Run the body for every element of a list, character of a text, or number from 1 to n."""

    def rounds(run: Run) -> Any:
        value = items(run)
        if isinstance(value, bool) or not isinstance(value, (list, tuple, str, int)):
            hint = "Loop over map.keySet()." if isinstance(value, Mapping) else ""
            raise ExpressionError(f"{type_name(value)} cannot be looped over", position=position, hint=hint)
        if run.local is None:
            run.local = {}
        for item in range(1, value + 1) if isinstance(value, int) else value:
            run.spend(cost)
            run.local[name] = item
            body(run)
        return None

    return rounds


def returning(value: Closure | None) -> Closure:
    """End the expression with a value."""

    def leave(run: Run) -> Any:
        raise ReturnSignal(None if value is None else value(run))

    return leave
