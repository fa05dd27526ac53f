"""The expression language: MVEL as the warehouse tasks use it, read-only and bounded.

``compile`` once, ``Expression.evaluate`` often. ``evaluate`` does both. Every refusal is an ``ExpressionError`` with
the position in the text, where it is known, and a hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions import nodes
from execution.expressions.compiler import Compiler
from execution.expressions.java_text import Blank
from execution.expressions.limits import DEFAULT_LIMITS, Limits
from execution.expressions.parser import parse
from execution.expressions.paths import plain_path
from execution.expressions.reads import Reads, children, find_reads
from execution.expressions.runtime import Run, check_size
from execution.expressions.statements import ReturnSignal
from execution.values import JavaArray

__all__ = ["DEFAULT_LIMITS", "Expression", "ExpressionError", "Limits", "Reads", "compile", "evaluate"]


_SIZED: Final = frozenset({str, list, dict, JavaArray})


class Expression:
    """A compiled expression: immutable, safe to share between runs."""

    __slots__ = ("_blank", "_closure", "_limits", "_path", "_value", "constant", "reads", "text")

    def __init__(self, text: str, limits: Limits) -> None:
        """Compile; use ``compile``."""
        tree = parse(text, limits)
        assigned = frozenset(_assigned(tree))
        self.text = text
        self.reads: Reads = find_reads(tree)
        only = tree.items[0] if len(tree.items) == 1 else None
        self.constant = not tree.items or isinstance(only, nodes.Literal)
        value = only.value if isinstance(only, nodes.Literal) else None
        self._value: Any = "" if type(value) is Blank else value
        self._limits = limits
        self._closure = Compiler(assigned).build(tree)
        self._blank = "empty" in text
        self._path = plain_path(only) if isinstance(only, nodes.Property) and not assigned else None
        if self._path is not None and self._path[:2] == ("task", "variables"):
            self._path = None  # the closure is faster for those that are missing

    @property
    def names(self) -> frozenset[str]:
        """The names of the scope it uses."""
        return self.reads.names

    def evaluate(self, scope: Mapping[str, Any], strict_variables: bool = False) -> Any:
        """Compute the value. The scope is only read.

        Args:
            scope: ``taskInputs``, ``blocks``, ``task`` and whatever else the caller offers.
            strict_variables: raise for a missing ``task.variables.x`` instead of giving null.

        Raises:
            ExpressionError: it cannot be evaluated or exceeds its limits.
        """
        if self.constant:
            return self._value
        path = self._path
        if path is not None:
            try:
                value: Any = scope
                for name in path:
                    value = value[name]
                return value
            except (KeyError, TypeError, IndexError):
                pass  # the closure finds out what is the matter
        try:
            value = self._closure(Run(scope, strict_variables, self._limits))
        except ReturnSignal as signal:
            value = signal.value
        except ExpressionError as error:
            error.text = self.text
            raise
        except RecursionError:
            raise ExpressionError("The expression or its values are nested too deep", text=self.text) from None
        if type(value) in _SIZED:
            check_size(value, self._limits)
        return "" if self._blank and type(value) is Blank else value

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def compile(text: str, limits: Limits = DEFAULT_LIMITS) -> Expression:
    """Compile an expression. Blank text, and text that is only a comment, is null.

    Raises:
        ExpressionError: it does not parse, asks for something refused, or exceeds the limits.
    """
    try:
        return Expression(text, limits)
    except ExpressionError as error:
        error.text = text
        raise


def evaluate(
    text: str, scope: Mapping[str, Any], strict_variables: bool = True, limits: Limits = DEFAULT_LIMITS
) -> Any:
    """Compile and evaluate an expression once.

    Raises:
        ExpressionError: it does not parse, cannot be evaluated, or exceeds the limits.
    """
    return compile(text, limits).evaluate(scope, strict_variables)


def _assigned(tree: nodes.Node) -> set[str]:
    """Collect the local variables an expression sets."""
    found: set[str] = set()
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, (nodes.Assign, nodes.ForEach)):
            found.add(node.name)
        pending.extend(children(node))
    return found
