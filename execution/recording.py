"""What a run has to write at its next checkpoint: block records, log lines, effects, changed fields of the record."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from execution.context import TaskContext
from execution.effects import Log
from execution.frames import Branch, Frame
from execution.keeping import Rounds
from execution.limits import Limits
from execution.outcome import BlockRow, EffectRow, Forgotten, LogRow, Snapshot
from execution.plan import PlanBlock
from execution.rows import block_row, clean, object_text
from execution.values import to_plain

RUNNING, STOPPED, INTERRUPTED, FINISHED, FAILED, NOT_RUN = range(1000, 1006)
BY_HAND = 1008


class Recording:
    """Collects until ``snapshot`` is committed and ``written`` is called.

    Of the block records a run keeps the newest, and of a loop that may run for ever those of its last rounds: what is
    forgotten before it was written is never written. ``trimmed`` is the last one that the run no longer keeps;
    ``logged`` counts the lines of the log that are kept, as far as they are written.
    """

    def __init__(self, context: TaskContext, limits: Limits) -> None:
        self.rows: list[BlockRow] = []
        self.logs: list[LogRow] = []
        self.effects: list[EffectRow] = []
        self.facts: dict[str, Any] = {}
        self.seq = 0
        self.trimmed = 0
        self.logged = 0
        self.saved = 0
        self.vehicles: list[str] = []
        self.first_block: int | None = None
        self._limits = limits
        self._context = context
        self.variables_changed = self._first = False
        self._state_text: str | None = None
        self._vehicles = False
        self._priority: int | None = None
        self._forgotten: list[Forgotten] = []

    def log(self, block: str, effect: Log, now: int) -> None:
        """Add a log line."""
        row = (now, effect.level, block, effect.code, object_text(effect.args, self._limits.row_text))
        self.logs.append(tuple.__new__(LogRow, row))

    def close(
        self, frame: Frame, code: int, now: int, outputs: Mapping[str, Any] | None = None, reason: str = ""
    ) -> None:
        """The final row of a frame's block."""
        self._row(frame, code, now, outputs if outputs is not None else _shown(frame), reason)

    def _row(
        self, frame: Frame, code: int, ended: int | None, outputs: Mapping[str, Any] | None, reason: str = ""
    ) -> None:
        block, limit = frame.block, self._limits.row_text
        self.rows.append(
            block_row(
                frame.seq,
                block.name,
                block.type,
                block.path,
                frame.iteration,
                code,
                frame.started,
                ended,
                "{}" if frame.params is None else block.encode(frame.params, limit),
                object_text(outputs, limit) if outputs else "{}",
                clean(reason) if reason else "",
            )
        )

    def by_hand(self, block: PlanBlock, iteration: str, outputs: Mapping[str, Any], now: int) -> None:
        """A person has ended a block in its place."""
        self.seq += 1
        frame = Frame(block, None, self.seq, iteration, now)
        self._row(frame, BY_HAND, now, outputs)

    def round(self, frame: Frame, number: int, kept: int) -> None:
        """A round begins of a loop that keeps the records of so many last rounds."""
        if frame.rounds is None:
            frame.rounds = Rounds()
        gone = frame.rounds.begin(number, self.seq + 1, kept)
        frame.written = 0
        if gone is not None:
            self._forget(Forgotten(*gone, frame.block.path, frame.iteration))

    def _forget(self, gone: Forgotten) -> None:
        # One that was written when its block was open is written once more: only what has ended is deleted.
        new, below = max(gone.first, self.saved + 1), f"{gone.path}/" if gone.path else ""
        inside = f"{gone.iteration}." if gone.iteration else ""
        self.rows = [
            row
            for row in self.rows
            if not new <= row.seq <= gone.last
            or row.ended_ms is None
            or not (row.path.startswith(below) and row.iteration.startswith(inside))
            or not (gone.path or row.iteration)
        ]
        if gone.first <= self.saved:
            self._forgotten.append(gone)

    def _trim(self, *, ended: bool) -> None:
        """Keep the newest records, and while the run goes on up to a tenth more: deleting costs a statement.

        What stands in no round is kept as well: a loop that ran long still tells how many rounds there were.
        """
        most = self._limits.block_rows
        last = self.seq - most
        if last > self.trimmed and (ended or last - self.trimmed >= most // 10):
            self._forget(Forgotten(0, last))
            self.trimmed = last

    def _shorten(self, *, ended: bool) -> int | None:
        """The same for the log: how many lines are to be kept, when there are too many."""
        most = self._limits.log_lines
        over = self.logged + len(self.logs) - most
        if not self.logs or over <= 0 or (over < most // 10 and not ended):
            return None
        self.log("", Log("log.shortened", {"kept": most}, level=4), self.logs[-1].at_ms)
        del self.logs[:-most]
        return most

    def state_text(self, text: str) -> None:
        """The record's state description goes into the next snapshot."""
        self._state_text = clean(text, 500)

    def vehicle(self, name: str) -> None:
        """Append a vehicle to the record's list, once."""
        if name and name not in self.vehicles:
            self.vehicles.append(name)
            self._vehicles = True

    def priority(self, value: int) -> None:
        """The record's priority goes into the next snapshot."""
        self._priority = value

    def started(self, now: int) -> None:
        """The first slice of the run starts, and with it (if nothing stops it) the first block."""
        self.first_block = now
        self._first = True

    def snapshot(self, branches: Mapping[str, Branch], state: Callable[[], str] | None) -> Snapshot:
        """Everything not yet written, with rows for blocks that are still open. ``state`` ``None``: the run ends."""
        self._trim(ended=state is None)
        logs_kept = self._shorten(ended=state is None)
        self.logged = self.logged + len(self.logs) if logs_kept is None else logs_kept
        for branch in branches.values():
            top = len(branch.stack) - 1
            for position, frame in enumerate(branch.stack):
                code = branch.wait.block_code if branch.wait is not None and position == top else RUNNING
                if frame.seq and frame.written != code and not (state is None and frame.written):
                    self._row(frame, code, None, _shown(frame))
                    frame.written = code
        return Snapshot(
            state=state() if state is not None else None,
            blocks=self.rows,
            logs=self.logs,
            effects=self.effects,
            variables=json.dumps(to_plain(self._context.variables)) if self.variables_changed else None,
            state_text=self._state_text,
            vehicles=clean(",".join(self.vehicles), 190) if self._vehicles else None,
            priority=self._priority,
            first_block_ms=self.first_block if self._first and self.seq else None,
            facts=self.facts,
            forget=self._forgotten,
            blocks_run=self.seq,
            logs_kept=logs_kept,
        )

    def written(self) -> None:
        """The last snapshot is committed: begin anew (with new lists, for the old ones were handed out)."""
        self.rows, self.logs, self.effects = [], [], []
        self.facts, self._forgotten = {}, []
        self.saved = self.seq
        self.variables_changed = self._vehicles = self._first = False
        self._state_text = self._priority = None


def _shown(frame: Frame) -> Mapping[str, Any] | None:
    return frame.outputs if frame.rounds is None else frame.rounds.outputs()
