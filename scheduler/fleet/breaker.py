"""A circuit breaker for one target: after a row of failures only single probes pass, ever more rarely."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds that it stays open at first; each failed probe doubles it.
FIRST_PAUSE_S = 1.0


class Breaker:
    """Closed: everything passes. Open: nothing passes until its time is over, then one probe at a time.

    Its state lives in the memory of the process that owns it. ``threshold`` failures in a row open it, for at most
    ``longest_s`` seconds; ``clock`` is monotonic seconds.
    """

    def __init__(
        self, threshold: int = 5, longest_s: float = 15.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold = threshold
        self._longest_s = longest_s
        self._clock = clock
        self._failures = 0
        self._pause = FIRST_PAUSE_S
        self._until = 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether the target counts as dead (a probe may be on its way)."""
        return self._failures >= self._threshold

    def seconds_left(self) -> float:
        """Seconds until the next probe may pass; 0 when something may pass now."""
        return max(0.0, self._until - self._clock()) if self.open else 0.0

    def room(self, limit: int) -> int:
        """How many calls may start now, of at most ``limit``."""
        if not self.open:
            return limit
        return 0 if self._probing or self.seconds_left() > 0 else min(1, limit)

    def started(self) -> None:
        """A call begins; while open it is the probe."""
        if self.open:
            self._probing = True

    def abandoned(self) -> None:
        """A call that began was given up without an answer; it says nothing about the target."""
        self._probing = False

    def answered(self) -> None:
        """The target answered (a refusal is an answer): closed again."""
        self._failures, self._pause, self._until, self._probing = 0, FIRST_PAUSE_S, 0.0, False

    def failed(self) -> None:
        """The target did not answer."""
        probed, self._probing = self._probing, False
        self._failures += 1
        if self._failures == self._threshold or probed:
            self._until = self._clock() + self._pause
            self._pause = min(self._pause * 2, self._longest_s)
