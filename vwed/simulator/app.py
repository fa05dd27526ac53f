"""The ASGI application around the simulated fleet: JSON in, JSON out, one clock task that its lifespan owns."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from vwed.simulator.api import Answer, Api
from vwed.simulator.engine import Fleet
from vwed.simulator.model import BAD_REQUEST, Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 8 * 1024 * 1024
#: The clock does not tick more often than this, however fast the simulated time runs.
SHORTEST_TICK_S = 0.005


class SimulatorApp:
    """ASGI callable. The clock task sleeps until the fleet's next event and is rung by every request."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._api = Api(fleet)
        self._rung = asyncio.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI connection scope."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._respond(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        clock = asyncio.create_task(self._run_clock(), name="fleet-simulator-clock")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        clock.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await clock
        await send({"type": "lifespan.shutdown.complete"})

    async def _run_clock(self) -> None:
        while True:
            self._rung.clear()
            self.fleet.advance()
            pause = self.fleet.seconds_to_next()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if pause is None else max(pause, SHORTEST_TICK_S)):
                    await self._rung.wait()

    async def _respond(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await _read_json(receive)
            query = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=50))
            raw = scope.get("raw_path") or scope["path"].encode()
            answer = self._api.handle(scope["method"], unquote(raw.decode("latin-1")), query, body)
        except Refused as refusal:
            answer = Answer(refusal.status, {"code": refusal.code, "msg": refusal.message})
        except ValueError as error:  # too many query fields
            answer = Answer(400, {"code": BAD_REQUEST, "msg": str(error)})
        self._rung.set()
        payload = json.dumps(answer.document, ensure_ascii=False).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})


async def _read_json(receive: Receive) -> Any:
    """The request's body as JSON, ``None`` when it is empty.

    Raises:
        Refused: too long, or not JSON.
    """
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(BAD_REQUEST, "the request was cut off")
        part = message.get("body", b"")
        length += len(part)
        if length > MAX_BODY:
            raise Refused(BAD_REQUEST, f"the body is longer than {MAX_BODY} bytes", status=413)
        parts.append(part)
        if not message.get("more_body"):
            break
    text = b"".join(parts)
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(BAD_REQUEST, f"the body is not JSON: {error}") from None
