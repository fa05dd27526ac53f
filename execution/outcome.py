"""How a slice of a run ends: values, never exceptions.

``LeaseLost`` is the one exception, because nothing may be written after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class BlockRow(NamedTuple):
    """One block execution, in the column order of the ``scheduler_blockrecord`` table (after the record's key).

    ``seq`` numbers the executions of a run in start order and never changes; a row that was written before is updated.
    Times are epoch milliseconds; ``params`` and ``outputs`` are JSON texts, already cut at the limit.
    """

    seq: int
    name: str
    block_type: str
    path: str
    iteration: str
    code: int
    started_ms: int
    ended_ms: int | None
    params: str
    outputs: str
    reason: str


class LogRow(NamedTuple):
    """One log line: ``code`` and ``args`` (JSON text) are rendered on reading, in the reader's language."""

    at_ms: int
    level: int
    block: str
    code: str
    args: str


@dataclass(frozen=True, slots=True)
class WaitRow:
    """One waiting branch of a suspended run."""

    branch: str
    block: str
    key: str
    code: str
    args: Mapping[str, Any]
    since_ms: int
    due_ms: int | None
    deadline_ms: int | None


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One external effect to be written with the checkpoint. ``request`` is JSON-ready."""

    key: str
    kind: str
    target: str
    block: str
    request: Mapping[str, Any]


class Forgotten(NamedTuple):
    """Block records that are not kept: ``first`` ≤ seq ≤ ``last``, ended, and below ``path`` (empty: in any round).

    ``iteration``: only those of rounds inside this one (empty: any), so that copies of a loop forget their own alone.
    """

    first: int
    last: int
    path: str = ""
    iteration: str = ""


@dataclass(slots=True)
class Snapshot:
    """Everything a checkpoint writes. ``state`` is tagged JSON text, ``None`` for a run that has ended.

    ``blocks`` and ``logs`` hold only what is new or changed since the last snapshot; ``forget`` is deleted after them.
    ``facts`` are the changed facts of ``effects.SetFacts``; ``blocks_run`` counts block executions since the start.
    ``logs_kept``: after the new log lines are written, only so many of the run are kept, the newest (``None``: all).
    """

    state: str | None
    blocks: Sequence[BlockRow] = ()
    logs: Sequence[LogRow] = ()
    effects: Sequence[EffectRow] = ()
    variables: str | None = None
    state_text: str | None = None
    vehicles: str | None = None
    priority: int | None = None
    first_block_ms: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    forget: Sequence[Forgotten] = ()
    logs_kept: int | None = None
    blocks_run: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Base of the ways a slice ends."""


@dataclass(frozen=True, slots=True)
class Finished(Outcome):
    """The run ended well (1003)."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failed(Outcome):
    """A block failed and nothing caught it. ``final``: 1004 (business end), else 1006 (a person decides)."""

    block: str
    path: str
    error_code: str
    message: str
    remedy: str = ""
    final: bool = False
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancelled(Outcome):
    """The run ended as cancelled (1001), because what it depends on was (``effects.EndRun``)."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Suspended(Outcome):
    """Every branch waits."""

    waits: tuple[WaitRow, ...]


@dataclass(frozen=True, slots=True)
class SliceOver(Outcome):
    """The time of a slice of pure work is used up; the run is ready to go on."""


@dataclass(frozen=True, slots=True)
class Stopped(Outcome):
    """The port asked to stop at a block boundary: ``why`` is ``cancel``, ``pause`` or ``drain``."""

    why: str


@dataclass(frozen=True, slots=True)
class SliceEnd:
    """What the walker hands to the executor: how it ended and what is still to be written, in one transaction."""

    outcome: Outcome
    snapshot: Snapshot
    outputs: Mapping[str, Any] = field(default_factory=dict)
