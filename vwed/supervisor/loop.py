"""The supervisor: starts children, starts them again when they die, ends all of them within five seconds."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from vwed.supervisor.children import Child, Program

#: Seconds that children get for an orderly end; the whole end takes at most five.
GRACE_S = 4.0
_LOOK_EVERY_S = 0.2


class Supervisor:
    """Owns its children from ``run`` until it returns; whatever happens, none outlives it."""

    def __init__(self, programs: Sequence[Program], say: Callable[[str], None]) -> None:
        self.children = [Child(program) for program in programs]
        self._say = say
        self._stops = 0

    def run(self, while_starting: Callable[[], bool] = lambda: True) -> None:
        """Start everything and guard it until SIGINT or SIGTERM.

        ``while_starting`` is asked after each look until it returns true once: what is to be said when the console is
        up belongs there.

        Raises:
            OSError: a program cannot be started; everything is ended before.
        """
        with self._signals() as bell:
            try:
                for child in self.children:
                    child.start(time.monotonic())
                ready = False
                while not self._stops:
                    self._look()
                    ready = ready or while_starting()
                    self._rest(bell, _LOOK_EVERY_S)
            finally:
                self._end(bell)

    def _look(self) -> None:
        for child in self.children:
            sentence = child.check(time.monotonic())
            if sentence:
                self._say(sentence)

    def _end(self, bell: socket.socket) -> None:
        """Ask all at once; kill what is left after the grace, or at a second Ctrl-C."""
        asked = self._stops
        for child in self.children:
            child.ask_to_end()
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline and self._stops <= max(asked, 1):
            if all(child.has_ended() for child in self.children):
                break
            self._rest(bell, 0.05)
        for child in self.children:
            if not child.has_ended():
                self._say(f"{child.program.name} did not end in time and is killed.")
            child.kill()

    def _rest(self, bell: socket.socket, seconds: float) -> None:
        """Wait; a signal cuts it short."""
        if select.select([bell], [], [], seconds)[0]:
            bell.recv(64)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Count SIGINT and SIGTERM, and be woken by them and by the end of a child."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._stop) for number in watched}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        bell = signal.set_wakeup_fd(writer.fileno())
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(bell)
            for number, handler in before.items():
                signal.signal(number, handler)
            reader.close()
            writer.close()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stops += 1
