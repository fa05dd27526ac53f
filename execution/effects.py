"""What a block handler may ask of the world: plain values, executed by somebody else.

A handler yields one of these and receives the answer. Three kinds, told apart by their base class:

* ``Local``      - done by the walker itself in memory (variables, outputs, log lines, running children).
* ``Storage``    - executed by the port inside the checkpoint's transaction: exactly once. May answer ``Pending``.
* ``External``   - becomes a row with the checkpoint; the io process executes it; the branch waits for ``effect:<key>``.

``Sleep`` and ``AwaitOrder`` only wait. Nothing here imports Django. The three that are made for nearly every block
(``RunRound``, ``SetVariable``, ``Log``) are not frozen: that would double what a block costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Effect:
    """Base of everything a handler may yield."""

    __slots__ = ()


class Local(Effect):
    """Carried out by the walker in memory."""

    __slots__ = ()


class Storage(Effect):
    """Carried out in the checkpoint's transaction, exactly once."""

    __slots__ = ()


class External(Effect):
    """Carried out by the io process, at least once, under an idempotent key."""

    __slots__ = ()


class Waiting(Effect):
    """Only waits: for time, or for a fact that another process writes."""

    __slots__ = ()


# --- Local -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunChildren(Local):
    """Run the children of one branch of this block in order; answers ``None`` when they are done.

    With ``catch`` a failure inside is answered as ``ChildFailure`` instead of failing this block. With ``cleanup`` it
    is answered only when an enclosing block catches it, and so is a ``break`` or ``return`` that leaves this block
    (``Left``): the handler tidies up and lets it travel on.
    """

    branch: str = "default"
    catch: bool = False
    cleanup: bool = False


@dataclass(slots=True)
class RunRound(Local):
    """One round of a loop; answers ``None``, or ``Left("break")`` when the round was left by a break.

    A loop's memory is this number alone: yielding a round forgets all answers before it. A handler that is entered
    with ``at`` (not ``None``) begins by yielding that very round again. ``quiet``: its information lines
    are not kept.
    """

    number: int
    outputs: Mapping[str, Any] | None = None
    branch: str = "default"
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class RunBranches(Local):
    """Run every child of one branch as a branch of its own, interleaved; answers ``None`` when all have ended well.

    All branches run to their end; then the first in list order that did not end well decides: its failure (or an
    answer ``success: false`` of the child) fails this block, a break travels on.
    """

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


# --- Storage ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SiteCriteria:
    """Filters of a search; ``None`` means "not asked for"."""

    site_id: str | None = None
    content: str | None = None
    filled: bool | None = None
    type: int | None = None
    group: str | None = None
    locked: bool | None = False


@dataclass(frozen=True, slots=True)
class AcquireSite(Storage):
    """Find a location (and lock it for the run when ``lock``). Answers ``SiteFound``, ``NotFound`` or ``Pending``.

    ``retry_period_ms`` × ``retry_times`` is the deadline; ``retry_times`` ``None`` takes the tunable default and fails
    at the deadline, a given number answers ``NotFound`` there.
    """

    criteria: SiteCriteria
    lock: bool = False
    fair: bool = False
    descending: bool = False
    retry_period_ms: int = 1000
    retry_times: int | None = None


@dataclass(frozen=True, slots=True)
class LockSite(Storage):
    """Lock one location for ``holder`` (``None``: the run).

    Answers ``SiteFound``, ``NotFound`` (tries used up) or ``Pending``.
    """

    site_id: str
    holder: str | None = None
    fair: bool = False
    retry_times: int | None = None


@dataclass(frozen=True, slots=True)
class UnlockSite(Storage):
    """Unlock one location. Already free: succeeds with a warning. Held by another: ``Pending`` until it is released."""

    site_id: str
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeSite(Storage):
    """Write only the columns given. Emptying clears the content too (the caller passes ``content=""``)."""

    site_id: str
    filled: bool | None = None
    content: str | None = None


@dataclass(frozen=True, slots=True)
class InspectSite(Storage):
    """Read one location; answers ``SiteState`` or ``None`` when there is none of that id."""

    site_id: str


# --- External --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FleetCall(External):
    """One changing call to the fleet. ``operation`` is its path without the slash; answers an ``EffectAnswer``.

    ``order_id`` makes the call idempotent at the fleet: repeated after a crash with the same id it does nothing twice.
    """

    operation: str
    order_id: str
    body: Mapping[str, Any]


# --- Waiting ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sleep(Waiting):
    """Wait ``milliseconds`` from the moment it is yielded; answers ``None``. ``code`` and ``args`` say why."""

    milliseconds: int
    code: str = "time"
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AwaitOrder(Waiting):
    """Wait until a fleet order reaches ``goal``; answers an ``OrderView``.

    Goals: ``vehicle`` (a vehicle is named and the state is WAITING, FAILED or FINISHED), ``block:<block id>`` (that
    action is FINISHED or MANUAL_FINISHED), ``final`` (FINISHED or STOPPED). An order that is STOPPED or refused
    (``Error``) satisfies every goal: the handler looks at it. ``args`` are for the reader of the wait.
    """

    order_id: str
    goal: str
    args: Mapping[str, Any] = field(default_factory=dict)


# --- Answers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Left:
    """The children were left before their end; ``kind`` as in ``Leave``."""

    kind: str


@dataclass(frozen=True, slots=True)
class ChildFailure:
    """A block inside failed: what ``BlockError`` says, and which block it was."""

    code: str
    message: str
    remedy: str
    final: bool
    block: str
    path: str


@dataclass(frozen=True, slots=True)
class SiteFound:
    """A location was found (and locked, if that was asked)."""

    site_id: str
    already_held: bool = False


@dataclass(frozen=True, slots=True)
class NotFound:
    """The number of tries that the block allowed is used up."""

    attempts: int


@dataclass(frozen=True, slots=True)
class SiteState:
    """What ``InspectSite`` and ``ChangeSite`` answer."""

    site_id: str
    filled: bool
    content: str
    locked_by: str
    disabled: bool
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Unlocked:
    """Answer of ``UnlockSite``; ``was_locked`` is false when there was nothing to unlock."""

    site_id: str
    was_locked: bool


@dataclass(frozen=True, slots=True)
class EffectAnswer:
    """What became of an external effect: ``done``, ``failed`` or ``unknown`` (a crash between sending and answer)."""

    outcome: str
    result: Mapping[str, Any]
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class OrderView:
    """A fleet order as last seen. ``blocks``: action id → state.

    ``reason``: the fleet's own words (the first error's text, else the order's message).
    """

    order_id: str
    state: str
    vehicle: str = ""
    blocks: Mapping[str, str] = field(default_factory=dict)
    container_names: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    error_codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """Not yet. What the branch waits for, in the codes of the why card.

    ``key`` wakes it (``time``, ``effect:<key>``, ``order:<id>``, ``site:<request key>``); ``due_ms`` wakes it by time
    (epoch milliseconds of the database's clock) and may be ``None``. ``log`` is said once, when its text changes.
    """

    key: str
    code: str
    args: Mapping[str, Any] = field(default_factory=dict)
    due_ms: int | None = None
    deadline_ms: int | None = None
    log: Log | None = None
    block_code: int = 1007
