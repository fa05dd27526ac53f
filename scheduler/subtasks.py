"""Sub-tasks: a run as the child of another, and what its parent is told of its end.

A child is started and joined inside checkpoints of its parent, so both happen exactly once. Its end wakes the parent
(``settlement``). Lock order: a run's own row first; its children's rows only once they have ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.db.models import F

from execution.effects import JoinSubTask, Pending, StartSubTask, SubTaskEnded, SubTaskStarted
from execution.inputs import InputNote
from execution.outcome import LogRow
from execution.rows import object_text
from scheduler import clock, conf, rows
from scheduler.errors import Refused
from scheduler.models import TaskDefinition, TaskRecord
from scheduler.states import ACTIVE, ENDED, FACES, Status
from scheduler.submission import PRIVATE_QUEUE, submit

_BAD = ENDED - {Status.FINISHED}
#: Notes about inputs in a child's log, and the characters of one.
_NOTES, _SHORT = 20, 2000
_COLUMNS = ("pk", "record_id", "status", "ended_reason", "watched_attempt")


def start(effect: StartSubTask, parent_pk: int, key: str) -> SubTaskStarted:
    """Start the child of a run, or find the one that was started under the same id. In the caller's transaction.

    It goes into the queue of its definition; only a process that runs the parent by itself runs the child too.

    Raises:
        Refused: no such definition, nested too deep, the id is another run's, or as ``submission.submit``.
    """
    parent = TaskRecord.objects.defer("inputs", "variables", "response").get(pk=parent_pk)
    definition = TaskDefinition.objects.filter(definition_id=effect.definition_id).first()
    if definition is None:
        raise Refused(
            "subtask.unknown",
            f"There is no task definition with the id {effect.definition_id[:64]}.",
            "Import it, or correct the id in the type of the block.",
        )
    deepest = conf.values().max_task_depth
    if parent.depth >= deepest:
        raise Refused(
            "subtask.too-deep",
            f"Sub-tasks call each other {parent.depth + 1} levels deep; the limit is {deepest}.",
            "End the recursion, or raise the setting max_task_depth.",
        )
    done = submit(
        definition=definition,
        inputs=effect.inputs,
        priority=parent.priority,
        record_id=effect.record_id or child_id(key),
        queue=parent.queue if parent.queue.startswith(PRIVATE_QUEUE) else None,
        parent=parent,
        actor=parent.created_by,
        origin="task",
    )
    child = done.record
    if child.parent_id != parent.pk:
        raise Refused(
            "key_taken",
            f"The id {child.record_id} belongs to a run that is no sub-task of this one; nothing was started.",
            "Use another taskRecordId, or leave it out.",
        )
    if done.created and done.notes:
        _say(child, done.notes)
    if not effect.joined and (done.created or child.status in ACTIVE):
        TaskRecord.objects.filter(pk=child.pk).update(watched_attempt=parent.history_attempt)
    return SubTaskStarted(child.record_id, created=done.created)


def _say(child: TaskRecord, notes: Sequence[InputNote]) -> None:
    """What was given wrongly is in the child's log: nobody looks at the answer of its start."""
    rows.save_logs(
        child.pk,
        [
            LogRow(
                clock.now_ms(), 4, "", "input.note", object_text({"note": note.message, "remedy": note.remedy}, _SHORT)
            )
            for note in notes[:_NOTES]
        ],
    )


def child_id(key: str) -> str:
    """The record id of the child that a block execution starts: the same key is the same child."""
    return f"child-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def join(effect: JoinSubTask, parent_pk: int) -> SubTaskEnded | Pending:
    """How a child ended, or that another one ended badly which nobody waits for; else what there is to wait for.

    A bad end is told once: whoever caught it goes on.

    Raises:
        Refused: there is no such child (any more).
    """
    child = TaskRecord.objects.filter(record_id=effect.record_id, parent_id=parent_pk).only(*_COLUMNS).first()
    if child is None:
        raise Refused(
            "subtask.gone", f"The record of sub-task {effect.record_id} is gone.", "Look for it in the audit log."
        )
    ended = child if child.status in _BAD else _fallen(parent_pk) or child
    if ended.status not in ENDED:
        return Pending(f"subtask:{child.record_id}", "child", {"id": child.record_id})
    if ended.watched_attempt:
        TaskRecord.objects.filter(pk=ended.pk).update(watched_attempt=0)
    return SubTaskEnded(ended.record_id, FACES[Status(ended.status)].code, ended.ended_reason)


def _fallen(parent_pk: int) -> TaskRecord | None:
    """The first child that ended badly and is still to be told of."""
    watched = TaskRecord.objects.filter(parent_id=parent_pk, watched_attempt=F("parent__history_attempt"))
    return watched.filter(status__in=_BAD).only(*_COLUMNS).order_by("pk").first()
