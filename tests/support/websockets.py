"""A socket spoken to without a server: what Channels' own test client does, which would need another server package."""

from __future__ import annotations

from typing import Any

from asgiref.testing import ApplicationCommunicator


class SocketClient(ApplicationCommunicator):
    """One socket of an ASGI application."""

    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": []}
        super().__init__(application, scope)
        self.accepted = False

    async def connect(self) -> None:
        """Open; ``accepted`` says whether the server took it."""
        await self.send_input({"type": "websocket.connect"})
        self.accepted = (await self.receive_output(5))["type"] == "websocket.accept"

    async def send_to(self, text: str) -> None:
        """Send a text message."""
        await self.send_input({"type": "websocket.receive", "text": text})

    async def receive_from(self) -> str:
        """The next text message."""
        message = await self.receive_output(5)
        assert message["type"] == "websocket.send", message
        return str(message["text"])

    async def disconnect(self) -> None:
        """Close, and wait until the application has ended."""
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(5)
