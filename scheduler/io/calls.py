"""Sending external effects: as many at once as allowed, each target by its own limit and behind its own breaker."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from scheduler.background import Background
from scheduler.fleet import orders
from scheduler.fleet.breaker import Breaker
from scheduler.fleet.client import RefusedCall, Reply, Unreachable
from scheduler.io import effects
from scheduler.io.database import DATABASE_GONE, PAUSE_S, DatabaseThread, wait_for
from scheduler.io.effects import Ended
from scheduler.io.verdict import Backoff, Claimed, Verdict, judge
from scheduler.states import EffectStatus

logger = logging.getLogger(__name__)

Caller = Callable[[Claimed], Awaitable[Reply]]

#: Seconds: the poll under the doorbell (for a lost ring, and for calls that are tried again, a second later at the
#: earliest); how often the effects of dead processes are looked for; grace at the end.
POLL_S = 0.5
TAKE_OVER_S = 5.0
GRACE_S = 1.0
#: Targets whose breaker is remembered; those that answered last need none.
MAX_BREAKERS = 1_000


class EffectCalls:
    """Claims due effects, calls their targets, stores the answers and wakes the runs.

    ``callers`` maps a kind of effect to the coroutine that sends it; ``bell`` is set when there may be something to do;
    ``sent`` is called after answers were stored.
    """

    def __init__(
        self,
        owner: str,
        database: DatabaseThread,
        callers: Mapping[str, Caller],
        *,
        wake: orders.Wake,
        bell: asyncio.Event,
        breakers: Breakers,
        sent: Callable[[], None] = lambda: None,
        background: Background | None = None,
    ) -> None:
        self._owner = owner
        self._database = database
        self._callers = callers
        self._wake = wake
        self._bell = bell
        self._breakers = breakers
        self._sent = sent
        self._background = background or Background()
        self._running: dict[asyncio.Task[Reply], Claimed] = {}
        self._ended: list[Ended] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; then wait a moment for answers and give the rest back."""
        loop = asyncio.get_running_loop()
        next_look = loop.time()
        while not stop.is_set():
            self._bell.clear()
            try:
                if loop.time() >= next_look:
                    await self._take_over()
                    next_look = loop.time() + TAKE_OVER_S
                await self._store()
                started = await self._start()
            except DATABASE_GONE:
                await wait_for(stop, PAUSE_S)
                continue
            if not started:
                await wait_for(self._bell, POLL_S)
        await self._finish()

    @property
    def in_flight(self) -> int:
        """Calls that are on their way now."""
        return len(self._running)

    async def _take_over(self) -> None:
        mine = [effect.pk for effect in self._running.values()] + [entry.effect.pk for entry in self._ended]
        await self._database(effects.take_over, self._owner, self._wake, mine)

    async def _start(self) -> int:
        values = self._database.values
        free = values.effects_at_once - len(self._running) - len(self._ended)
        if free <= 0:
            return 0
        busy = Counter(effect.target for effect in self._running.values())
        room = self._breakers.room(busy, values.effects_per_target)
        claimed = await self._database(effects.claim, self._owner, room, free, default_room=values.effects_per_target)
        for effect in claimed:
            self._breakers[effect.target].started()
            task = self._background.task("effect", self._call(effect), context=effect.key)
            self._running[task] = effect
            task.add_done_callback(self._take_answer)
        return len(claimed)

    async def _call(self, effect: Claimed) -> Reply:
        caller = self._callers.get(effect.kind)
        if caller is None:
            return RefusedCall(-1, f"nothing here can carry out effects of the kind {effect.kind!r}")
        return await caller(effect)

    def _take_answer(self, task: asyncio.Task[Reply]) -> None:
        effect = self._running.pop(task)
        breaker = self._breakers[effect.target]
        self._bell.set()
        if task.cancelled():
            breaker.abandoned()
            return
        error = task.exception()
        if error is not None:
            # A fault of ours, logged by the register: it ends this effect, not the process that carries all the others.
            breaker.abandoned()
            result = {"code": -1, "message": f"fault of this program: {type(error).__name__}: {error}"}
            self._ended.append(Ended(effect, Verdict(EffectStatus.FAILED, result)))
            return
        reply = task.result()
        if isinstance(reply, Unreachable):
            breaker.failed()
        else:
            breaker.answered()
        values = self._database.values
        backoff = Backoff(values.effect_retry_min_s, values.effect_retry_max_s)
        self._ended.append(Ended(effect, judge(effect, reply, backoff, random.random)))

    async def _store(self) -> None:
        if not self._ended:
            return
        batch = tuple(self._ended)
        ended = await self._database(effects.store, self._owner, batch, self._wake)
        del self._ended[: len(batch)]
        if ended:
            self._sent()

    async def _finish(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=GRACE_S)
        cut_off = dict(self._running)
        for task in cut_off:
            task.cancel()
        if cut_off:
            await asyncio.wait(cut_off)
        try:
            await self._store()
            await self._database(effects.give_back, self._owner, list(cut_off.values()))
        except DATABASE_GONE:
            logger.warning("%d calls are left for the next io process to repeat", len(cut_off) + len(self._ended))


class Breakers:
    """One breaker per target that did not answer lately; bounded."""

    def __init__(self, database: DatabaseThread) -> None:
        self._database = database
        self._known: dict[str, Breaker] = {}

    def __getitem__(self, target: str) -> Breaker:
        """The breaker of ``target``."""
        breaker = self._known.get(target)
        if breaker is None:
            values = self._database.values
            breaker = self._known[target] = Breaker(values.breaker_failures, values.breaker_pause_s)
            if len(self._known) > MAX_BREAKERS:
                oldest = next((name for name, known in self._known.items() if not known.open), next(iter(self._known)))
                del self._known[oldest]
        return breaker

    def room(self, busy: Mapping[str, int], limit: int) -> dict[str, int]:
        """How many calls each target takes now that is busy or was cut off; any other takes ``limit``."""
        targets = {name for name, breaker in self._known.items() if breaker.open} | set(busy)
        return {target: self[target].room(limit) - busy.get(target, 0) for target in targets}
