"""The port in memory: what would be rows is kept in lists, transactions commit or leave no trace."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from execution.effects import ClearCache, EffectAnswer, OrderView, Pending, ReadCache, Storage, Transacted, WriteCache
from execution.outcome import BlockRow, EffectRow, LogRow, Outcome, Snapshot
from execution.testing.cache import FakeCache
from execution.testing.fleet import FakeFleet
from execution.testing.sites import FakeSites
from execution.testing.tasks import FakeTasks


class Crash(BaseException):
    """The process dies at this point; nothing can catch it."""


class MemoryPort:
    """One run's rows. ``crash_at`` maps the number of a commit (from 1) to ``before`` or ``after``."""

    def __init__(
        self, sites: FakeSites | None = None, fleet: FakeFleet | None = None, *, record_id: str = "rec-1"
    ) -> None:
        self.record_id = record_id
        self.sites = sites or FakeSites()
        self.fleet = fleet or FakeFleet()
        self.tasks = FakeTasks()
        self.cache = FakeCache()
        self.now = 1_700_000_000_000
        self.stop: str | None = None
        self.crash_at: dict[int, str] = {}
        self.commits = 0
        self.current: _MemoryTx | None = None
        self.outcome: Outcome | None = None
        self.state: str | None = None
        self.blocks: dict[int, BlockRow] = {}
        self.logs: list[LogRow] = []
        self.effects: dict[str, EffectRow] = {}
        self.answers: dict[str, EffectAnswer] = {}
        self.repeat: set[int] = set()
        self.variables: dict[str, Any] = {}
        self.state_text = ""
        self.vehicles = ""
        self.priority: int | None = None
        self.facts: dict[str, Any] = {}
        self.blocks_run = 0
        self.rows_written: list[BlockRow] = []
        self.effects_written: list[str] = []

    # --- RunPort ---

    def now_ms(self) -> int:
        """The fake clock, moved by hand."""
        return self.now

    def stop_requested(self) -> str | None:
        """What a test asks for."""
        return self.stop

    @contextmanager
    def checkpoint(self) -> Iterator[_MemoryTx]:
        """A transaction: all of it or nothing."""
        before = self.sites.copy(), self.tasks.copy(), self.cache.copy()
        tx = _MemoryTx(self)
        try:
            yield tx
            self.commit(tx.snapshot)
        except BaseException:
            if not tx.committed:
                self.sites, self.tasks, self.cache = before
            raise

    def effect_answers(self, keys: Sequence[str]) -> Mapping[str, EffectAnswer]:
        """Answers that are there."""
        return {key: self.answers[key] for key in keys if key in self.answers}

    def orders(self, order_ids: Sequence[str]) -> Mapping[str, OrderView]:
        """The fleet's orders."""
        found = {order_id: self.fleet.view(order_id) for order_id in order_ids}
        return {order_id: view for order_id, view in found.items() if view is not None}

    # --- The other side ---

    def commit(self, snapshot: Snapshot | None, outcome: Outcome | None = None) -> None:
        """Make a snapshot (and how the slice ended) durable, or crash where the test wants it."""
        self.commits += 1
        where = self.crash_at.pop(self.commits, "")
        if where == "before":
            raise Crash
        if snapshot is not None:
            self._write(snapshot)
        self.outcome = outcome
        if self.current is not None:
            self.current.committed = True
        if where == "after":
            raise Crash

    def _write(self, snapshot: Snapshot) -> None:
        self.state = snapshot.state
        for row in snapshot.blocks:
            self.blocks[row.seq] = row
            self.rows_written.append(row)
        self.logs.extend(snapshot.logs)
        if snapshot.logs_kept is not None:
            del self.logs[: -snapshot.logs_kept]
        for effect in snapshot.effects:
            self.effects.setdefault(effect.key, effect)
            self.effects_written.append(effect.key)
        if snapshot.variables is not None:
            self.variables = json.loads(snapshot.variables)
        self.state_text = self.state_text if snapshot.state_text is None else snapshot.state_text
        self.vehicles = self.vehicles if snapshot.vehicles is None else snapshot.vehicles
        self.priority = self.priority if snapshot.priority is None else snapshot.priority
        self.facts.update(snapshot.facts)
        self.blocks_run = max(self.blocks_run, snapshot.blocks_run)
        for first, last, path, iteration in snapshot.forget:
            below, inside = f"{path}/" if path else "", f"{iteration}." if iteration else ""
            gone = [row for row in self.blocks.values() if first <= row.seq <= last and row.ended_ms is not None]
            for row in gone:
                if row.path.startswith(below) and row.iteration.startswith(inside) and (path or row.iteration):
                    del self.blocks[row.seq]

    def io(self) -> bool:
        """The rest of the world moves on: calls are sent, the fleet works, children end. Whether anything happened."""
        pending = [effect for key, effect in self.effects.items() if key not in self.answers]
        for effect in pending:
            answer = self.fleet.call(effect.key, effect.request)
            if len(self.answers) in self.repeat:
                args = json.dumps({"key": effect.key})
                self.logs.append(LogRow(self.now, 4, effect.block, "effect.repeated", args))
                answer = self.fleet.call(effect.key, effect.request)
            self.answers[effect.key] = answer
        self.fleet.step()
        return self.tasks.step() or bool(pending)


class _MemoryTx:
    """One open transaction of the memory port."""

    def __init__(self, port: MemoryPort) -> None:
        self.port = port
        self.snapshot: Snapshot | None = None
        self.committed = False
        port.current = self

    def apply(self, effect: Transacted, key: str, since_ms: int) -> Any | Pending:
        """See ``CheckpointTx.apply``."""
        port = self.port
        if isinstance(effect, Storage):
            return port.sites.apply(effect, key, since_ms, port.now, port.record_id)
        if isinstance(effect, ReadCache | WriteCache | ClearCache):
            return port.cache.apply(effect)
        return port.tasks.apply(effect, key, port.record_id)

    def save(self, snapshot: Snapshot) -> None:
        """See ``CheckpointTx.save``."""
        self.snapshot = snapshot
