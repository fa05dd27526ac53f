"""The web process as the console starts it, on the test database, and a socket of a live page to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.installation import database_url
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from vwed.env import ROOT
from vwed.management.commands.console import UVICORN


class Web:
    """One web process. A context manager; leaving it asks the process to end and kills it if it does not."""

    def __init__(self, log: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "vwed.settings",
            "DATABASE_URL": database_url(),
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "uvicorn", "vwed.asgi:application", "--port", str(self.port), *UVICORN]
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=output, stderr=output)
        wait_until(self._answers, 40, lambda: f"a web process: {self.said()}")
        return self

    def __exit__(self, *_: TracebackType | type[BaseException] | BaseException | None) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait(5)

    def said(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def _answers(self) -> bool:
        import socket

        assert self.process is not None
        assert self.process.poll() is None, self.said()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@contextlib.asynccontextmanager
async def live_socket(port: int, session: str, *topics: str) -> AsyncIterator[ClientConnection]:
    """A subscribed socket with the login of a session."""
    headers = {"Cookie": f"sessionid={session}"}
    address, origin = f"ws://127.0.0.1:{port}/ws/live/", f"http://127.0.0.1:{port}"
    async with connect(
        address,
        additional_headers=headers,
        origin=origin,
        compression=None,
        ping_interval=None,  # type: ignore[arg-type]
    ) as socket:
        await socket.send(json.dumps({"op": "sub", "v": 1, "topics": list(topics)}))
        yield socket


async def listen(socket: ClientConnection, seconds: float) -> list[tuple[float, dict[str, Any]]]:
    """Everything that arrives in so many seconds, with the monotonic time of its arrival."""
    heard: list[tuple[float, dict[str, Any]]] = []
    with contextlib.suppress(TimeoutError, ConnectionClosed):
        async with asyncio.timeout(seconds):
            while True:
                text = await socket.recv()
                heard.append((time.monotonic(), json.loads(text)))
    return heard
