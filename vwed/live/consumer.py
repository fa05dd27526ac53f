"""The socket of a live page. No message from a client changes anything; it only says what it wants to hear."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from vwed.live import frames
from vwed.live.access import Rights, read_rights
from vwed.live.broadcaster import Broadcaster, Full

#: Close codes of the protocol.
SIGNED_OUT, FORBIDDEN, TOO_MANY_SOCKETS, TOO_MUCH = 4401, 4403, 4413, 4429
#: Messages a client may send in ``MESSAGE_WINDOW_S`` seconds.
MESSAGES_IN_WINDOW = 10
MESSAGE_WINDOW_S = 10.0
#: Seconds a reader may take for one frame before it is closed.
SLOW_READER_S = 30.0
#: A hidden page gets a frame every so many ticks.
HIDDEN_TICKS = 5


class LiveConsumer(AsyncWebsocketConsumer):
    """One socket: knows its login, its topics and whether it is visible; sends the newest frame at each tick."""

    # Broadcasting is local to the process (see ``broadcaster``): no layer, no queue per socket.
    channel_layer_alias = "none"

    def __init__(self, broadcaster: Broadcaster) -> None:
        super().__init__()
        self._broadcaster = broadcaster
        self._wake = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._asked: list[str] = []
        self._notices: deque[str] = deque(maxlen=4)
        self._received: deque[float] = deque(maxlen=MESSAGES_IN_WINDOW)
        self._hidden = False
        self._ticks = 0
        self._closing: int | None = None
        self.rights: Rights | None = None
        self.login: tuple[int, str] = (0, "")
        self.topics: list[str] = []

    async def connect(self) -> None:
        """Accept staff only, within the bounds. A refusal is accepted and closed at once so that the page sees why."""
        user = self.scope.get("user")
        session = self.scope.get("session")
        self.login = (getattr(user, "pk", None) or 0, getattr(session, "session_key", None) or "")
        self.rights = (await database_sync_to_async(read_rights)([self.login])).get(self.login)
        await self.accept()
        if self.rights is None:
            await self.close(FORBIDDEN if self.login[0] and not getattr(user, "is_staff", False) else SIGNED_OUT)
            return
        try:
            self._broadcaster.join(self)
        except Full:
            await self.close(TOO_MANY_SOCKETS)
            return
        sender = self._send_while_heard()
        self._sender = self._broadcaster.background.task("live-sender", sender, context=f"login {self.login[0]}")

    async def disconnect(self, code: int) -> None:
        """Leave nothing behind."""
        await self._broadcaster.leave(self)
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Handle one message; the rights are checked for each."""
        now = time.monotonic()
        if len(self._received) == MESSAGES_IN_WINDOW and now - self._received[0] < MESSAGE_WINDOW_S:
            await self.close(TOO_MUCH)
            return
        self._received.append(now)
        try:
            operation, topics = frames.parse(text_data or "")
        except frames.BadMessage:
            await self.close(TOO_MUCH)
            return
        self.set_rights((await database_sync_to_async(read_rights)([self.login])).get(self.login))
        if self._closing is not None:
            return
        if operation == "sub":
            self._subscribe(topics)
        self._hidden = {"hide": True, "show": False}.get(operation, self._hidden)
        self._wake.set()

    def tick(self) -> None:
        """Called by the broadcaster: a new frame is there."""
        self._ticks += 1
        if not self._hidden or self._ticks % HIDDEN_TICKS == 0:
            self._wake.set()

    def set_rights(self, rights: Rights | None) -> None:
        """Called by the broadcaster with what was read last."""
        before, self.rights = self.rights, rights
        if rights is None or (before is not None and before.password != rights.password):
            self._closing = SIGNED_OUT
        elif before is not None and (before.permissions, before.superuser) != (rights.permissions, rights.superuser):
            self.topics, denied = rights.allowed(self._asked)
            self._notices.append(frames.dumps({"v": frames.VERSION, "perms": rights.actions, "deny": denied}))
        else:
            return
        self._wake.set()

    def _subscribe(self, topics: list[str]) -> None:
        assert self.rights is not None  # noqa: S101 - the caller has just checked it
        self._asked = topics
        self.topics, denied = self.rights.allowed(topics)
        hello: dict[str, Any] = {
            "user": self.rights.username,
            "perms": self.rights.actions,
            "topics": self.topics,
            "deny": denied,
        }
        self._notices.append(frames.dumps({"v": frames.VERSION, "hello": hello}))

    async def _send_while_heard(self) -> None:
        # A browser that has gone is no failure; ``disconnect`` is on its way.
        with contextlib.suppress(OSError):
            await self._send_frames()

    async def _send_frames(self) -> None:
        """Send the newest frame whenever there is one; a reader that takes too long is closed."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._closing is not None:
                await self.close(self._closing)
                return
            try:
                async with asyncio.timeout(SLOW_READER_S):
                    while self._notices:
                        await self.send(text_data=self._notices.popleft())
                    await self.send(text_data=self._broadcaster.frame(self.topics))
            except TimeoutError:
                await self.close(TOO_MUCH)
                return
