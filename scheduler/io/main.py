"""The body of the io process."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from django.conf import settings

from scheduler import clock, doorbell, wakes
from scheduler.background import Background
from scheduler.fleet import orders
from scheduler.fleet.client import FleetClient, Reply
from scheduler.io import standard
from scheduler.io.calls import Breakers, EffectCalls
from scheduler.io.database import DATABASE_GONE, DatabaseThread, wait_for
from scheduler.io.following import OrderFollower
from scheduler.io.services import Service, Services, tell
from scheduler.io.verdict import Claimed
from scheduler.process import Process

logger = logging.getLogger(__name__)

#: Seconds between two reports about following the orders (at once when an error begins or ends).
REPORT_S = 10.0
#: Seconds between two signs of life of the event loop.
BEAT_S = 0.5
FOLLOWING = "fleet_orders"


class Bell(Protocol):
    """What rings when an effect was written: something that an event loop can watch."""

    def fileno(self) -> int:
        """A descriptor that is readable when somebody rang."""

    def drain(self) -> None:
        """Take all rings."""


def run(
    boot_id: str,
    beat: Callable[[], None] | None = None,
    process: Process | None = None,
    further: Sequence[Service] = (),
) -> None:
    """The process: work until SIGTERM or SIGINT, then end within 2 s. The bell is made here, after the fork.

    ``beat`` is called by the event loop, and by nothing else, twice a second: whoever watches knows that it turns.
    ``further``: services of the layer above.
    """
    background = process.background if process is not None else None

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        if process is not None:
            process.loop = loop
        if beat is not None:
            _beat_on(loop, beat)
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, stop.set)
        with doorbell.Listener(doorbell.EFFECTS) as bell:
            await serve(boot_id, stop, bell=bell, background=background, further=further)

    asyncio.run(main())


def _beat_on(loop: asyncio.AbstractEventLoop, beat: Callable[[], None]) -> None:
    """Beat now and at every further turn, as long as the loop turns."""
    beat()
    loop.call_later(BEAT_S, _beat_on, loop, beat)


async def serve(
    boot_id: str,
    stop: asyncio.Event,
    *,
    bell: Bell | None = None,
    fleet_url: str | None = None,
    wake: orders.Wake | None = None,
    services: Sequence[Service] | None = None,
    background: Background | None = None,
    further: Sequence[Service] = (),
) -> None:
    """Send effects, follow orders, run services, until ``stop`` is set. Leaves no thread, task or connection behind.

    ``boot_id`` owns what is sent; there is one io process per boot id. Without ``bell`` the table is polled.
    ``background`` is the process's register of what runs. ``further`` services have a thread of their own: they may be
    slow (a mail server that does not answer), and nothing of a run waits for them.
    """
    wake = wake or wakes.wake
    services = standard.services() if services is None else services
    background = background or Background()
    rung = asyncio.Event()
    async with (
        DatabaseThread("io-database", background) as database,
        DatabaseThread("io-services", background) as service_database,
        DatabaseThread("io-monitoring", background) as further_database,
        _client(fleet_url or settings.FLEET_URL, database.values.effect_timeout_s) as client,
    ):
        breakers = Breakers(database)
        follower = OrderFollower(client, database, wake=wake, breaker=breakers[orders.TARGET])

        async def call_fleet(effect: Claimed) -> Reply:
            return await client.call(effect.operation, effect.request.get("body", effect.request))

        calls = EffectCalls(
            boot_id,
            database,
            {"fleet": call_fleet},
            wake=wake,
            bell=rung,
            breakers=breakers,
            sent=follower.nudge,
            background=background,
        )
        with _watched(bell, rung):
            async with asyncio.TaskGroup() as group:
                background.task("effects", calls.run(stop), context="calls of other systems", group=group)
                jobs = (
                    ("orders", follower.run(stop), "polls the fleet"),
                    ("services", Services(boot_id, service_database, services).run(stop), _names(services)),
                    ("monitoring", Services(boot_id, further_database, further).run(stop), _names(further)),
                    ("report", _report(boot_id, follower, service_database, stop), FOLLOWING),
                )
                cut = [background.task(name, work, context=context, group=group) for name, work, context in jobs]
                await stop.wait()
                rung.set()
                for task in cut:  # an answer of the fleet is not worth waiting for
                    task.cancel()


def _names(services: Sequence[Service]) -> str:
    return ", ".join(service.name for service in services)


async def _report(owner: str, follower: OrderFollower, database: DatabaseThread, stop: asyncio.Event) -> None:
    """Keep the row that tells operators whether the fleet answers."""
    told_error: str | None = None
    while True:
        report = follower.report
        try:
            await database(
                tell,
                FOLLOWING,
                owner=owner,
                interval_s=database.values.order_poll_s,
                started_at=await database(clock.now),
                result={"open": report.open, "changed": report.changed},
                error=report.error,
            )
            told_error = report.error
        except DATABASE_GONE:
            pass  # the thread has said so
        for _ in range(int(REPORT_S)):
            if await wait_for(stop, 1.0):
                return
            if told_error != follower.report.error:
                break


@asynccontextmanager
async def _client(url: str, total_s: float) -> AsyncIterator[FleetClient]:
    client = FleetClient(url, total_s=total_s)
    try:
        yield client
    finally:
        await client.close()


@contextmanager
def _watched(bell: Bell | None, rung: asyncio.Event) -> Iterator[None]:
    """Set ``rung`` whenever the bell rings."""
    if bell is None:
        yield
        return

    def answer() -> None:
        bell.drain()
        rung.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(bell.fileno(), answer)
    try:
        yield
    finally:
        loop.remove_reader(bell.fileno())
