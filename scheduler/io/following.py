"""Following the fleet's orders: one call for all that are open, and only what changed is written and wakes a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.fleet import orders
from scheduler.fleet.breaker import Breaker
from scheduler.fleet.client import FleetClient, OrdersReply, RefusedCall, Unreachable
from scheduler.fleet.orders import OpenOrder
from scheduler.fleet.views import SeenOrder, lost_order, read_order
from scheduler.io.database import DATABASE_GONE, PAUSE_S, DatabaseThread, wait_for

logger = logging.getLogger(__name__)

#: Seconds without open orders until the table is looked at again; shortest time between two calls; share of the time
#: that polling may take (a fleet that needs long to answer is asked more rarely).
IDLE_S = 2.0
SHORTEST_S = 0.1
DUTY = 0.25
#: Seconds that the fleet must say "unknown" before an order counts as lost.
LOST_AFTER_S = 20.0


@dataclass(slots=True)
class Report:
    """The last round, for the services page."""

    open: int = 0
    changed: int = 0
    error: str = ""


class OrderFollower:
    """Polls the open orders. ``nudge`` asks for a round soon; ``report`` tells of the last one."""

    def __init__(
        self,
        client: FleetClient,
        database: DatabaseThread,
        *,
        wake: orders.Wake,
        breaker: Breaker,
    ) -> None:
        self._client = client
        self._database = database
        self._wake = wake
        self._breaker = breaker
        self._nudged = asyncio.Event()
        self._missing: dict[str, float] = {}
        self.report = Report()

    def nudge(self) -> None:
        """Something was sent: the orders may have changed."""
        self._nudged.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until ``stop`` is set."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            self._nudged.clear()
            began = loop.time()
            try:
                pause = await self._round()
            except DATABASE_GONE:
                pause = PAUSE_S
            pause = max(pause, (loop.time() - began) / DUTY, SHORTEST_S)
            if not await wait_for(stop, SHORTEST_S):
                await self._wait(stop, pause - SHORTEST_S)

    async def _wait(self, stop: asyncio.Event, seconds: float) -> None:
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._nudged.wait())]
        try:
            await asyncio.wait(waits, timeout=max(seconds, 0.0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _round(self) -> float:
        """One round; seconds until the next."""
        known = await self._database(orders.open_orders)
        names = {order.order_id for order in known}
        self._missing = {name: since for name, since in self._missing.items() if name in names}
        if not known:
            self.report = Report(error=self.report.error)
            return IDLE_S
        poll_s = self._database.values.order_poll_s
        if self._breaker.room(1) == 0:
            return max(self._breaker.seconds_left(), poll_s)
        self._breaker.started()
        try:
            reply = await self._client.orders([order.order_id for order in known])
        except asyncio.CancelledError:
            self._breaker.abandoned()
            raise
        if isinstance(reply, Unreachable):
            self._breaker.failed()
            self._tell(reply.reason, len(known))
            return max(self._breaker.seconds_left(), poll_s)
        self._breaker.answered()
        if isinstance(reply, RefusedCall):
            self._tell(f"The fleet refuses to tell about its orders: {reply.message}", len(known))
            return IDLE_S
        await self._take(known, reply)
        return poll_s

    async def _take(self, known: Sequence[OpenOrder], reply: OrdersReply) -> None:
        changes: list[tuple[OpenOrder, SeenOrder]] = []
        for order in known:
            seen = self._seen(order, reply)
            if seen is not None and seen != order.seen:
                changes.append((order, seen))
        changed = await self._database(orders.store_seen, changes, self._wake) if changes else 0
        self._tell("", len(known), changed)

    def _seen(self, order: OpenOrder, reply: OrdersReply) -> SeenOrder | None:
        document = reply.found.get(order.order_id)
        if document is not None:
            self._missing.pop(order.order_id, None)
            return read_order(document, before=order.seen)
        if order.order_id not in reply.unknown:
            return None
        now = asyncio.get_running_loop().time()
        since = self._missing.setdefault(order.order_id, now)
        return lost_order(order.seen) if now - since >= LOST_AFTER_S else None

    def _tell(self, error: str, known: int, changed: int = 0) -> None:
        if error and not self.report.error:
            logger.warning("%s", error)
        elif self.report.error and not error:
            logger.warning("The fleet at %s answers again.", self._client.url)
        self.report = Report(known, changed, error)
