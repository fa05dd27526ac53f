"""Other runs, in memory: children that end when the world takes a step, records to look at, events."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from execution.effects import (
    ActOnTask,
    Effect,
    FindTasks,
    JoinSubTask,
    Pending,
    PublishEvent,
    ReadTask,
    ReadTaskInput,
    SetOutOrderNo,
    StartSubTask,
    SubTaskEnded,
    SubTaskStarted,
    TaskExists,
)
from execution.errors import BlockError

RUNNING, CANCELLED, PAUSED, FINISHED, FAILED, _, INTERRUPTED = range(1000, 1007)
UNKNOWN = "unknown"
"""The definition id that no definition has."""

_FROM: Mapping[str, tuple[frozenset[int], int]] = MappingProxyType(
    {
        "start": (frozenset({PAUSED, INTERRUPTED}), RUNNING),
        "stop": (frozenset({RUNNING, PAUSED, INTERRUPTED}), CANCELLED),
        "suspend": (frozenset({RUNNING}), PAUSED),
    }
)


def _check_key(text: str) -> None:
    """What can name a run, as the rows have it."""
    if not 1 <= len(text) <= 128 or text != text.strip() or not text.isprintable():
        raise BlockError("key_invalid", "The id cannot be used.", remedy="Give 1 to 128 printable characters.")


@dataclass(slots=True)
class FakeTask:
    """Another run. ``watched``: its bad end is still to be told to the next join of its parent."""

    record_id: str
    code: int = RUNNING
    definition_id: str = ""
    parent: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    watched: bool = False


class FakeTasks:
    """Runs by record id. ``ends`` says with which code the children of a definition end (1003 unless it says so).

    ``done`` lists every effect that took place, with its key; ``numbers`` are out-order numbers by record id.
    """

    def __init__(self, records: list[FakeTask] | None = None, ends: Mapping[str, int] | None = None) -> None:
        self.records = {task.record_id: task for task in records or []}
        self.ends = dict(ends or {})
        self.numbers: dict[str, str] = {}
        self.events: list[tuple[str, str]] = []
        self.done: list[str] = []

    def copy(self) -> FakeTasks:
        """For a transaction that may be rolled back."""
        return copy.deepcopy(self)

    def step(self) -> bool:
        """Children that run come to their end; whether there was one."""
        running = [task for task in self.records.values() if task.parent and task.code == RUNNING]
        for task in running:
            task.code = self.ends.get(task.definition_id, FINISHED)
        return any(task.code != RUNNING for task in running)

    def apply(self, effect: Effect, key: str, record_id: str) -> Any:
        """Carry out one effect for the run ``record_id``, as ``CheckpointTx.apply`` does."""
        acts: Mapping[type, Callable[[Any, str, str], Any]] = {
            StartSubTask: self._start,
            JoinSubTask: self._join,
            ActOnTask: self._act,
            SetOutOrderNo: self._set_number,
            PublishEvent: lambda effect, _key, _me: self.events.append((effect.name, effect.data)),
            TaskExists: lambda effect, _key, _me: effect.record_id in self.records,
            ReadTask: lambda effect, _key, _me: self._fields(effect.record_id),
            ReadTaskInput: lambda effect, _key, _me: self._inputs(effect.record_id).get(effect.name),
            FindTasks: lambda effect, _key, _me: [
                owner for owner, number in self.numbers.items() if number == effect.out_order_no
            ],
        }
        act = acts.get(type(effect))
        if act is None:
            raise TypeError(f"{type(effect).__name__} does not concern other runs")
        answer = act(effect, key, record_id)
        if not isinstance(answer, Pending):
            self.done.append(key)
        return answer

    def _start(self, effect: StartSubTask, key: str, me: str) -> SubTaskStarted:
        if effect.definition_id == UNKNOWN:
            raise BlockError("subtask.unknown", "There is no such definition.", remedy="Import it.")
        child = effect.record_id or f"child-{key}"
        _check_key(child)
        found = self.records.get(child)
        if found is not None and found.parent != me:
            raise BlockError("key_taken", f"The id {child} is another run's.", remedy="Use another one.")
        if found is None:
            inputs = dict(effect.inputs)
            self.records[child] = FakeTask(child, RUNNING, effect.definition_id, me, inputs, not effect.joined)
        return SubTaskStarted(child, created=found is None)

    def _join(self, effect: JoinSubTask, key: str, me: str) -> SubTaskEnded | Pending:
        child = self.records[effect.record_id]
        watched = [task for task in self.records.values() if task.parent == me and task.watched]
        for task in [child, *watched]:
            if task.code in (CANCELLED, FAILED):
                task.watched = False
                return SubTaskEnded(task.record_id, task.code, "as the test wants it")
        if child.code == FINISHED:
            return SubTaskEnded(child.record_id, FINISHED)
        return Pending(f"subtask:{child.record_id}", "child", {"id": child.record_id, "status": child.code})

    def _act(self, effect: ActOnTask, key: str, me: str) -> bool:
        if effect.record_id == me:
            raise BlockError("task.own", "A run cannot do that to itself.", remedy="Use ReturnBp.")
        task, (origins, target) = self.records.get(effect.record_id), _FROM[effect.action]
        if task is None or task.code not in origins:
            return False
        task.code = target
        return True

    def _set_number(self, effect: SetOutOrderNo, key: str, me: str) -> None:
        _check_key(effect.order_no)
        owner = next((owner for owner, number in self.numbers.items() if number == effect.order_no), me)
        if owner != me:
            raise BlockError("key_taken", f"{effect.order_no} is the number of {owner}.", remedy="Use another one.")
        self.numbers[me] = effect.order_no

    def _inputs(self, record_id: str) -> dict[str, Any]:
        task = self.records.get(record_id)
        return {} if task is None else task.inputs

    def _fields(self, record_id: str) -> dict[str, Any] | None:
        task = self.records.get(record_id)
        if task is None:
            return None
        return {"id": task.record_id, "defId": task.definition_id, "status": task.code}
