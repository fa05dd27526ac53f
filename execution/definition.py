"""Reading a ``detail``: JSON text to a flat list of raw blocks, without recursion, all faults collected."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.calls import SUB_TASK, SubTaskCall, called, is_call, surely_waits
from execution.catalogue import is_known
from execution.effects import Skip
from execution.errors import PlanErrors, Problem
from execution.registry import BlockSpec, Registry
from execution.rows import clean
from execution.values import to_text

MAX_TEXT = 16 * 1024 * 1024
MAX_JSON_DEPTH = 700
MAX_PROBLEMS = 200
MAX_NAME = 150
_AGAIN = "Export the task again."
ROOT = "rootBlock"
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def _printable(path: str, code: str, message: str, remedy: str, *, warning: bool = False) -> Problem:
    """A problem whose texts any terminal, page or column can take, whatever the definition holds."""
    return Problem(clean(path, 4000), code, clean(message), clean(remedy), warning)


class Problems:
    """Collects faults, at most ``MAX_PROBLEMS``."""

    def __init__(self) -> None:
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def add(self, path: str, code: str, message: str, remedy: str) -> None:
        """A fault that keeps the definition from running."""
        if len(self.errors) < MAX_PROBLEMS:
            self.errors.append(_printable(path, code, message, remedy))

    def warn(self, path: str, code: str, message: str, remedy: str) -> None:
        """A fault worth saying that does not keep it from running."""
        if len(self.warnings) < MAX_PROBLEMS:
            self.warnings.append(_printable(path, code, message, remedy, warning=True))

    def raise_if_any(self) -> None:
        """Raise ``PlanErrors`` when a fault was added."""
        if self.errors:
            raise PlanErrors(self.errors)


@dataclass(slots=True)
class RawBlock:
    """One block as read; ``where`` is its path for messages, ``path`` the short one for block records.

    ``number`` is its id in the definition, as text; empty when it has none.
    """

    index: int
    name: str
    type: str
    spec: BlockSpec
    where: str
    path: str
    depth: int
    parameters: Mapping[str, Any]
    number: str = ""
    branches: dict[str, list[int]] = field(default_factory=dict)
    enclosing: frozenset[str] = frozenset()


def load_detail(text: str) -> dict[str, Any]:
    """Parse the text of a ``detail``.

    Raises:
        PlanErrors: too long, nested too deeply, not JSON, or not an object; one problem with the position.
    """
    problems = Problems()
    data: Any = None
    if len(text) > MAX_TEXT:
        problems.add(
            "detail",
            "detail.too-long",
            f"The text has {len(text)} characters; at most {MAX_TEXT} are read.",
            "Split the task.",
        )
    elif _depth(text) > MAX_JSON_DEPTH:
        problems.add(ROOT, "block.too-deep", "The blocks are nested too deeply to be read.", "Flatten the task.")
    else:
        try:
            data = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            problems.add("detail", "detail.not-json", f"Not valid JSON: {error}.", _AGAIN)
    if not problems.errors and not isinstance(data, dict):
        problems.add("detail", "detail.not-object", "A JSON object with rootBlock is wanted.", _AGAIN)
    problems.raise_if_any()
    return dict(data)


def _depth(text: str) -> int:
    deepest = depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        if bracket in "[{":
            depth += 1
            if depth > deepest:
                deepest = depth
                if deepest > MAX_JSON_DEPTH:
                    break
        else:
            depth -= 1
    return deepest


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


class Reader:
    """Walks the tree with a list as its stack; ``blocks`` are in the order of the text, parents before children.

    ``calls`` are the sub-tasks they start, but for disabled ones.
    """

    def __init__(
        self, registry: Registry, problems: Problems, *, max_depth: int, max_blocks: int, definition_id: str
    ) -> None:
        self.blocks: list[RawBlock] = []
        self.calls: list[SubTaskCall] = []
        self._registry = registry
        self._problems = problems
        self._max_depth = max_depth
        self._max_blocks = max_blocks
        self._definition_id = definition_id
        self._names: dict[str, str] = {}
        self._ids: dict[Any, str] = {}

    def read(self, root: Any) -> None:
        """Read from the root block."""
        if not isinstance(root, Mapping):
            self._problems.add(ROOT, "root.missing", "The definition has no rootBlock.", _AGAIN)
            return
        if root.get("blockType") != "RootBp":
            kind = _shown(root.get("blockType"))
            self._problems.add(ROOT, "root.type", f"The root is {kind}, not RootBp.", "Start the tree with RootBp.")
            return
        if root.get("disabled") in (True, "true"):
            words = "The root is disabled: the task would do nothing."
            self._problems.add(ROOT, "root.disabled", words, "Enable it, or disable the definition.")
        spec = self._registry.get("RootBp")
        raw = RawBlock(0, "-1", "RootBp", spec or _UNKNOWN, ROOT, "", 0, {})
        self.blocks.append(raw)
        stack: list[tuple[Any, RawBlock, str]] = []
        self._children(root, raw, stack)
        while stack:
            data, parent, branch = stack.pop()
            if len(self.blocks) >= self._max_blocks:
                self._problems.add(
                    parent.where,
                    "block.too-many",
                    f"More than {self._max_blocks} blocks.",
                    "Split the task into several.",
                )
                return
            self._block(data, parent, branch, stack)

    def _block(self, data: Any, parent: RawBlock, branch: str, stack: list[tuple[Any, RawBlock, str]]) -> None:
        where = parent.where if branch == "default" else f"{parent.where} › {branch}"
        if not isinstance(data, Mapping):
            self._problems.add(where, "block.not-object", f"A block is wanted, not {_shown(data)}.", _AGAIN)
            return
        kind, name, disabled = data.get("blockType"), self._name(data, where), data.get("disabled") in (True, "true")
        if name is None:
            return
        if not isinstance(kind, str) or not kind:
            self._problems.add(f"{where} › {name}", "block.no-type", "The block has no blockType.", _AGAIN)
            return
        where = f"{where} › {name} {kind[:60]}"
        self._unique(self._names, name, where, "block.duplicate-name", "name")
        if isinstance(data.get("id"), int | str):
            self._unique(self._ids, data["id"], where, "block.duplicate-id", "id")
        if parent.depth + 1 > self._max_depth:
            self._problems.add(
                where,
                "block.too-deep",
                f"Nested deeper than {self._max_depth} blocks.",
                "Flatten the task at this block.",
            )
            return
        spec = DISABLED if disabled else self._spec(kind, where)
        raw = RawBlock(
            index=len(self.blocks),
            name=name,
            type=kind,
            spec=spec or _UNKNOWN,
            where=where,
            path=_short(parent.path, branch, name),
            depth=parent.depth + 1,
            parameters=self._parameters(data, where),
            number=str(data["id"]) if isinstance(data.get("id"), int | str) else "",
            enclosing=parent.enclosing | {parent.type},
        )
        self.blocks.append(raw)
        parent.branches.setdefault(branch, []).append(raw.index)
        if disabled:
            words = "The block is disabled: it and its children are skipped."
            self._problems.warn(where, "block.disabled", words, "Enable it in the task editor if it should run.")
        else:
            self._call(raw)
            self._children(data, raw, stack)

    def _call(self, raw: RawBlock) -> None:
        """Note a call. One that waits for the task itself would wait for ever."""
        if not is_call(raw.type) or is_unknown(raw):
            return
        call = SubTaskCall(called(raw.type), raw.where, surely_waits(raw.parameters))
        self.calls.append(call)
        if call.waits and call.definition_id == self._definition_id:
            words = "The task calls itself and waits for that."
            self._problems.add(raw.where, "subtask.cycle", words, "Use a loop block, or call it with ifAsync true.")

    def _children(self, data: Mapping[str, Any], raw: RawBlock, stack: list[tuple[Any, RawBlock, str]]) -> None:
        children = data.get("children") or {}
        if not isinstance(children, Mapping):
            words = f"children is {_shown(children)}, not an object."
            self._problems.add(raw.where, "children.not-object", words, _AGAIN)
            return
        todo: list[tuple[Any, RawBlock, str]] = []
        for key, blocks in children.items():
            branch = "default" if key == "submodules" else str(key)
            if not blocks and blocks in (None, [], {}):
                continue
            if not isinstance(blocks, list):
                words = f"A list of blocks is wanted, not {_shown(blocks)}."
                self._problems.add(f"{raw.where} › {branch[:60]}", "branch.not-list", words, _AGAIN)
                continue
            if raw.spec is not _UNKNOWN and branch not in raw.spec.branches:
                known = ", ".join(raw.spec.branches) or "none"
                self._problems.add(
                    f"{raw.where} › {branch[:60]}",
                    "branch.unknown",
                    f"{raw.type} has no branch of that name.",
                    f"Its branches: {known}.",
                )
            todo.extend((block, raw, branch) for block in blocks)
        stack.extend(reversed(todo))

    def _name(self, data: Mapping[str, Any], where: str) -> str | None:
        name, number = data.get("name"), data.get("id")
        if (name is None or name == "") and isinstance(number, int):
            name = f"b{number}"
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        if not isinstance(name, str) or not name or len(name) > MAX_NAME or _UNPRINTABLE.search(name):
            self._problems.add(
                where,
                "block.name",
                f"A block's name is wanted, not {_shown(name)}.",
                f"1 to {MAX_NAME} printable characters.",
            )
            return None
        return name

    def _unique(self, seen: dict[Any, str], value: Any, where: str, code: str, what: str) -> None:
        first = seen.setdefault(value, where)
        if first is not where:
            self._problems.add(
                where,
                code,
                f"The {what} {_shown(value)} is used twice.",
                f"The other block is at {first}. Rename one of them.",
            )

    def _spec(self, kind: str, where: str) -> BlockSpec | None:
        spec = self._registry.get(SUB_TASK if called(kind) else kind)
        if spec is not None and kind != "RootBp":
            return spec
        if kind == "RootBp":
            self._problems.add(where, "root.nested", "RootBp may only be the root.", "Use SerialFlowBp here.")
        elif is_call(kind):
            words = f"{_shown(kind)} names no definition."
            self._problems.add(where, "subtask.no-id", words, "Write SubTask::<definition id>.")
        elif is_known(kind):
            self._problems.add(
                where, "block.not-supported", f"{kind} is not supported yet.", "Remove or replace the block."
            )
        else:
            self._problems.add(where, "block.unknown", f"There is no block type {_shown(kind)}.", "Check its spelling.")
        return None

    def _parameters(self, data: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        found = data.get("inputParams") or {}
        if isinstance(found, Mapping):
            return found
        words = f"inputParams is {_shown(found)}, not an object."
        self._problems.add(where, "parameters.not-object", words, _AGAIN)
        return {}


_SKIP = Skip()
_UNKNOWN = BlockSpec("", lambda run, params: None, None, (), (), (), False, True, "")

DISABLED = BlockSpec("", lambda run, params: _SKIP, None, (), (), (), False, True, "")
"""What a disabled block of any type is: its parameters and children are not even looked at."""


def is_unknown(raw: RawBlock) -> bool:
    """Whether the block's type was refused, so that its parameters cannot be checked."""
    return raw.spec is _UNKNOWN


def _short(parent: str, branch: str, name: str) -> str:
    step = name if branch == "default" else f"{branch}/{name}"
    path = f"{parent}/{step}" if parent else step
    return path if len(path) <= 900 else f"…{path[-899:]}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list | Mapping):
        return "a list" if isinstance(value, list) else "an object"
    words = to_text(value)
    if isinstance(value, str):
        words = ascii(value) if _UNPRINTABLE.search(value) else repr(value)
    return words if len(words) <= 60 else f"{words[:57]}…"
