"""From the parameters a definition gives a block to one function that evaluates them all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from execution.definition import Problems, RawBlock
from execution.errors import BlockError, ExpressionError
from execution.expressions import Expression, compile
from execution.parameters import ParameterSpec, anything, shown
from execution.values import to_text

_CORRECT = "Correct the expression."
Scope = Mapping[str, Any]
Getter = Callable[[Scope], Any]


@dataclass(slots=True)
class Binding:
    """How a block's parameters come about: ``constant`` when nothing has to be evaluated, else ``bind``.

    ``fixed`` holds the fields that need no evaluation.
    """

    constant: Any = None
    bind: Callable[[Scope], Any] | None = None
    deferred: dict[str, Getter] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Source:
    """One parameter of one block: a constant, or a getter."""

    spec: ParameterSpec
    value: Any = None
    getter: Getter | None = None


class Binder:
    """Compiles parameters; keeps every expression, so that the plan knows what is read."""

    def __init__(self, problems: Problems, *, strict: bool = False) -> None:
        self.expressions: list[Expression] = []
        self._problems = problems
        self._strict = strict

    def bind(self, raw: RawBlock) -> Binding:
        """The binding of a block; faults go to ``problems``."""
        spec = raw.spec
        if spec.params is None:
            return Binding()
        left = dict(raw.parameters)
        sources = [self._source(raw, item, left) for item in spec.parameters]
        for name in left:
            words = f"{raw.type} does not use this parameter."
            self._problems.warn(f"{raw.where} › {str(name)[:60]}", "parameter.ignored", words, "It can be removed.")
        binding = Binding()
        ready = []
        for source in sources:
            if source.spec.deferred:
                binding.deferred[source.spec.name] = _converted(source)
            else:
                ready.append(source)
        binding.fixed = {source.spec.field: source.value for source in ready if source.getter is None}
        if len(binding.fixed) == len(ready):
            binding.constant = spec.params(**binding.fixed)
        else:
            binding.bind = _bind_function(spec.params, ready)
        return binding

    def _source(self, raw: RawBlock, spec: ParameterSpec, left: dict[str, Any]) -> _Source:
        if spec.prefix is not None:
            return self._gathered(raw, spec, spec.prefix, left)
        given = left.pop(spec.name, None)
        where = f"{raw.where} › {spec.name}"
        source = _Source(spec)
        value, getter = self._value(given, where)
        if getter is not None:
            source.getter = getter
            if isinstance(getter, _Fixed) and getter.value is not None:
                with suppress(ValueError):  # an expression of the wrong type fails its block when it runs
                    source.value, source.getter = spec.convert(getter.value), None
            return source
        if value is None or value == "":
            if spec.required:
                self._problems.add(where, "parameter.missing", f"{raw.type} needs {spec.name}.", "Give it a value.")
            elif spec.advised:
                self._problems.warn(
                    where, "parameter.empty", f"{spec.name} is empty; the block will refuse to run.", "Give it a value."
                )
            return source
        try:
            source.value = spec.convert(value)
        except ValueError as error:
            self._problems.add(where, "parameter.type", f"{spec.name}: {error}.", "Correct the value.")
        return source

    def _gathered(self, raw: RawBlock, spec: ParameterSpec, prefix: str, left: dict[str, Any]) -> _Source:
        getters: dict[str, Getter] = {}
        for name in [name for name in left if isinstance(name, str) and name.startswith(prefix)]:
            value, getter = self._value(left.pop(name), f"{raw.where} › {name}")
            getters[name] = getter or _constant(value)
        source = _Source(spec)
        if getters:
            source.getter = _map_of(getters, prefix)
        return source

    def _value(self, given: Any, where: str) -> tuple[Any, Getter | None]:
        """A parameter as a constant or a getter: ``Simple`` trimmed text, ``Expression``, ``Key-Value`` a map."""
        if given is None:
            return None, None
        if not isinstance(given, Mapping):
            words = f"A parameter is an object with type and value, not {shown(given)}."
            self._problems.add(where, "parameter.malformed", words, "Export the task again.")
            return None, None
        kind, value = given.get("type"), given.get("value")
        if value is None:
            return None, None
        if kind == "Simple":
            return _trimmed(value), None
        if kind == "Expression":
            return self._expression(_trimmed(value), where)
        if kind == "Key-Value":
            return self._key_value(value, where)
        self._problems.warn(
            where,
            "parameter.kind",
            f"A parameter of type {shown(kind)} is taken as empty.",
            "Use Simple, Expression or Key-Value.",
        )
        return None, None

    def _expression(self, text: str | None, where: str) -> tuple[Any, Getter | None]:
        if text is None:
            return None, None
        try:
            expression = compile(text)
            if expression.constant:
                return None, _Fixed(expression.evaluate({}))
        except ExpressionError as error:
            self._problems.add(where, "expression.invalid", _at_fault(error), error.hint or _CORRECT)
            return None, None
        self.expressions.append(expression)
        return None, partial(expression.evaluate, strict_variables=True) if self._strict else expression.evaluate

    def _key_value(self, value: Any, where: str) -> tuple[Any, Getter | None]:
        rows = value
        if isinstance(value, str):
            if not value.strip():
                return None, None
            try:
                rows = json.loads(value)
            except (ValueError, RecursionError):
                rows = None
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) and len(row) >= 2 for row in rows):
            self._problems.add(
                where,
                "parameter.key-value",
                f"A Key-Value parameter is a JSON list of objects with key, value and type, not {shown(value)}.",
                "Enter it again as rows of key and value.",
            )
            return None, None
        pairs = [self._row(list(row.values()), where) for row in rows]
        return None, lambda scope: {_key(key(scope)): get(scope) for key, get in pairs}

    def _row(self, fields: list[Any], where: str) -> tuple[Getter, Getter]:
        kind = fields[2] if len(fields) > 2 else None
        key, value = self._cell(fields[0], where), self._cell(fields[1], where)
        return key, _parsed(value) if kind == "object" else value

    def _cell(self, cell: Any, where: str) -> Getter:
        if isinstance(cell, str) and cell.startswith("="):
            value, getter = self._expression(cell[1:].strip() or None, where)
            return getter or _constant(value)
        return _constant(cell)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The getter of an expression that reads nothing."""

    value: Any

    def __call__(self, scope: Scope) -> Any:
        return self.value


