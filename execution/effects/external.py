"""What takes time: calls of other systems, sleeping, waiting for a fleet order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.effects.base import External, Waiting


@dataclass(frozen=True, slots=True)
class FleetCall(External):
    """One changing call to the fleet. ``operation`` is its path without the slash; answers an ``EffectAnswer``.

    ``order_id`` makes the call idempotent at the fleet: repeated after a crash with the same id it does nothing twice.
    ``holds``: it makes something there that has to be tidied up, so a branch that is stopped waits for its answer.
    """

    operation: str
    order_id: str
    body: Mapping[str, Any]
    holds: bool = False


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
    (``Error``) satisfies every goal: the handler looks at it. ``args`` are for the reader of the wait. ``cleanup``:
    when the branch is stopped meanwhile it is answered ``Left("stop")``, and the handler tidies up.
    """

    order_id: str
    goal: str
    args: Mapping[str, Any] = field(default_factory=dict)
    cleanup: bool = False
