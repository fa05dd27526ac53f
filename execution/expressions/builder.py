# ruff: noqa: D102  (the callbacks are named after the rules of the grammar, which say what they are)
"""The callbacks of the parser: tokens to nodes, with literals converted and every node knowing its depth."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from lark import Token, Transformer, v_args

from execution.errors import ExpressionError
from execution.expressions import nodes
from execution.expressions.java_text import EMPTY, merged
from execution.expressions.nodes import Node
from execution.values import LONG_MAX, Long

_WORDS = {"true": True, "false": False, "null": None, "nil": None, "empty": EMPTY}
_ESCAPE = re.compile(r"\\(u+[0-9a-fA-F]{4}|[0-3]?[0-7]{1,2}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"'}


def _below(children: Iterable[Node | None]) -> int:
    return 1 + max((child.depth for child in children if child is not None), default=0)


def _chain(children: list[Any]) -> Node:
    """``a op b op c`` as one flat node."""
    first, rest = children[0], children[1:]
    pairs = tuple((str(rest[i]), rest[i].start_pos, rest[i + 1]) for i in range(0, len(rest), 2))
    return nodes.Chain(first.pos, _below([first, *(pair[2] for pair in pairs)]), first, pairs)


def _logic(operator: str) -> Any:
    def build(self: TreeBuilder, children: list[Node]) -> Node:
        return nodes.Logic(children[0].pos, _below(children), operator, tuple(children))

    return build


class TreeBuilder(Transformer[Token, Any]):
    """Callbacks named after the rules of the grammar. Holds no state: one instance serves every parse."""

    # --- literals and names ---

    def number(self, children: list[Token]) -> Node:
        token = children[0]
        return nodes.Literal(token.start_pos or 0, 1, parse_number(str(token), token.start_pos or 0))

    def text(self, children: list[Token]) -> Node:
        token = children[0]
        return nodes.Literal(token.start_pos or 0, 1, parse_text(str(token), token.start_pos or 0))

    def word(self, children: list[Token]) -> Node:
        return nodes.Literal(children[0].start_pos or 0, 1, _WORDS[str(children[0])])

    def name(self, children: list[Token]) -> Node:
        return nodes.Name(children[0].start_pos or 0, 1, str(children[0]))

    def parentheses(self, children: list[Node]) -> Node:
        return children[0]

    def items(self, children: list[Node]) -> list[Node]:
        return children

    arguments = items
    pair = items

    def _collection(self, kind: str, items: list[Node]) -> Node:
        return nodes.Collection(items[0].pos if items else 0, _below(items), kind, tuple(items))

    def list(self, children: Any) -> Node:
        return self._collection("List", children[0])

    def array(self, children: Any) -> Node:
        return self._collection("Array", children[0])

    def map(self, children: Any) -> Node:
        return self._collection("Map", [node for pair in children for node in pair])

    def empty_map(self, children: Any) -> Node:
        return self._collection("Map", [])

    # --- access ---

    def property(self, children: Any) -> Node:
        target, dot, name = children
        return nodes.Property(name.start_pos, target.depth + 1, target, str(name), dot == ".?")

    def call(self, children: Any) -> Node:
        target, dot, name, arguments = children
        depth = _below([target, *arguments])
        return nodes.Call(name.start_pos, depth, target, str(name), tuple(arguments), dot == ".?")

    def bare_call(self, children: Any) -> Node:
        name, arguments = children
        return nodes.Call(name.start_pos, _below(arguments), None, str(name), tuple(arguments))

    def index(self, children: Any) -> Node:
        target, key = children
        return nodes.Index(key.pos, _below(children), target, key)

    # --- operators ---

    def unary(self, children: Any) -> Node:
        operator, operand = children
        if operator == "+":
            raise ExpressionError(
                "+ needs a value on its left", position=operator.start_pos, hint="Leave out the leading +."
            )
        if operator == "-" and isinstance(operand, nodes.Literal):
            value = operand.value
            if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
                return nodes.Literal(operator.start_pos, 1, type(value)(-value))
        return nodes.Unary(operator.start_pos, operand.depth + 1, str(operator), operand)

    def cast(self, children: Any) -> Node:
        cast, operand = children
        kind = cast.strip("() \t\r\n").rpartition(".")[2]
        return nodes.Cast(cast.start_pos, operand.depth + 1, kind, operand)

    def is_defined(self, children: Any) -> Node:
        return nodes.IsDefined(children[0].start_pos, 1, "".join(children))

    def relation(self, children: Any) -> Node:
        left: Node = children[0]
        for operator, right in zip(children[1::2], children[2::2], strict=True):
            if isinstance(right, str):
                left = nodes.TypeTest(operator.start_pos, left.depth + 1, left, right)
            else:
                rest = ((str(operator), operator.start_pos, right),)
                left = nodes.Chain(left.pos, _below([left, right]), left, rest)
        return left

    def type(self, children: Iterable[Token]) -> str:
        return "".join(children)

    def _binary(self, children: Any) -> Node:
        return _chain(children)

    bits = shift = sum = match = product = power = _binary
    or_else = _logic("or")
    either = _logic("||")
    both = _logic("&&")

    def ternary(self, children: Any) -> Node:
        condition, yes, no = children
        depth = max(_below([condition, yes]), no.depth + (not isinstance(no, nodes.Ternary)))  # a chain is flat
        return nodes.Ternary(condition.pos, depth, condition, yes, no)

    # --- statements ---

    def assign(self, children: Any) -> Node:
        name, operator, value = children
        return nodes.Assign(name.start_pos, value.depth + 1, str(name), value, operator[:-1])

    @v_args(inline=True)
    def declare(self, kind: Token, name: Token, operator: Token, value: Node) -> Node:
        if operator != "=":
            raise ExpressionError("A new variable is set with =", position=operator.start_pos)
        return nodes.Assign(name.start_pos or 0, value.depth + 1, str(name), value, "", str(kind))

    @v_args(inline=True)
    def step_after(self, name: Token, operator: Token) -> Node:
        one = nodes.Literal(name.start_pos or 0, 1, 1)
        return nodes.Assign(name.start_pos or 0, 2, str(name), one, operator[0])

    @v_args(inline=True)
    def step_before(self, operator: Token, name: Token) -> Node:
        return self.step_after(name, operator)  # type: ignore[no-any-return]

    def returning(self, children: Any) -> Node:
        value = children[1] if len(children) > 1 else None
        return nodes.Return(children[0].start_pos, _below([value]), value)

    def sequence(self, children: Any) -> Node:
        return nodes.Sequence(children[0].pos if children else 0, _below(children), tuple(children))

    block = parentheses
    start = parentheses

    def if_statement(self, children: Any) -> Node:
        word, condition, yes = children[:3]
        no = children[3] if len(children) > 3 else None
        depth = max(_below([condition, yes]), no.depth + (not isinstance(no, nodes.If)) if no is not None else 0)
        return nodes.If(word.start_pos, depth, condition, yes, no)

    def while_loop(self, children: Any) -> Node:
        word, condition, body = children
        return nodes.Loop(word.start_pos, _below([condition, body]), condition, body, word == "until")

    def do_loop(self, children: Any) -> Node:
        word, body, kind, condition = children
        return nodes.Loop(word.start_pos, _below([condition, body]), condition, body, kind == "until", False)

    def for_loop(self, children: Any) -> Node:
        word, start, condition, step, body = children
        depth = _below([start, condition, step, body])
        return nodes.Loop(word.start_pos, depth, condition, body, False, True, start, step)

    def foreach_loop(self, children: Any) -> Node:
        word, *names, items, body = children
        return nodes.ForEach(word.start_pos, _below([items, body]), str(names[-1]), items, body)


def parse_number(text: str, position: int) -> Any:
    """Convert a numeric literal. Without a suffix, whole numbers of ten digits and more are Long.

    Raises:
        ExpressionError: it does not fit its type.
    """
    try:
        value = _number(text.lower())
    except (ValueError, ArithmeticError):
        value = None
    if value is None:
        raise ExpressionError(
            f"{text[:40]} is not a number that can be used here",
            position=position,
            hint="Whole numbers end at 9223372036854775807; 0x starts a hexadecimal number, 0 an octal one.",
        )
    return value


def _number(text: str) -> Any:
    if text.startswith("0x"):
        is_long = text.endswith("l")
        number = int(text.removesuffix("l"), 16)
        if is_long and number <= LONG_MAX:
            return Long(number)
        return number if number < 2**31 and not is_long else None
    digits, suffix = (text[:-1], text[-1]) if text[-1] in "ldfbi" else (text, "")
    if suffix == "b":
        return Decimal(digits) if len(digits) <= 400 and "e" not in digits else None
    if suffix in ("d", "f") or not digits.isdigit():
        return float(digits) if suffix not in ("l", "i") else None
    if suffix == "i":
        return None
    number = int(digits, 8) if len(digits) > 1 and digits[0] == "0" else int(digits[:40])
    if number > LONG_MAX or len(digits) > 40:
        # The smallest Long is written as a negated literal; Java's own parser refuses it as well.
        return None
    return Long(number) if suffix or len(digits) > 9 else number


def parse_text(token: str, position: int) -> str:
    """Take the quotes off a text and resolve its escapes.

    Raises:
        ExpressionError: an escape is not known.
    """
    body = token[1:-1]
    if "\\" not in body:
        return body

    def resolve(match: re.Match[str]) -> str:
        escape = match.group(1)
        if escape in _ESCAPES:
            return _ESCAPES[escape]
        if escape[0] == "u" and len(escape) > 1:
            return chr(int(escape.lstrip("u"), 16))
        if escape[0] in "01234567":
            return chr(int(escape, 8))
        raise ExpressionError(
            f"\\{escape} is not an escape",
            position=position + 1 + match.start(),
            hint="Write \\\\ for a backslash; in a pattern: \\\\d.",
        )

    return merged(_ESCAPE.sub(resolve, body))
