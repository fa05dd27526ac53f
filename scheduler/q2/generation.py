"""One life of the cluster: what its processes share, made by the cluster main before it forks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scheduler.flags import Flag
from scheduler.process import new_boot_id
from scheduler.q2.board import Board
from scheduler.q2.channel import Channel
from scheduler.q2.package import is_our_result


@dataclass(frozen=True, slots=True)
class Generation:
    """A boot id and everything that dies with it. A replaced cluster is a new generation.

    ``drain``: claim nothing more, and let runs go at their next block. ``stop``: end. ``settings_version`` is asked at
    every housekeeping tick of every process.
    """

    boot_id: str
    workers: int
    queues: tuple[str, ...]
    board: Board
    tasks: Channel
    results: Channel
    started: Flag
    drain: Flag
    stop: Flag
    settings_version: Callable[[], int] | None = None

    @classmethod
    def begin(
        cls, workers: int, queues: tuple[str, ...], settings_version: Callable[[], int] | None = None
    ) -> Generation:
        """A new generation with a fresh boot id."""
        return cls(
            boot_id=new_boot_id(),
            workers=workers,
            queues=queues,
            board=Board(workers),
            tasks=Channel(),
            results=Channel(skip=is_our_result),
            started=Flag(),
            drain=Flag(),
            stop=Flag(),
            settings_version=settings_version,
        )

    def end(self) -> None:
        """Give descriptors and memory back; for the cluster main, when every process of the generation is gone."""
        for part in (self.tasks, self.results):
            part.destroy()
        for flag in (self.started, self.drain, self.stop):
            flag.close()
        self.board.close()
