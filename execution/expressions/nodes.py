"""The syntax tree of an expression. Nodes are immutable; ``pos`` is the offset in the text, ``depth``
the number of levels below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """One element of the tree."""

    pos: int
    depth: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A bare word: a name of the scope, a local variable or a class."""

    name: str


@dataclass(frozen=True, slots=True)
class Collection(Node):
    """``[a, b]`` (kind List), ``{a, b}`` (Array) or ``[k: v]`` (Map, whose items are pairs in a row)."""

    kind: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Property(Node):
    """``target.name``, or ``target.?name`` when ``safe``."""

    target: Node
    name: str
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Index(Node):
    """``target[key]``."""

    target: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``target.name(arguments)``; a ``None`` target is a bare call, which no expression may make."""

    target: Node | None
    name: str
    arguments: tuple[Node, ...]
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """``!x``, ``-x``, ``~x``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Cast(Node):
    """``(int) x``."""

    type: str
    operand: Node


@dataclass(frozen=True, slots=True)
class IsDefined(Node):
    """``isdef name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Operands joined by operators of one precedence, evaluated from the left: ``first (operator operand)*``."""

    first: Node
    rest: tuple[tuple[str, int, Node], ...]


@dataclass(frozen=True, slots=True)
class TypeTest(Node):
    """``x instanceof Type``."""

    operand: Node
    type: str


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """``a && b``, ``a || b`` or ``a or b`` with any number of operands, evaluated only as far as needed."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Ternary(Node):
    """``condition ? yes : no``."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """Statements; the value is that of the last one."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Assign(Node):
    """``name = value`` or, with an operator, ``name += value``; ``type`` as in ``int name = value``."""

    name: str
    value: Node
    operator: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class If(Node):
    """``if (condition) yes else no``."""

    condition: Node
    yes: Node
    no: Node | None


@dataclass(frozen=True, slots=True)
class Loop(Node):
    """``while``, ``until``, ``do`` and the three-part ``for``; ``when`` is what ends the check: true or false."""

    condition: Node
    body: Node
    until: bool = False
    check_first: bool = True
    start: Node | None = None
    step: Node | None = None


@dataclass(frozen=True, slots=True)
class ForEach(Node):
    """``for (name : items) body``."""

    name: str
    items: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Return(Node):
    """``return value``."""

    value: Node | None
