"""One supervised process: how it is started, ended, and started again.

Each child leads a session of its own, so that a Ctrl-C at the terminal reaches the supervisor alone, and dies with the
supervisor whatever happens to that. Only the child itself is asked to end, never its group: django-q2's main process
hangs for ever when its own children are told at the same moment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from scheduler.q2.parentage import CONSOLE_PID, PROGRAM, die_with, kill_group

#: Seconds before a child that ended by itself is started again: doubled each time, up to the last.
BACKOFF_S = (0.5, 30.0)
#: A child that ran this long starts with the shortest pause again.
STEADY_S = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a name for messages, the command, and environment variables beside the supervisor's own."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class Child:
    """A running (or pausing) program. All times are monotonic seconds given by the caller."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.restarts = 0
        self.due: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = BACKOFF_S[0]

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self, now: float) -> None:
        """Start the program.

        Raises:
            OSError: it cannot be started.
        """
        parent = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            self.program.command,
            env={**os.environ, CONSOLE_PID: str(parent), PROGRAM: self.program.name, **self.program.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: die_with(parent),
        )
        self._started = now
        self.due = None

    def check(self, now: float) -> str | None:
        """Look after it: a sentence when it has just ended; starts it again when its pause is over."""
        if self._process is None:
            if self.due is not None and now >= self.due:
                self.restarts += 1
                self.start(now)
            return None
        code = self._process.poll()
        if code is None:
            return None
        kill_group(self._process.pid)  # what it left behind would go on without a guard
        self._process = None
        if now - self._started >= STEADY_S:
            self._pause = BACKOFF_S[0]
        pause, self._pause = self._pause, min(self._pause * 2, BACKOFF_S[1])
        self.due = now + pause
        return f"{self.program.name} {_how_it_ended(code)}; it is started again in {pause:g} s."

    def ask_to_end(self) -> None:
        """Ask the process itself, politely; it is not started again."""
        self.due = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def has_ended(self) -> bool:
        """Whether nothing of it runs any more (as far as its own process is concerned)."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """End it and everything it started, now."""
        if self._process is not None:
            self._process.kill()
            kill_group(self._process.pid)
            self._process.wait()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
