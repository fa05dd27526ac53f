"""What the threads of this process do at this moment, and its asyncio tasks. Names of places, no values."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import FrameType
from typing import Any

#: Threads, frames of each, and tasks that are told.
THREADS, FRAMES, TASKS = 40, 40, 60


def stacks(loop: asyncio.AbstractEventLoop | None) -> dict[str, Any]:
    """Each thread with its frames, the innermost first; each task of ``loop`` with where it waits."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    here = threading.get_ident()
    frames = {ident: frame for ident, frame in sys._current_frames().items() if ident != here}
    try:
        threads = [
            [names.get(ident, f"thread {ident}"), _places(frame)] for ident, frame in list(frames.items())[:THREADS]
        ]
    finally:
        further = max(0, len(frames) - THREADS)
        frames.clear()
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name()) if loop is not None else []
    return {
        "threads": threads,
        "further_threads": further,
        "tasks": [[task.get_name(), _waits_at(task)] for task in tasks[:TASKS]],
        "further_tasks": max(0, len(tasks) - TASKS),
    }


def _places(frame: FrameType | None) -> list[str]:
    """No source line is read: the cache of lines would stay in the process."""
    places: list[str] = []
    while frame is not None and len(places) < FRAMES:
        places.append(_place(frame))
        frame = frame.f_back
    if frame is not None:
        places.append("…")
    return places


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"


def _waits_at(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    return _place(frames[-1]) if frames else "–"
