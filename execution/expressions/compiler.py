"""Syntax tree to closures: every node becomes a function of the running evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions import nodes
from execution.expressions.access import nearest
from execution.expressions.arithmetic import add, arithmetic, bitwise, invert, negate
from execution.expressions.comparison import contains, equal, has_nothing, ordering, type_test, unequal
from execution.expressions.conversions import CAST_TYPES, cast
from execution.expressions.nodes import Node
from execution.expressions.parser import refused_word
from execution.expressions.paths import (
    Closure,
    ended,
    fast_path,
    is_safe,
    plain_path,
    read_call,
    read_item,
    read_property,
)
from execution.expressions.patterns import matches
from execution.expressions.reads import count_nodes
from execution.expressions.runtime import Run, located
from execution.expressions.statements import (
    assign,
    condition,
    for_each,
    loop,
    returning,
    sequence,
)
from execution.expressions.statics import CLASSES, REFUSED_NAMES, refuse_class_value
from execution.values import JavaArray

Operator = Callable[[Any, Any, Run], Any]


def _matches(left: Any, right: Any, run: Run) -> bool:
    """``~=``: the whole text fits the pattern; null fits nothing."""
    if left is None or right is None:
        return False
    return matches(run.text_of(right), run.text_of(left), run)


_OPERATORS: Final[Mapping[str, Operator]] = {
    "+": add,
    **{sign: arithmetic(sign) for sign in ("-", "*", "/", "%", "**")},
    **{sign: bitwise(sign) for sign in ("&", "|", "^", "<<", ">>", ">>>")},
    **{sign: ordering(sign) for sign in ("<", ">", "<=", ">=")},
    "==": equal,
    "!=": unequal,
    "contains": contains,
    "~=": _matches,
}
_RESERVED: Final = frozenset({"taskInputs", "blocks", "task", *CLASSES}) | REFUSED_NAMES


_DECLARED_TYPES: Final = CAST_TYPES | {"var", "List", "Map"}


class Compiler:
    """Compiles one tree; ``assigned`` are the local variables it sets anywhere."""

    def __init__(self, assigned: frozenset[str]) -> None:
        self._assigned = assigned
        self._makers: Mapping[type[Node], Callable[[Any], Closure]] = {
            nodes.Literal: self._literal,
            nodes.Name: self._name,
            nodes.Collection: self._collection,
            nodes.Property: self._property,
            nodes.Index: self._index,
            nodes.Call: self._call,
            nodes.Unary: self._unary,
            nodes.Cast: self._cast,
            nodes.IsDefined: self._is_defined,
            nodes.Chain: self._chain,
            nodes.TypeTest: self._type_test,
            nodes.Logic: self._logic,
            nodes.Ternary: self._ternary,
            nodes.Sequence: self._sequence,
            nodes.Assign: self._assign,
            nodes.If: self._if,
            nodes.Loop: self._loop,
            nodes.ForEach: self._for_each,
            nodes.Return: self._return,
        }

    def build(self, node: Node) -> Closure:
        """Make the closure that computes the value of a node.

        Raises:
            ExpressionError: the node asks for something that is refused.
        """
        if isinstance(node, nodes.Name) and node.name in CLASSES:
            try:
                refuse_class_value(CLASSES[node.name])
            except ExpressionError as error:
                raise located(error, node.pos) from None
        closure = self._makers[type(node)](node)
        return ended(closure) if is_safe(node) else closure

    # --- values, names and paths ---

    def _literal(self, node: nodes.Literal) -> Closure:
        value = node.value
        return lambda run: value

    def _name(self, node: nodes.Name) -> Closure:
        name, position = node.name, node.pos
        if name in CLASSES:
            value = CLASSES[name]
            return lambda run: value
        if name in REFUSED_NAMES:
            raise refused_word(name, position)
        local = name in self._assigned

        def look_up(run: Run) -> Any:
            if local and run.local is not None and name in run.local:
                return run.local[name]
            try:
                return run.scope[name]
            except KeyError:
                raise _unknown_name(name, position, run) from None

        return look_up

    def _collection(self, node: nodes.Collection) -> Closure:
        items = [self.build(item) for item in node.items]
        if node.kind == "Array":
            return lambda run: JavaArray([item(run) for item in items])
        if node.kind == "List":
            return lambda run: [item(run) for item in items]
        pairs = list(zip(items[::2], items[1::2], strict=True))

        def make_map(run: Run) -> Any:
            result: dict[Any, Any] = {}
            for key, value in pairs:
                name = key(run)
                if isinstance(name, (list, dict)):
                    raise ExpressionError("A list or map cannot be a key", position=node.pos)
                result[name] = value(run)
            return result

        return make_map

    def _target(self, node: Node) -> Closure:
        """Compile what stands before a dot or bracket: it may be a class, and the path may have ended."""
        return self._makers[type(node)](node)

    def _property(self, node: nodes.Property) -> Closure:
        slow = read_property(self._target(node.target), node)
        names = plain_path(node)
        if names is None or names[0] in CLASSES or names[0] in self._assigned:
            return slow
        return fast_path(names, slow)

    def _index(self, node: nodes.Index) -> Closure:
        return read_item(self._target(node.target), self.build(node.key), node)

    def _call(self, node: nodes.Call) -> Closure:
        if node.target is None:
            raise ExpressionError(
                f"There is no function {node.name[:60]}", position=node.pos, hint="Methods follow a value and a dot."
            )
        return read_call(self._target(node.target), [self.build(item) for item in node.arguments], node)

    # --- operators ---

    def _unary(self, node: nodes.Unary) -> Closure:
        operand, position = self.build(node.operand), node.pos
        if node.operator == "!":
            test = condition(operand, position)
            return lambda run: not test(run)
        function = negate if node.operator == "-" else invert

        def compute(run: Run) -> Any:
            try:
                return function(operand(run), run)
            except ExpressionError as error:
                raise located(error, position) from None

        return compute

    def _cast(self, node: nodes.Cast) -> Closure:
        operand, kind, position = self.build(node.operand), node.type, node.pos

        def convert(run: Run) -> Any:
            try:
                return cast(kind, operand(run), run)
            except ExpressionError as error:
                raise located(error, position) from None

        return convert

    def _is_defined(self, node: nodes.IsDefined) -> Closure:
        name = node.name  # as measured, a path is never "defined", only a name is
        return lambda run: name in run.scope or name in CLASSES or (run.local is not None and name in run.local)

    def _chain(self, node: nodes.Chain) -> Closure:
        first = self.build(node.first)
        rest = [(self._operator(sign, position), position, self.build(item)) for sign, position, item in node.rest]
        if len(rest) == 1:
            return _null_test(first, node) or _binary(first, *rest[0])

        def compute(run: Run) -> Any:
            value = first(run)
            position = 0
            try:
                for function, position, operand in rest:  # noqa: B007  (read in the handler)
                    value = function(value, operand(run), run)
            except ExpressionError as error:
                raise located(error, position) from None
            return value

        return compute

    def _operator(self, sign: str, position: int) -> Operator:
        if sign not in _OPERATORS:
            raise ExpressionError(f"{sign} is not supported", position=position, hint="Use == or ~= with a pattern.")
        return _OPERATORS[sign]

    def _type_test(self, node: nodes.TypeTest) -> Closure:
        operand = self.build(node.operand)
        try:
            test = type_test(node.type)
        except ExpressionError as error:
            raise located(error, node.pos) from None
        return lambda run: test(operand(run))

    def _logic(self, node: nodes.Logic) -> Closure:
        if node.operator == "or":
            return _or_else([self.build(item) for item in node.operands])
        tests = [condition(self.build(item), item.pos) for item in node.operands]
        if len(tests) == 2:
            one, other = tests
            if node.operator == "&&":
                return lambda run: one(run) and other(run)
            return lambda run: one(run) or other(run)
        if node.operator == "&&":
            return lambda run: all(test(run) for test in tests)
        return lambda run: any(test(run) for test in tests)

    def _ternary(self, node: nodes.Ternary) -> Closure:
        if not isinstance(node.no, nodes.Ternary):
            test = condition(self.build(node.condition), node.condition.pos)
            yes, no = self.build(node.yes), self.build(node.no)
            return lambda run: yes(run) if test(run) else no(run)
        return self._branches(node, nodes.Ternary)

    def _branches(self, node: Any, kind: type[Node]) -> Closure:
        """Compile ``a ? b : c ? d : e`` and ``if … else if … else`` as one loop over their conditions."""
        pairs = []
        rest: Any = node
        while isinstance(rest, kind):
            link: Any = rest
            pairs.append((condition(self.build(link.condition), link.condition.pos), self.build(link.yes)))
            rest = link.no
        otherwise = None if rest is None else self.build(rest)

        def pick(run: Run) -> Any:
            for test, branch in pairs:
                if test(run):
                    return branch(run)
            return None if otherwise is None else otherwise(run)

        return pick

    # --- statements ---

    def _sequence(self, node: nodes.Sequence) -> Closure:
        return sequence([self.build(item) for item in node.items])

    def _assign(self, node: nodes.Assign) -> Closure:
        _check_assignable(node.name, node.pos)
        if node.type and node.type not in _DECLARED_TYPES:
            if node.type in REFUSED_NAMES:
                raise refused_word(node.type, node.pos)
            raise ExpressionError(f"{node.type} is not a type", position=node.pos, hint="Leave it out, or write var.")
        value = self.build(node.value)
        if node.operator:
            name = self._name(nodes.Name(node.pos, 1, node.name))
            value = _binary(name, _OPERATORS[node.operator], node.pos, value)
        return assign(node.name, value, node.type, node.pos)

    def _if(self, node: nodes.If) -> Closure:
        return self._branches(node, nodes.If)

    def _loop(self, node: nodes.Loop) -> Closure:
        test = condition(self.build(node.condition), node.condition.pos)
        body = self.build(node.body)
        if node.step is not None:
            body = sequence([body, self.build(node.step)])
        repeat = loop(test, body, until=node.until, check_first=node.check_first, cost=count_nodes(node))
        return repeat if node.start is None else sequence([self.build(node.start), repeat])

    def _for_each(self, node: nodes.ForEach) -> Closure:
        _check_assignable(node.name, node.pos)
        items, body = self.build(node.items), self.build(node.body)
        return for_each(node.name, items, body, count_nodes(node), node.items.pos)

    def _return(self, node: nodes.Return) -> Closure:
        return returning(None if node.value is None else self.build(node.value))


def _check_assignable(name: str, position: int) -> None:
    if name in _RESERVED:
        raise ExpressionError(
            f"{name} cannot be assigned", position=position, hint="Choose another name for the local variable."
        )


def _null_test(operand: Closure, node: nodes.Chain) -> Closure | None:
    """Shorten ``x == null`` and ``x != null``, the most common conditions of all."""
    sign, _, right = node.rest[0]
    if isinstance(node.first, nodes.Literal) or not isinstance(right, nodes.Literal) or right.value is not None:
        return None
    if sign == "==":
        return lambda run: operand(run) is None
    return (lambda run: operand(run) is not None) if sign == "!=" else None


def _binary(left: Closure, function: Operator, position: int, right: Closure) -> Closure:
    def compute(run: Run) -> Any:
        try:
            return function(left(run), right(run), run)
        except ExpressionError as error:
            raise located(error, position) from None

    return compute


def _or_else(items: list[Closure]) -> Closure:
    def pick(run: Run) -> Any:
        value = None
        for item in items:
            value = item(run)
            if not has_nothing(value):
                break
        return value

    return pick


def _unknown_name(name: str, position: int, run: Run) -> ExpressionError:
    known = [*run.scope, *CLASSES]
    hint = nearest(name, known)
    if not hint.startswith("Did"):
        hint = f'A text needs quotes: "{name[:60]}".'
    return ExpressionError(f"{name[:60]} is not known here", position=position, hint=hint)
