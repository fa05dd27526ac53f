"""One line on a terminal that is written over: what a run is doing right now."""

from __future__ import annotations

import time

from django.core.management.base import OutputWrapper
from django.db.models import Max

from scheduler.models import BlockRecord, TaskRecord, Wait

#: Seconds between two rewritings; the database is asked no more often.
_EVERY_S = 0.25
_WIDTH = 100


class Progress:
    """Shows a run while somebody waits for it. Silent when ``stream`` is no terminal."""

    def __init__(self, stream: OutputWrapper) -> None:
        self._stream = stream
        self._active = stream.isatty()
        self._started = time.monotonic()
        self._next = 0.0

    def show(self, record: TaskRecord) -> None:
        """Rewrite the line, at most four times a second."""
        now = time.monotonic()
        if not self._active or now < self._next:
            return
        self._next = now + _EVERY_S
        line = f"{record.record_id}  {record.status}  {_doing(record)}  {now - self._started:.0f} s"
        self._write(f"\r{line[:_WIDTH]:<{_WIDTH}}")

    def clear(self) -> None:
        """Take the line away."""
        if self._active:
            self._write(f"\r{'':<{_WIDTH}}\r")

    def _write(self, text: str) -> None:
        self._stream.write(text, style_func=str, ending="")
        self._stream.flush()


def _doing(record: TaskRecord) -> str:
    wait = Wait.objects.filter(record=record).values_list("block", "code").first()
    if wait is not None:
        return f"{wait[0]} waits ({wait[1]})"
    newest = BlockRecord.objects.filter(record=record, attempt=record.history_attempt).aggregate(seq=Max("seq"))["seq"]
    block = BlockRecord.objects.filter(record=record, attempt=record.history_attempt, seq=newest).first()
    return f"{block.name} {block.block_type}" if block is not None else ""
