"""P8: browsers on the Overview, once a second, at one web process: how old the numbers are when they arrive.

Run: ``python -m tests.benchmarks.live_sockets [--db sqlite|mysql] [--sockets 1000] [--seconds 20]``; without ``--db``
SQLite. Makes a database and a web process of its own and ends them. *Delay* is from the moment of the reading that a
frame carries to its arrival at the socket, the reading itself included. Floor: p99 250 ms with 1,000 sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

import psutil

from tests.benchmarks.base import database

#: Sockets of one login, of the twenty that it may have; sockets that connect at the same time.
PER_LOGIN, AT_ONCE = 20, 25
#: Workers in the frame, and seconds before frames count.
WORKERS, WARM_UP_S = 8, 3.0
_NOW = re.compile(rb'"seq":\d+,"now":(\d+)')
_CLOSE, _PING, _PONG = 0x88, 0x89, 0x8A
_SUBSCRIBE = b'{"op":"sub","v":1,"topics":["overview","alerts"]}'


@dataclass(slots=True)
class Heard:
    """What all sockets heard."""

    delays_ms: list[float] = field(default_factory=list)
    frames: int = 0
    bytes: int = 0
    closed: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    since: float = float("inf")


class Socket(asyncio.Protocol):
    """One browser: no more of the protocol than it takes, so that the listener costs little beside the server."""

    def __init__(self, session: str, port: int, heard: Heard) -> None:
        self._session, self._port, self._heard = session, port, heard
        self._upgraded, self._buffer = False, b""
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a socket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        host = f"127.0.0.1:{self._port}"
        lines = [
            "GET /ws/live/ HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", f"Origin: http://{host}",
            f"Cookie: sessionid={self._session}", "", "",
        ]  # fmt: skip
        transport.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        """Subscribe when it is open; then take frame after frame."""
        at = time.time()
        self._buffer += data
        if not self._upgraded:
            head, found, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            self._upgraded = True
            self._send(0x81, _SUBSCRIBE)
        while (end := _frame_end(self._buffer)) is not None:
            start, stop = end
            self._take(self._buffer[0], self._buffer[start:stop], at)
            self._buffer = self._buffer[stop:]

    def _take(self, kind: int, content: bytes, at: float) -> None:
        if kind == _PING:
            self._send(_PONG, content)
        elif kind == _CLOSE:
            self._heard.codes[int.from_bytes(content[:2])] += 1
        elif not self.open.done() and b'"overview":' in content:
            self.open.set_result(None)
        now = _NOW.search(content)
        if now and at >= self._heard.since:
            self._heard.frames += 1
            self._heard.bytes += len(content)
            self._heard.delays_ms.append(at * 1000 - int(now[1]))

    def _send(self, kind: int, content: bytes) -> None:
        # Of less than 126 bytes, masked with zeros: the content stands as it is.
        assert self._transport is not None
        self._transport.write(bytes((kind, 0x80 | len(content), 0, 0, 0, 0)) + content)

    def connection_lost(self, error: Exception | None) -> None:
        """The server or we have closed it."""
        self._heard.closed += 1
        if not self.open.done():
            self.open.set_exception(ConnectionError(f"closed before its first frame: {error}"))

    def close(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.close()


def _frame_end(buffer: bytes) -> tuple[int, int] | None:
    """Where the content of the first frame begins and ends; nothing as long as it is not all there."""
    if len(buffer) < 4:
        return None
    start, length = (4, int.from_bytes(buffer[2:4])) if buffer[1] == 126 else (2, buffer[1])
    return (start, start + length) if len(buffer) >= start + length else None


def prepare(logins: int) -> list[str]:
    """A house to look at, and the sessions of so many people who do."""
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from scheduler import clock
    from scheduler.models import ProcessRow

    now = clock.now() + timedelta(minutes=10)  # they beat as long as this takes
    ProcessRow.objects.bulk_create(
        ProcessRow(
            name=f"worker-0123abcd-{1000 + seat}", role="worker", boot_id="bench", host="bench", pid=1000 + seat,
            seat=seat, started_at=now, beat_at=now, runs=1200, current_record=f"record-{seat:020d}",
            current_block="CAgvOperationBp", current_since=now,
            sample={"rss": 70_000_000, "pss": 30_000_000 + seat, "connections": 2, "recycle_at": 5000},
        )
        for seat in range(1, WORKERS + 1)
    )  # fmt: skip
    viewers, sessions = Group.objects.get(name="Viewer"), []
    for number in range(logins):
        user = User.objects.create(username=f"viewer-{number}", is_staff=True)
        user.groups.add(viewers)
        client = Client()
        client.force_login(user)
        sessions.append(client.cookies["sessionid"].value)
    return sessions


async def watch(port: int, sessions: Sequence[str], seconds: float, web: psutil.Process) -> None:
    """Open the sockets, listen, and print the rows."""
    heard, empty = Heard(), web.memory_info().rss
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)

    async def one(session: str) -> Socket:
        async with gate:
            _, socket = await loop.create_connection(lambda: Socket(session, port, heard), "127.0.0.1", port)
            async with asyncio.timeout(60):
                await socket.open
            return socket

    began = time.monotonic()
    sockets = await asyncio.gather(*(one(session) for session in sessions))
    print(f"{len(sockets)} sockets open after {time.monotonic() - began:.1f} s")  # noqa: T201
    await asyncio.sleep(WARM_UP_S)
    before, began = sum(web.cpu_times()[:2]), time.monotonic()
    heard.since = time.time()
    await asyncio.sleep(seconds)
    heard.since = float("inf")
    cpu, took = sum(web.cpu_times()[:2]) - before, time.monotonic() - began
    full, closed = web.memory_info().rss, heard.closed
    for socket in sockets:
        socket.close()
    _print(heard, len(sockets), took, cpu)
    print(f"lost sockets {closed}, by code {dict(heard.codes)}")  # noqa: T201
    share = (full - empty) / len(sockets) / 1000
    print(f"web process: {empty / 1e6:.0f} MB RSS empty, {full / 1e6:.0f} MB full, {share:.1f} KB a socket")  # noqa: T201


def _print(heard: Heard, sockets: int, seconds: float, cpu: float) -> None:
    cuts = quantiles(heard.delays_ms, n=100)
    worst = max(heard.delays_ms)
    print(  # noqa: T201
        f"delay of {heard.frames} frames: p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, p99 {cuts[98]:.0f} ms, "
        f"most {worst:.0f} ms"
    )
    print(  # noqa: T201
        f"{heard.frames / sockets / seconds:.2f} frames a second and socket of {heard.bytes / heard.frames:.0f} bytes; "
        f"web process {100 * cpu / seconds:.1f} % of a core"
    )


def measure(sockets: int, seconds: float) -> None:
    """Start a web process, and watch it with so many sockets."""
    from tests.support.web import Web

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * sockets + 200)), hard))
    sessions = prepare(-(-sockets // PER_LOGIN))
    with tempfile.TemporaryDirectory(prefix="vwed-live-") as folder, Web(Path(folder) / "web.log") as web:
        assert web.process is not None
        wanted = [sessions[number // PER_LOGIN] for number in range(sockets)]
        asyncio.run(watch(web.port, wanted, seconds, psutil.Process(web.process.pid)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "mysql"), default="sqlite")
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with database(options.db):
        measure(options.sockets, options.seconds)


if __name__ == "__main__":
    main()
