"""What a run knows while it runs: inputs, variables, outputs that are still needed. Dies with the run.

Nothing but the executor's frame keeps a reference to it; ``cleanup`` empties it on every way out, and a
``ContextRegister`` can tell which contexts are alive and which outlived their run.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

from execution.errors import BlockError
from execution.limits import Limits, RunInfo
from execution.values import Long, detached

MAX_DEPTH = 100
#: Texts up to this length are counted without being written.
_SHORT = 200
_SMALL = frozenset({int, bool, float, type(None), Long})


class TaskContext:
    """Inputs, variables with the block that set them, live outputs, the last blocks executed; counts its bytes."""

    __slots__ = (
        "__weakref__",
        "_limit",
        "_others",
        "_sizes",
        "bytes",
        "finished",
        "inputs",
        "outputs",
        "path",
        "scope",
        "sources",
        "variables",
    )

    def __init__(self, inputs: dict[str, Any], info: RunInfo, limits: Limits) -> None:
        self.inputs = inputs
        self.variables: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.outputs: dict[str, Mapping[str, Any]] = {}
        self.path: deque[str] = deque(maxlen=limits.path_ring)
        self.bytes = 0
        self.finished = False
        self._limit = limits.context_bytes
        self._sizes: dict[str, int] = {}  # of variables, by name
        self._others: dict[str, int] = {}  # of inputs and outputs
        self.scope: dict[str, Any] = {
            "taskInputs": self.inputs,
            "blocks": self.outputs,
            "task": {
                "id": info.definition_id,
                "defLabel": info.label,
                "createdOn": info.created_on,
                "status": info.status,
                "taskRecordId": info.record_id,
                "priority": info.priority,
                "variables": self.variables,
            },
        }
        for name, value in inputs.items():
            self._account(self._others, f"i:{name}", value, "inputs")

    def set_variable(self, name: str, value: Any, block: str) -> None:
        """Store a task variable.

        Raises:
            BlockError: the context would grow beyond its limit, or the value is nested too deeply.
        """
        kind = type(value)
        size = text_bytes(value) if kind is str else 32 if kind in _SMALL else -1
        if size != self._sizes.get(name):  # most values are replaced by one of the same size
            self._account(self._sizes, name, value, block)
        kind = type(value)
        # A map of the context itself, kept as a variable, would change under it, or hold itself.
        self.variables[name] = value if kind is str or kind in _SMALL else detached(value)
        self.sources[name] = block

    def set_input(self, name: str, value: Any, block: str) -> None:
        """Overwrite a value of ``taskInputs``; raises as ``set_variable``."""
        self._account(self._others, f"i:{name}", value, block)
        self.inputs[name] = value

    def keep_outputs(self, block: str, outputs: Mapping[str, Any], read: frozenset[str] | bool = True) -> None:
        """Keep those outputs of a block that later expressions can read; raises as ``set_variable``."""
        if read is not True:
            if not read:
                return
            outputs = {name: value for name, value in outputs.items() if name in read}
        self._account(self._others, f"o:{block}", outputs, block)
        self.outputs[block] = outputs

    def set_priority(self, priority: int) -> None:
        """The priority as expressions see it."""
        self.scope["task"]["priority"] = priority

    @property
    def priority(self) -> int:
        """The priority as expressions see it."""
        return int(self.scope["task"]["priority"])

    def room_for(self, values: Sequence[Any], held: int, block: str) -> int:
        """The bytes of values that a block keeps while it runs; ``held`` is what others keep. Raises as before."""
        size = sum(measure(value, self._limit) for value in values)
        self._check(self.bytes + held + size, block)
        return size

    def _account(self, sizes: dict[str, int], key: str, value: Any, block: str) -> None:
        size = text_bytes(value) if type(value) is str else measure(value, self._limit)
        before, new = sizes.get(key), 0
        if before is None:
            before, new = 0, len(key) + 100
        total = self.bytes - before + size + new
        if size + new > before:
            self._check(total, block)
        sizes[key] = size
        self.bytes = total

    def _check(self, total: int, block: str) -> None:
        if total > self._limit:
            raise BlockError(
                "context.too-large",
                f"{block} would make the data of this run {total} bytes large; the limit is {self._limit}.",
                remedy="Keep less in variables and outputs, or raise the context limit.",
            )

    def cleanup(self) -> None:
        """Empty the context. Called in the ``finally`` of every slice; harmless when called twice."""
        self.finished = True
        for part in (self.inputs, self.variables, self.sources, self.outputs, self._sizes, self._others, self.scope):
            part.clear()
        self.path.clear()
        self.bytes = 0


def text_bytes(text: str) -> int:
    """Bytes that a text takes in memory and in the stored state, where some characters become ``\\uXXXX``."""
    if len(text) > _SHORT:
        return 64 + len(encode_basestring_ascii(text))
    return 64 + (len(text) if text.isascii() else 6 * len(text))


def measure(value: Any, limit: int) -> int:
    """Bytes that a value takes, roughly; stops counting above ``limit``.

    Raises:
        BlockError: the value is nested deeper than ``MAX_DEPTH``.
    """
    kind = type(value)
    if kind in _SMALL:
        return 32
    if kind is dict and all(type(key) is str and type(item) in _SMALL for key, item in value.items()):
        # The outputs of a loop, in every round.
        return 64 + sum([146 + len(key) for key in value])
    total = 0
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind in _SMALL:
                total += 32
            elif isinstance(item, str):
                total += text_bytes(item)
            elif isinstance(item, Mapping):
                total += 64 + 50 * len(item)
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list | tuple):
                total += 64 + 8 * len(item)
                below.extend(item)
            else:
                total += 64
            if total > limit:
                return total
        if not below:
            return total
        level = below
    raise BlockError(
        "context.too-deep",
        f"A value nested more than {MAX_DEPTH} levels deep cannot be kept.",
        remedy="Flatten the value.",
    )


class ContextRegister:
    """Knows the contexts of one process without keeping them alive. Owned by the worker process, not by a module."""

    def __init__(self) -> None:
        self._contexts: weakref.WeakSet[TaskContext] = weakref.WeakSet()

    def add(self, context: TaskContext) -> None:
        """Watch a context."""
        self._contexts.add(context)

    def alive(self) -> int:
        """How many contexts exist now."""
        return len(self._contexts)

    def left_behind(self) -> list[TaskContext]:
        """Contexts of runs that have ended or been suspended and are still referenced: each one is a leak."""
        return [context for context in self._contexts if context.finished]
