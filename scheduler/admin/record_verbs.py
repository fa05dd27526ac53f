"""What an action on runs is made of: whom it fits, what it asks, what it does, what it says afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scheduler.commands.attempts import AttemptResult
from scheduler.models import TaskRecord
from scheduler.states import Status
from vwed.console.confirm import Answer, Question

Rows = Sequence[TaskRecord]

OPERATE = "scheduler.operate_taskrecord"
DECIDE = "scheduler.decide_taskrecord"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many runs were done, how many were asked to (a worker has them), how many not, and why not."""

    done: int
    asked: int = 0
    left: int = 0
    why: Sequence[str] = ()


class WrongValues(Exception):
    """What was typed cannot be taken; ``fields`` says what is wrong with each."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Action:
    """One verb. ``many``: it can be done to a selection; ``done`` and ``asked`` say how many."""

    fits: frozenset[Status]
    question: Callable[[Rows], Question]
    run: Callable[[Rows, str, Answer], Outcome]
    done: Callable[[int], str]
    asked: Callable[[int], str]
    permission: str = OPERATE
    many: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """A verb that a page offers; ``why_not`` when it cannot be done just now."""

    verb: str
    why_not: str = field(default="")


def ids(rows: Rows) -> list[str]:
    """Record ids."""
    return [row.record_id for row in rows]


def command(name: str, rows: Rows, *options: str) -> str:
    """The same in a terminal; a long list is cut."""
    named = ids(rows)
    words = [name, *named[:3], *(["…"] if len(named) > 3 else []), *options]
    return f'manage.py {" ".join(words)} --reason "…"'


def of_attempts(result: AttemptResult) -> Outcome:
    """How new attempts went."""
    why = [f"{refusal.message} {refusal.remedy}".strip() for refusal in result.refused.values()]
    return Outcome(len(result.done), left=len(result.refused), why=why)
