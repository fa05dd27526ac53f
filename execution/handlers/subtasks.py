"""Sub-tasks: a run that starts another definition, and waits for its end or goes on at once."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from execution.calls import SUB_TASK, called
from execution.effects import Effect, EndRun, JoinSubTask, Publish, StartSubTask, SubTaskEnded, SubTaskStarted
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import extras, flag, param, text
from execution.registry import block

FINISHED, CANCELLED = 1003, 1001


@dataclass(slots=True)
class SubTaskParams:
    """Parameters of SubTask; every other one is an input of the child."""

    task_record_id: str | None = param(
        text,
        help="Record id of the child, for a task that wants to know it beforehand: the same id again is the same "
        "child. Left out: an id of its own for each execution of the block.",
    )
    if_async: bool | None = param(
        flag, help="Whether to go on at once instead of waiting for the end of the child. Left out: waits."
    )
    inputs: Any = extras("", help="Inputs of the child, by the names it declares.")


@block(
    SUB_TASK,
    params=SubTaskParams,
    outputs={"taskRecordId": "record id of the child"},
    errors={
        "subtask.failed": "the child, or an asynchronous one that ended before, failed; **ends the task**",
        "subtask.unknown": "there is no definition of that id",
        "subtask.too-deep": "sub-tasks call each other deeper than the tunable depth",
        "definition_disabled": "the definition is disabled",
        "definition_invalid": "the definition cannot run",
        "input_invalid": "an input cannot be kept: nested too deeply, for example",
        "input_too_large": "the inputs are longer than 1,000,000 characters together",
        "queue_full": "as many runs as allowed are active already",
        "key_invalid": "taskRecordId is too long, or has blanks around it or characters that cannot be printed",
        "key_taken": "the given record id belongs to another run",
        "subtask.gone": "the record of the child was deleted",
    },
    example={"ifAsync": "false", "pallet": "P-17"},
)
def sub_task(run: Here, params: SubTaskParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Starts the definition that the block type names (``SubTask::<definition id>``) as a child of this task.

    It waits until the child has ended; a child that waits for a decision or is paused has not. When the child was
    cancelled, this task ends as cancelled too. When it failed, the block fails, which a TryCatchBp can catch; uncaught,
    the task ends with an error. The same holds for an asynchronous child of this task that has ended so by then: the
    next block that waits for a sub-task is told, once. The child has the priority of this task and the queue of
    its own definition. It returns nothing but its id; results travel through the cache. A task that is cancelled or
    fails takes its children with it; one that finishes leaves asynchronous ones running, and those that it no longer
    waits for because a branch was stopped, or left by a ReturnBp.
    """
    wait = not params.if_async
    child: SubTaskStarted = yield StartSubTask(
        called(run.block_type), params.inputs or {}, params.task_record_id or None, joined=wait
    )
    outputs = {"taskRecordId": child.record_id}
    if wait:
        yield Publish(outputs)
        ended: SubTaskEnded = yield JoinSubTask(child.record_id)
        if ended.code == CANCELLED:
            yield EndRun(f"Sub-task {ended.record_id} was cancelled: {ended.reason or 'no reason given'}")
        if ended.code != FINISHED:
            raise BlockError(
                "subtask.failed",
                f"Sub-task {ended.record_id} ended with {ended.code}: {ended.reason or 'no reason given'}",
                remedy="See on its page what failed, and correct that.",
                final=True,
            )
    return outputs
