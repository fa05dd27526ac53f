"""What handlers are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Left:
    """The children were left before their end: ``break``, ``return``, ``skip`` (to ``target``) or ``stop``."""

    kind: str
    target: str = ""


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
class SubTaskStarted:
    """The child run; ``created`` is false when it was there already."""

    record_id: str
    created: bool = True


@dataclass(frozen=True, slots=True)
class SubTaskEnded:
    """A child has ended: ``code`` 1003, 1001, 1004 or 1005, and why."""

    record_id: str
    code: int
    reason: str = ""
