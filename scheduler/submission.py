"""Starting runs. Submitting is one INSERT in the caller's transaction; the record is the queue entry.

Record id and out-order number are idempotency keys: the same one twice, at the same moment too, is one run.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from execution.context import TaskContext
from execution.errors import BlockError, PlanErrors
from execution.inputs import InputNote
from execution.limits import RunInfo
from execution.values import NestingError, dump_tagged
from scheduler import clock, conf, doorbell, driver, process, transitions
from scheduler.errors import Refused
from scheduler.models import TaskDefinition, TaskRecord
from scheduler.states import Status

#: Characters of the JSON text of all inputs together.
MAX_INPUTS = 1_000_000
_ID_LENGTH = 128
#: Beginning of the name of a queue that one process serves for itself alone.
PRIVATE_QUEUE = "inline-"
#: No 0/o, 1/l/i: people read these aloud.
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Submitted:
    """The run, whether this call made it, and notes about the inputs."""

    record: TaskRecord
    created: bool
    notes: tuple[InputNote, ...] = ()


def submit(
    *,
    label: str | None = None,
    definition: TaskDefinition | None = None,
    inputs: Mapping[str, Any] | None = None,
    priority: int = 1,
    record_id: str | None = None,
    out_order_no: str | None = None,
    due_at: datetime | None = None,
    queue: str | None = None,
    parent: TaskRecord | None = None,
    periodic: bool = False,
    actor: str,
    origin: str,
) -> Submitted:
    """Start a run of a definition (by ``label`` or as a row), ready at once or scheduled for ``due_at``.

    One query for the definition, one INSERT; the plan comes from this process's cache. Rings after the commit.

    Raises:
        Refused: unknown label, disabled definition, one that does not compile, a value that cannot be kept, an id of
            another definition's run, or too many active runs.
    """
    found = definition if definition is not None else _definition(label)
    if not found.enabled:
        raise Refused(
            "definition_disabled", f"{found.label} is disabled.", "Enable it on its page, or run another task."
        )
    if found.current_id is None:
        raise Refused("definition_empty", f"{found.label} has no version.", "Import the task again.")
    _check_given(priority, record_id, out_order_no, queue)
    values, notes = _bound(found.current_id, found.label, inputs or {})
    if process.current().active_runs.is_full():
        raise Refused(
            "queue_full",
            f"{conf.values().max_queued:,} runs are active already, which is the limit.",
            "Wait for some to end or cancel some; the limit is a setting (max_queued).",
        )
    now = clock.now()
    later = due_at is not None and due_at > now
    record = TaskRecord(
        record_id=record_id or new_record_id(),
        definition=found,
        version_id=found.current_id,
        label=found.label,
        status=Status.SCHEDULED if later else Status.READY,
        queue=queue or found.queue or conf.values().default_queue,
        priority=priority,
        rank=transitions.rank_of(clock.at_ms(now), priority),
        due_at=due_at if later else None,
        created_at=now,
        ready_at=None if later else now,
        inputs=values,
        out_order_no=out_order_no or None,
        parent=parent,
        periodic=periodic,
        created_by=actor[:150],
    )
    _place_below(record, parent)
    return _insert(record, tuple(notes))


def _place_below(record: TaskRecord, parent: TaskRecord | None) -> None:
    record.root_record_id = record.record_id
    if parent is not None:
        record.root_record_id, record.depth = parent.root_record_id or parent.record_id, parent.depth + 1


def new_record_id() -> str:
    """A short id that people can read aloud: the day, then chance (31^8 a day)."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"r{clock.now():%y%m%d}-{letters}"


def _definition(label: str | None) -> TaskDefinition:
    if not label:
        raise Refused("definition_missing", "No task was named.", "Give the label of a definition.")
    found = TaskDefinition.objects.filter(label=label).first()
    if found is None:
        raise Refused(
            "definition_unknown", f"There is no task {label[:190]!r}.", "Check the label, or import the task."
        )
    return found


