"""Closures of ``a.b``, ``a.?b``, ``a[b]`` and ``a.b(c)``: fast where the path is plain, with good errors where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from execution.errors import ExpressionError
from execution.expressions import nodes
from execution.expressions.access import MISSING, REFLECTION, call_method, item_of, property_of
from execution.expressions.collection_methods import MAP_METHODS
from execution.expressions.nodes import Node
from execution.expressions.runtime import Run, located

Closure = Callable[[Run], Any]


def path_text(node: Node) -> str:
    """Write a path as it stands in the expression, for messages."""
    if isinstance(node, nodes.Name):
        return node.name[:60]
    if isinstance(node, nodes.Property):
        return f"{path_text(node.target)}.{node.name[:60]}"
    if isinstance(node, nodes.Index):
        return f"{path_text(node.target)}[…]"
    if isinstance(node, nodes.Call) and node.target is not None:
        return f"{path_text(node.target)}.{node.name[:60]}(…)"
    return "the value"


def plain_path(node: Node) -> tuple[str, ...] | None:
    """Give the names of ``a.b.c``, ``None`` for anything else."""
    names: list[str] = []
    while isinstance(node, nodes.Property) and not node.safe:
        names.append(node.name)
        node = node.target
    return (node.name, *names[::-1]) if isinstance(node, nodes.Name) else None


def is_safe(node: Node) -> bool:
    """Say whether a path has a ``.?`` anywhere, so that it may end early."""
    while isinstance(node, (nodes.Property, nodes.Index, nodes.Call)) and node.target is not None:
        if not isinstance(node, nodes.Index) and node.safe:
            return True
        node = node.target
    return False


def fast_path(names: tuple[str, ...], slow: Closure) -> Closure:
    """Look a plain path up in nested maps; whatever else it turns out to be, ``slow`` deals with."""
    if len(names) == 2:
        root, first = names

        def read_two(run: Run) -> Any:
            try:
                return run.scope[root][first]
            except (KeyError, TypeError, IndexError):
                return slow(run)

        return read_two
    if len(names) == 3:
        root, first, second = names
        if (root, first) == ("task", "variables") and second not in {*MAP_METHODS, *REFLECTION}:
            return _fast_variable(second, slow)

        def read_three(run: Run) -> Any:
            try:
                return run.scope[root][first][second]
            except (KeyError, TypeError, IndexError):
                return slow(run)

        return read_three

    def read(run: Run) -> Any:
        try:
            value: Any = run.scope
            for name in names:
                value = value[name]
        except (KeyError, TypeError, IndexError):
            return slow(run)
        return value

    return read


def _fast_variable(name: str, slow: Closure) -> Closure:
    """Look a task variable up; a missing one is common where variables are not strict, so it must be cheap."""

    def read(run: Run) -> Any:
        try:
            variables = run.scope["task"]["variables"]
            if name in variables or run.strict or type(variables) is not dict:
                return variables[name]
        except (KeyError, TypeError, IndexError):
            return slow(run)
        return None if name.isidentifier() and not name.startswith("__") else slow(run)

    return read


def ended(read: Closure) -> Closure:
    """Turn an early end of a path into null."""

    def finish(run: Run) -> Any:
        value = read(run)
        return None if value is MISSING else value

    return finish


def read_property(target: Closure, node: nodes.Property) -> Closure:
    """Make the closure of ``target.name``. A missing task variable is null unless variables are strict."""
    name, safe, path, position = node.name, node.safe, path_text(node.target), node.pos
    is_variable = path == "task.variables"

    def read(run: Run) -> Any:
        value = target(run)
        if value is MISSING:
            return MISSING
        lenient = is_variable and not run.strict and value is not None
        try:
            found = property_of(value, name, safe or lenient, path, run)
        except ExpressionError as error:
            raise located(error, position) from None
        if safe:
            return MISSING if found is None else found
        return None if found is MISSING else found

    return read


def read_item(target: Closure, key: Closure, node: nodes.Index) -> Closure:
    """Make the closure of ``target[key]``."""
    path, position = path_text(node.target), node.pos

    def read(run: Run) -> Any:
        value = target(run)
        if value is MISSING:
            return MISSING
        try:
            return item_of(value, key(run), path)
        except ExpressionError as error:
            raise located(error, position) from None

    return read


def read_call(target: Closure, arguments: list[Closure], node: nodes.Call) -> Closure:
    """Make the closure of ``target.name(arguments)``; ``.?`` before it skips the call on null."""
    name, safe, position = node.name, node.safe, node.pos
    path = path_text(node.target) if node.target is not None else ""

    def read(run: Run) -> Any:
        value = target(run)
        if value is MISSING or (safe and value is None):
            return MISSING
        try:
            return call_method(value, name, [argument(run) for argument in arguments], path, run)
        except ExpressionError as error:
            raise located(error, position) from None

    return read
