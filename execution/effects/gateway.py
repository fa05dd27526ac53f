"""What blocks ask of other runs, and of what runs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from execution.effects.base import Gateway


@dataclass(frozen=True, slots=True)
class StartSubTask(Gateway):
    """Start a run of another definition as a child of this one; answers ``SubTaskStarted``.

    ``record_id`` is the child's id when the definition gives one: the same id again is the same child. ``joined``:
    this block waits for its end; the bad end of one that is not joined is told to the next ``JoinSubTask``.
    """

    definition_id: str
    inputs: Mapping[str, Any]
    record_id: str | None = None
    joined: bool = True


@dataclass(frozen=True, slots=True)
class JoinSubTask(Gateway):
    """Wait until a child has ended; answers ``SubTaskEnded`` or ``Pending`` (key ``subtask:<record id>``).

    When another child that this run does not wait for was cancelled or failed, that one is answered, once.
    """

    record_id: str


@dataclass(frozen=True, slots=True)
class ActOnTask(Gateway):
    """``start`` (go on after a pause or a failure), ``stop`` or ``suspend`` a run; answers whether it was done."""

    record_id: str
    action: str


@dataclass(frozen=True, slots=True)
class TaskExists(Gateway):
    """Answers whether there is a record of that id."""

    record_id: str


@dataclass(frozen=True, slots=True)
class ReadTask(Gateway):
    """Answers the record's public fields as a map, or ``None``."""

    record_id: str


@dataclass(frozen=True, slots=True)
class ReadTaskInput(Gateway):
    """Answers the value of one input of a run, with its type; ``None`` when there is no such run or input."""

    record_id: str
    name: str


@dataclass(frozen=True, slots=True)
class FindTasks(Gateway):
    """Answers the record ids of the runs with this out-order number."""

    out_order_no: str


@dataclass(frozen=True, slots=True)
class SetOutOrderNo(Gateway):
    """Give this run an out-order number; refused when another run has it."""

    order_no: str


@dataclass(frozen=True, slots=True)
class ReadCache(Gateway):
    """Answers the text under a key of the cache that all runs share, or ``None``."""

    key: str


@dataclass(frozen=True, slots=True)
class WriteCache(Gateway):
    """Store a text under a key of the cache that all runs share."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class ClearCache(Gateway):
    """Remove a key from the cache; answers whether it was there."""

    key: str


@dataclass(frozen=True, slots=True)
class PublishEvent(Gateway):
    """Publish an event for other systems and scripts; kept for a while."""

    name: str
    data: str