def check_priority(priority: int) -> None:
    """Return when it can be a run's priority.

    Raises:
        Refused: ``priority_invalid``.
    """
    if isinstance(priority, bool) or not isinstance(priority, int) or not -(2**31) <= priority < 2**31:
        raise Refused(
            "priority_invalid",
            f"The priority {str(priority)[:60]} cannot be used.",
            f"Give a whole number from {-(2**31)} to {2**31 - 1}.",
        )


def _check_given(priority: int, record_id: str | None, out_order_no: str | None, queue: str | None) -> None:
    check_priority(priority)
    for name, value, longest in (
        ("record id", record_id, _ID_LENGTH),
        ("out-order number", out_order_no, _ID_LENGTH),
        ("queue", queue, 64),
    ):
        if value is not None:
            check_key(name, value, longest)


def check_key(name: str, value: str, longest: int = _ID_LENGTH) -> None:
    """Return when ``value`` can name a run; ``name`` says what it is.

    Raises:
        Refused: ``key_invalid``.
    """
    # White space around it: some databases compare without trailing blanks, so it could name two runs.
    if len(value) > longest or not value or value != value.strip() or not value.isprintable():
        raise Refused(
            "key_invalid",
            f"The {name} {value[:60]!r} cannot be used.",
            f"Give 1 to {longest} printable characters without white space around them, or leave it out.",
        )


def _bound(version_id: int, label: str, given: Mapping[str, Any]) -> tuple[str, Sequence[InputNote]]:
    """The inputs as tagged JSON. What the run itself would refuse at its start is refused here."""
    try:
        values, notes = process.current().plans.get(version_id).bind_inputs(given)
        text = json.dumps(dump_tagged(values), separators=(",", ":"))
        TaskContext(values, RunInfo(""), conf.values().limits())
    except PlanErrors as error:
        raise Refused(
            "definition_invalid",
            f"{label} cannot run: {error.problems[0]}",
            "Correct it and import it again.",
        ) from error
    except BlockError as error:
        raise Refused("input_invalid", f"The inputs cannot be kept: {error.message}", error.remedy) from error
    except (NestingError, TypeError, RecursionError) as error:
        raise Refused("input_invalid", f"The inputs cannot be kept: {error}.", "Give plain JSON values.") from error
    if len(text) > MAX_INPUTS:
        raise Refused(
            "input_too_large",
            f"The inputs are {len(text):,} characters long; the limit is {MAX_INPUTS:,}.",
            "Pass a reference instead of the data.",
        )
    return text, notes


def _insert(record: TaskRecord, notes: tuple[InputNote, ...]) -> Submitted:
    """Insert, or find the run that has one of our keys already. The savepoint keeps the caller's transaction usable."""
    # record and out-order number are the only unique columns.
    try:
        if transaction.get_connection().in_atomic_block:
            with transaction.atomic():
                driver.insert(record)
        else:
            driver.insert(record)
    except IntegrityError:
        found = _earlier(record)
        if not found:
            raise
        earlier, *others = found
        if others:
            raise Refused(
                "keys_differ",
                f"The record id belongs to one run and the out-order number to another, {others[0].record_id}.",
                "Give the two ids of one run, or only one of them.",
            ) from None
        if earlier.definition_id != record.definition_id:
            by_id = earlier.record_id == record.record_id
            taken = f"id {earlier.record_id}" if by_id else f"out-order number {record.out_order_no}"
            raise Refused(
                "key_taken",
                f"The {taken} belongs to a run of {earlier.label}; nothing was started.",
                "Use another one, or look at that run.",
            ) from None
        return Submitted(earlier, created=False, notes=notes)
    if record.status == Status.READY:
        doorbell.ring(doorbell.RUNS)
    return Submitted(record, created=True, notes=notes)


def _earlier(record: TaskRecord) -> list[TaskRecord]:
    """The runs that have one of these keys, the one with the record id first."""
    same = Q(record_id=record.record_id)
    if record.out_order_no:
        same |= Q(out_order_no=record.out_order_no)
    return sorted(TaskRecord.objects.filter(same), key=lambda row: row.record_id != record.record_id)
