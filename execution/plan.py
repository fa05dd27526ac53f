"""A definition, checked once and compiled into an immutable plan.

``compile`` reports every fault at once, each with the path to its element; a plan that it returns can run. It reads
without recursion, keeps no reference to what it was given, and knows which outputs any expression can read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from execution import handlers
from execution.binding import Binder, Binding, Getter, Scope
from execution.calls import SubTaskCall
from execution.definition import DISABLED, MAX_TEXT, Problems, RawBlock, Reader, is_unknown, load_detail
from execution.errors import Problem
from execution.expressions import Expression
from execution.inputs import InputDeclaration, InputNote, bind, read_declarations
from execution.jumps import SKIP, Jumps, advise
from execution.registry import REGISTRY, BlockSpec, Handler
from execution.rows import EMPTY, params_encoder

MAX_BLOCKS = 10_000
_SHORT = 500


@dataclass(frozen=True, slots=True, eq=False)
class PlanBlock:
    """One block, ready to run. ``constant`` or ``bind(scope)`` gives its params; ``where`` is its path in messages.

    ``params_text`` is the JSON of constant params that are short enough for any row.

    ``keeps``: the outputs that some expression can read (``True``: all of them).
    """

    name: str
    type: str
    path: str
    where: str
    depth: int
    spec: BlockSpec
    handler: Handler
    plain: bool
    loop: bool
    keeps: frozenset[str] | bool
    constant: Any
    params_text: str | None
    bind: Callable[[Scope], Any] | None
    deferred: Mapping[str, Getter]
    encode: Callable[[Any, int], str]
    branches: Mapping[str, tuple[PlanBlock, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A compiled definition. Immutable; shared by all runs of its version.

    ``calls``: the sub-tasks it starts; ``jumps``: where its skips can lead; ``kinds``: the types of its blocks.
    """

    root: PlanBlock
    blocks: Mapping[str, PlanBlock]
    inputs: tuple[InputDeclaration, ...]
    warnings: tuple[Problem, ...]
    calls: tuple[SubTaskCall, ...]
    jumps: Jumps
    kinds: frozenset[str]

    def bind_inputs(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[InputNote]]:
        """Values of ``taskInputs`` for a start request, and notes about what was given wrongly."""
        return bind(self.inputs, given)


def compile(
    detail: Mapping[str, Any] | str,
    *,
    max_block_depth: int = 100,
    max_blocks: int = MAX_BLOCKS,
    definition_id: str = "",
    strict_variables: bool = False,
) -> Plan:
    """Compile a definition's ``detail``, given as parsed JSON or as text.

    ``definition_id`` lets a task that calls itself be noticed; ``strict_variables`` makes reading an unset
    ``task.variables.x`` an error.

    Raises:
        execution.errors.PlanErrors: the definition cannot run; ``problems`` lists every fault (at most 200).
    """
    handlers.load()
    data = load_detail(detail) if isinstance(detail, str) else detail
    problems = Problems()
    if not isinstance(data, Mapping):
        problems.add("detail", "detail.not-object", "A JSON object with rootBlock is wanted.", "Export the task again.")
        problems.raise_if_any()
    inputs = read_declarations(data.get("inputParams"), problems)
    reader = Reader(REGISTRY, problems, max_depth=max_block_depth, max_blocks=max_blocks, definition_id=definition_id)
    reader.read(data.get("rootBlock"))
    binder = Binder(problems, strict=strict_variables)
    bindings = [Binding() if is_unknown(raw) else binder.bind(raw) for raw in reader.blocks]
    jumps = Jumps(reader.blocks)
    _advise(reader.blocks, bindings, jumps, problems)
    problems.raise_if_any()
    readers = _Readers(binder.expressions)
    built: dict[int, PlanBlock] = {}
    for raw in reversed(reader.blocks):
        binding = bindings[raw.index]
        built[raw.index] = PlanBlock(
            name=raw.name,
            type=raw.type,
            path=raw.path,
            where=raw.where,
            depth=raw.depth,
            spec=raw.spec,
            handler=raw.spec.handler,
            plain=raw.spec.plain,
            loop=raw.spec.loop,
            keeps=readers.kept(raw.name, raw.spec),
            constant=binding.constant,
            params_text=_fixed_text(raw, binding),
            bind=binding.bind,
            deferred=MappingProxyType(binding.deferred),
            encode=params_encoder(raw.spec.parameters, binding.fixed),
            branches=MappingProxyType(
                {branch: tuple(built[index] for index in indexes) for branch, indexes in raw.branches.items()}
            ),
        )
    ordered = {raw.name: built[raw.index] for raw in reader.blocks}
    kinds = frozenset(each.type for each in built.values())
    return Plan(
        built[0], MappingProxyType(ordered), inputs, tuple(problems.warnings), tuple(reader.calls), jumps, kinds
    )


def _fixed_text(raw: RawBlock, binding: Binding) -> str | None:
    if binding.bind is not None:
        return None
    if binding.constant is None:
        return EMPTY
    text = params_encoder(raw.spec.parameters, binding.fixed)(binding.constant, MAX_TEXT)
    return text if len(text) <= _SHORT else None


class _Readers:
    """Which outputs the expressions of a definition can read, gathered once."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self._any = any(expression.reads.all_outputs for expression in expressions)
        self._whole: set[str] = set()
        self._some: dict[str, set[str]] = {}
        for expression in expressions:
            for block, output in expression.reads.outputs:
                if output is None:
                    self._whole.add(block)
                else:
                    self._some.setdefault(block, set()).add(output)

    def kept(self, block: str, spec: BlockSpec) -> frozenset[str] | bool:
        """Outputs of a block that must be kept: ``True`` all of them, ``False`` none."""
        if self._any or block in self._whole:
            return True
        names = self._some.get(block)
        if not names:
            return False
        return True if spec.outputs and names.issuperset(spec.outputs) else frozenset(names)


def _advise(blocks: Sequence[RawBlock], bindings: Sequence[Binding], jumps: Jumps, problems: Problems) -> None:
    if len(blocks) == 1:
        problems.warn(blocks[0].where, "plan.empty", "The task has no blocks; it would end at once.", "Add blocks.")
    for raw in blocks:
        if raw.spec is DISABLED:
            continue
        if raw.type == SKIP and (target := bindings[raw.index].fixed.get("skip_component_id")):
            advise(raw, target, jumps, problems)
        if raw.type == "BreakBp" and not raw.enclosing & {"WhileBp", "IterateListBp", "RepeatNumBp"}:
            words = "There is no loop around this break; it would end the task."
            problems.warn(raw.where, "break.no-loop", words, "Put it into a loop, or use ReturnBp.")
        if raw.type == "CAgvOperationBp" and "CSelectAgvBp" not in raw.enclosing:
            words = "There is no CSelectAgvBp around this robot action."
            problems.warn(raw.where, "robot.no-selection", words, "Put it into a CSelectAgvBp.")
