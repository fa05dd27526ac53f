"""What the web process owns besides its pages: its identity and its housekeeper, from server start to server stop."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

from scheduler import conf
from scheduler.housekeeping.housekeeper import Housekeeper
from scheduler.process import CURRENT, Process, new_boot_id
from vwed.tuning.web_pool import WebSettings, local_figures

log = logging.getLogger(__name__)


class WebProcess:
    """ASGI lifespan: starts the housekeeper of this process and stops it again."""

    def __init__(self) -> None:
        boot_id = new_boot_id()
        self.process = Process(name=f"web-{boot_id[:4]}-{os.getpid()}", boot_id=boot_id, role="web")
        # Every request inherits this context: all of them share one plan cache.
        CURRENT.set(self.process)

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Follow the server through start and stop."""
        housekeeper: Housekeeper | None = None
        settings = WebSettings()
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.process.loop = asyncio.get_running_loop()
                conf.use(settings.source)
                housekeeper = Housekeeper(
                    self.process, settings_version=settings.newest, figures={"pool": local_figures}
                )
                housekeeper.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if housekeeper is not None:
                    await asyncio.to_thread(housekeeper.stop, "stopped")
                for job in await self.process.background.cancel_tasks():
                    log.warning("%s still runs at the end of the web process: %s", job.name, job.context)
                await send({"type": "lifespan.shutdown.complete"})
                return
