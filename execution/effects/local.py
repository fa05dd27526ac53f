"""What the walker does itself, in memory.

The three that are made for nearly every block (``RunRound``, ``SetVariable``, ``Log``) are not frozen: that would
double what a block costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.effects.answers import ChildFailure, Left
from execution.effects.base import Local


@dataclass(frozen=True, slots=True)
class RunChildren(Local):
    """Run the children of one branch of this block in order; answers ``None`` when they are done.

    With ``catch`` a failure inside is answered as ``ChildFailure`` instead of failing this block. With ``cleanup`` it
    is answered only when an enclosing block catches it, and so is whatever else leaves this block (``Left``): the
    handler tidies up and lets it travel on.
    """

    branch: str = "default"
    catch: bool = False
    cleanup: bool = False


@dataclass(slots=True)
class RunRound(Local):
    """One round of a loop; answers ``None``, or ``Left("break")`` when the round was left by a break.

    A loop's memory is this number alone: yielding a round forgets all answers before it. A handler that is entered
    with ``at`` (not ``None``) begins by yielding that very round again. ``quiet``: its information lines
    are not kept. ``kept``: only so many last rounds keep their block records (``None``: all).
    """

    number: int
    outputs: Mapping[str, Any] | None = None
    branch: str = "default"
    quiet: bool = False
    kept: int | None = None


@dataclass(frozen=True, slots=True)
class RunBranches(Local):
    """Run every child of one branch as a branch of its own, interleaved; answers ``None`` when all have ended well.

    All branches run to their end; then the first in list order that did not end well decides: its failure (or an
    answer ``success: false`` of the child) fails this block, a break travels on.
    """

    branch: str = "default"


@dataclass(frozen=True, slots=True)
class RunCopies(Local):
    """Run the children of one branch ``count`` times side by side, each copy in order; otherwise as ``RunBranches``.

    Copy n has the iteration n (from 1), so that what its blocks ask for has keys of its own.
    """

    count: int
    branch: str = "default"


@dataclass(frozen=True, slots=True)
class Evaluate(Local):
    """Evaluate a parameter declared as deferred; answers its converted value."""

    parameter: str


@dataclass(frozen=True, slots=True)
class Skip(Local):
    """The block is not executed; its record says so."""


@dataclass(frozen=True, slots=True)
class Leave(Local):
    """Leave the blocks around this one: ``break`` up to the nearest loop, ``return`` ends the run as finished."""

    kind: str


@dataclass(frozen=True, slots=True)
class SkipTo(Local):
    """Skip all blocks from here on until the one whose name (case ignored) or id is ``target``; only forward."""

    target: str


@dataclass(frozen=True, slots=True)
class StopOthers(Local):
    """Stop every other branch of the run (not the one that all others belong to); their parallel blocks go on."""


@dataclass(frozen=True, slots=True)
class EndRun(Local):
    """End the run as cancelled (1001): what it depends on was cancelled. Nothing catches it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Now(Local):
    """Answers the time: epoch milliseconds of the database's clock, the same when the block is entered again."""


@dataclass(frozen=True, slots=True)
class Offer(Local):
    """Facts for the blocks inside this one (``run.offered(name)``), for example the order they add actions to."""

    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AmendOffer(Local):
    """Change a fact that an enclosing block offers."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class SetInput(Local):
    """Overwrite a value of ``taskInputs`` (the robot action does, for the blocks after it)."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Publish(Local):
    """Make outputs of this block readable now, before it ends."""

    outputs: Mapping[str, Any]


@dataclass(slots=True)
class SetVariable(Local):
    """Store a task variable."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class SetStateText(Local):
    """Store the record's state description; written with the next checkpoint, which follows at once."""

    text: str


@dataclass(frozen=True, slots=True)
class AddVehicle(Local):
    """Append a vehicle to the record's comma list, once."""

    vehicle: str


@dataclass(frozen=True, slots=True)
class SetPriority(Local):
    """Overwrite the record's priority (each robot selection does)."""

    priority: int


@dataclass(frozen=True, slots=True)
class SetFacts(Local):
    """Write facts of the record that no expression reads.

    Names: ``work_types``, ``work_stations`` (comma lists), ``response`` (JSON text of a map with ``code`` and
    ``body``), ``marked_start_ms``, ``marked_end_ms``.
    """

    facts: Mapping[str, Any]


@dataclass(slots=True)
class Log(Local):
    """A line in the task log. ``level``: 1 information, 2 stop, 3 error, 4 warning. Rendered on reading."""

    code: str
    args: Mapping[str, Any] = field(default_factory=dict)
    level: int = 1


@dataclass(frozen=True, slots=True)
class PassOn(Local):
    """Let a failure or a break that this block was shown (``catch``, ``cleanup``) travel on outwards."""

    what: ChildFailure | Left
