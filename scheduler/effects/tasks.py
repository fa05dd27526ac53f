"""The engine's effects on other runs, and on its own record. In the checkpoint's transaction.

A run changes others through the commands that operators use. The journal of the other run names the one that asked;
the audit log is for people. Two runs that stop each other lock their rows in opposite order: the database takes one
transaction back, and its run is handed back and finds itself cancelled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from django.db import IntegrityError, transaction

from execution.effects import (
    ActOnTask,
    FindTasks,
    JoinSubTask,
    Pending,
    ReadTask,
    ReadTaskInput,
    SetOutOrderNo,
    StartSubTask,
    SubTaskEnded,
    SubTaskStarted,
    TaskExists,
    Transacted,
)
from execution.values import load_tagged
from scheduler import submission, subtasks, taskview
from scheduler.commands import cancel, continuing, pausing
from scheduler.effects.asking import Action, Asking
from scheduler.errors import Refused
from scheduler.models import TaskRecord
from scheduler.states import Status


def _start_child(effect: StartSubTask, asking: Asking) -> SubTaskStarted:
    return subtasks.start(effect, asking.pk, asking.key)


def _join_child(effect: JoinSubTask, asking: Asking) -> SubTaskEnded | Pending:
    return subtasks.join(effect, asking.pk)


# --- Other runs ------------------------------------------------------------------------------------------------------


def _act(effect: ActOnTask, asking: Asking) -> bool:
    found = TaskRecord.objects.filter(record_id=effect.record_id).values_list("pk", flat=True).first()
    if found is None:
        return False
    if effect.action != "start":
        _refuse_own(effect, found, asking)
    return _ACTS[effect.action](effect.record_id, asking)


def _refuse_own(effect: ActOnTask, target: int, asking: Asking) -> None:
    """Who stops or suspends what it depends on would stop itself half-way."""
    pk: int | None = asking.pk
    while pk is not None:
        if pk == target:
            which = "itself" if target == asking.pk else f"{effect.record_id}, which it is a sub-task of"
            raise Refused(
                "task.own",
                f"A run cannot {effect.action} {which}.",
                "End a task with ReturnBp or ThrowExceptionBp, and wait with DelayBp.",
            )
        pk = TaskRecord.objects.values_list("parent_id", flat=True).get(pk=pk)


def _stop(record_id: str, asking: Asking) -> bool:
    done = cancel.cancel([record_id], actor=asking.record_id, reason=_reason("stopped", asking), origin=None)
    # A parent that stops its own child needs not be told of that end.
    TaskRecord.objects.filter(record_id=record_id, parent_id=asking.pk).update(watched_attempt=0)
    return bool(done.cancelled or done.requested)


def _suspend(record_id: str, asking: Asking) -> bool:
    done = pausing.pause([record_id], actor=asking.record_id, reason=_reason("suspended", asking), origin=None)
    return bool(done.done or done.requested)


def _go_on(record_id: str, asking: Asking) -> bool:
    asked: dict[str, Any] = {"actor": asking.record_id, "reason": _reason("started", asking), "origin": None}
    if TaskRecord.objects.filter(record_id=record_id, status=Status.INTERRUPTED).exists():
        return bool(continuing.go_on([record_id], **asked).done)
    return bool(pausing.resume([record_id], **asked).done)


def _reason(what: str, asking: Asking) -> str:
    return f"{what} by run {asking.record_id}"


_ACTS: Mapping[str, Callable[[str, Asking], bool]] = MappingProxyType(
    {"start": _go_on, "stop": _stop, "suspend": _suspend}
)


# --- Reading ---------------------------------------------------------------------------------------------------------


def _exists(effect: TaskExists, asking: Asking) -> bool:
    return TaskRecord.objects.filter(record_id=effect.record_id).exists()


def _read(effect: ReadTask, asking: Asking) -> dict[str, Any] | None:
    record = (
        TaskRecord.objects.select_related("definition", "version", "parent").filter(record_id=effect.record_id).first()
    )
    return None if record is None else taskview.fields_of(record)


def _read_input(effect: ReadTaskInput, asking: Asking) -> Any:
    text = TaskRecord.objects.filter(record_id=effect.record_id).values_list("inputs", flat=True).first()
    return load_tagged(json.loads(text)).get(effect.name) if text else None


def _find(effect: FindTasks, asking: Asking) -> list[str]:
    return list(TaskRecord.objects.filter(out_order_no=effect.out_order_no).values_list("record_id", flat=True))


# --- Its own record --------------------------------------------------------------------------------------------------


def _set_out_order_no(effect: SetOutOrderNo, asking: Asking) -> None:
    submission.check_key("out-order number", effect.order_no)
    try:
        with transaction.atomic():
            TaskRecord.objects.filter(pk=asking.pk).update(out_order_no=effect.order_no)
    except IntegrityError:
        owner = TaskRecord.objects.filter(out_order_no=effect.order_no).values_list("record_id", flat=True).first()
        raise Refused(
            "key_taken",
            f"The out-order number {effect.order_no} belongs to run {owner}.",
            "Use another number, or look at that run.",
        ) from None


ACTIONS: Mapping[type[Transacted], Action] = MappingProxyType(
    {
        StartSubTask: _start_child,
        JoinSubTask: _join_child,
        ActOnTask: _act,
        TaskExists: _exists,
        ReadTask: _read,
        ReadTaskInput: _read_input,
        FindTasks: _find,
        SetOutOrderNo: _set_out_order_no,
    }
)