def _map_of(getters: Mapping[str, Getter], prefix: str) -> Getter:
    def gather(scope: Scope) -> dict[str, Any]:
        values = {}
        for name, get in getters.items():
            try:
                values[name.removeprefix(prefix)] = get(scope)
            except (ExpressionError, ValueError) as error:
                raise _refused(name, error) from error
        return values

    return gather


def _key(value: Any) -> str:
    if value is None:
        raise ValueError("a row has no key")
    return value if type(value) is str else to_text(value)


def _constant(value: Any) -> Getter:
    return lambda scope: value


def _parsed(getter: Getter) -> Getter:
    def parse(scope: Scope) -> Any:
        value = getter(scope)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError(f"JSON is wanted, not {shown(value)}") from None

    return parse


def _trimmed(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    words = (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).strip()
    return words or None


def _at_fault(error: ExpressionError) -> str:
    """What is wrong, where, and in which expression."""
    place = f" (at character {error.position + 1})" if error.position is not None else ""
    return f"{error.message.rstrip('.')}{place}, in {shown(error.text)}."


def _refused(name: str, error: ExpressionError | ValueError) -> BlockError:
    if isinstance(error, ExpressionError):
        return BlockError("block.expression", f"{name}: {_at_fault(error)}", remedy=error.hint or _CORRECT)
    return BlockError("block.parameter", f"{name}: {error}.", remedy="Correct the parameter or what it reads.")


def _converted(source: _Source) -> Getter:
    name, getter, value, convert = source.spec.name, source.getter, source.value, source.spec.convert

    def evaluate(scope: Scope) -> Any:
        try:
            return value if getter is None else convert(getter(scope))
        except (ExpressionError, ValueError) as error:
            raise _refused(name, error) from error

    return evaluate


def _bind_function(params: type, sources: list[_Source]) -> Callable[[Scope], Any]:
    """The function that evaluates all parameters of a block, in the order of the dataclass."""
    steps = tuple(
        (source.getter, source.value if source.getter is None else None, source.spec.convert) for source in sources
    )
    names = [source.spec.name for source in sources]
    evaluated = [index for index, (getter, _, _) in enumerate(steps) if getter is not None]
    if len(evaluated) == 1:
        return _bind_one(params, sources, evaluated[0], names[evaluated[0]])

    def bind(scope: Scope) -> Any:
        values: list[Any] = []
        add = values.append
        try:
            for getter, value, convert in steps:
                if getter is None:
                    add(value)
                elif convert is anything:
                    add(getter(scope))
                else:
                    add(convert(getter(scope)))
        except (ExpressionError, ValueError) as error:
            raise _refused(names[len(values)], error) from error
        return params(*values)

    return bind


def _bind_one(params: type, sources: list[_Source], index: int, name: str) -> Callable[[Scope], Any]:
    """The same when only one parameter has to be evaluated, as in most blocks."""
    before, after = [source.value for source in sources[:index]], [source.value for source in sources[index + 1 :]]
    getter, convert = sources[index].getter or _constant(None), sources[index].spec.convert

    def bind(scope: Scope) -> Any:
        try:
            value = convert(getter(scope))
        except (ExpressionError, ValueError) as error:
            raise _refused(name, error) from error
        return params(*before, value, *after)

    return bind
