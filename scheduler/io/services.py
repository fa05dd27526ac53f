"""The periodic services of the io process: a register, a clock, and a row each that tells of the last run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from scheduler import clock
from scheduler.io.database import DATABASE_GONE, PAUSE_S, DatabaseThread, wait_for
from scheduler.models import ServiceRow

logger = logging.getLogger(__name__)

#: Shortest interval of a service, and of the rows that tell of one (seconds).
SHORTEST_S = 0.5
#: A service that runs often tells of a quiet run no more often than this (seconds).
QUIET_S = 30.0


@dataclass(frozen=True, slots=True)
class Service:
    """Something that is done again and again. ``run_once`` is quick (bounded batches) and tells what it did.

    ``interval_s`` is asked before every wait, so a tunable takes effect with the next run.
    """

    name: str
    interval_s: Callable[[], float]
    run_once: Callable[[], Mapping[str, Any] | int | None]


class Services:
    """Runs each service when it is due, one after the other, in the thread of ``database``."""

    def __init__(self, owner: str, database: DatabaseThread, services: Sequence[Service]) -> None:
        self._owner = owner
        self._database = database
        self._services = tuple(services)
        self._told: dict[str, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set. The first run of each is spread over the first seconds."""
        loop = asyncio.get_running_loop()
        due = {service.name: loop.time() + SHORTEST_S * n for n, service in enumerate(self._services, 1)}
        while not stop.is_set() and due:
            service = min(self._services, key=lambda service: due[service.name])
            if await wait_for(stop, due[service.name] - loop.time()):
                return
            pause = PAUSE_S
            with contextlib.suppress(*DATABASE_GONE):  # the thread has said so; the service is due again soon
                pause = await self._database(self.run_one, service)
            due[service.name] = loop.time() + max(pause, SHORTEST_S)

    def run_one(self, service: Service) -> float:
        """Run ``service`` now and write its row, in the database's thread; seconds until it is due again.

        Raises:
            DatabaseError, InterfaceError: the database is gone.
        """
        started, began = clock.now(), time.monotonic()
        result: Mapping[str, Any] = {}
        error = ""
        try:
            said = service.run_once()
            result = said if isinstance(said, Mapping) else {"count": int(said or 0)}
        except DATABASE_GONE:
            raise
        except Exception as fault:
            logger.error("service %s failed", service.name, exc_info=fault)
            error = f"{type(fault).__name__}: {fault}"[:1000]
        quiet = not error and not any(result.values())
        last = self._told.get(service.name)
        interval_s = service.interval_s()
        if quiet and last is not None and began - last < QUIET_S:
            return interval_s
        self._told[service.name] = began
        tell(
            service.name,
            owner=self._owner,
            interval_s=interval_s,
            started_at=started,
            duration_ms=(time.monotonic() - began) * 1000,
            result=dict(result),
            error=error,
        )
        return interval_s


def tell(name: str, **columns: Any) -> None:
    """Write the row of a service; ``runs`` counts how often it was told."""
    if not ServiceRow.objects.filter(name=name).update(**columns, runs=F("runs") + 1):
        ServiceRow.objects.get_or_create(name=name, defaults={**columns, "runs": 1})
