"""The fleet's HTTP API as values: a call is answered, refused, or nobody answers. No HTTP error leaves this module."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from scheduler.fleet.views import clean

#: The fleet's documented codes that decide what becomes of a call.
EXISTS, UNKNOWN, COMPLETE = 50001, 50002, 50003
#: Connections to one fleet; the effect executor starts no more calls than this at once.
MAX_CONNECTIONS = 10
#: Longest answer that is read (bytes) and longest address that every fleet takes (characters).
MAX_ANSWER = 32 * 1024 * 1024
MAX_ADDRESS = 6_000
#: Orders asked for one by one in a round, when the fleet does not know how to answer for many.
MAX_SINGLE = 20
#: Seconds: to connect, for the whole call.
CONNECT_S = 3.0
#: Seconds that an idle connection is kept: shorter than servers do, or a call would now and then meet a closing one.
KEEP_S = 2.0
TOTAL_S = 10.0


@dataclass(frozen=True, slots=True)
class Answered:
    """The fleet did it. ``already``: it had done it before (the id was known)."""

    document: Any = None
    already: bool = False


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """The fleet answered no: its own code and words."""

    code: int
    message: str
    status: int = 400


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nobody answered in the fleet's language. ``maybe_sent``: the call may have arrived all the same."""

    reason: str
    maybe_sent: bool = False


Reply = Answered | RefusedCall | Unreachable


@dataclass(frozen=True, slots=True)
class OrdersReply:
    """What the fleet says about orders: documents by id, ids that it does not know, and ids it was not asked for."""

    found: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()


class FleetClient:
    """One fleet. Connections are pooled and bounded; ``close`` ends them.

    ``transport`` is for tests.
    """

    def __init__(
        self, url: str, *, transport: httpx.AsyncBaseTransport | None = None, total_s: float = TOTAL_S
    ) -> None:
        self.url = url.rstrip("/")
        self._total_s = total_s
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(total_s, connect=min(CONNECT_S, total_s)),
            limits=httpx.Limits(
                max_connections=MAX_CONNECTIONS + 2, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEEP_S
            ),
            trust_env=False,
            verify=self.url.lower().startswith("https:"),  # plain HTTP needs no certificates in memory
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def call(self, operation: str, body: Mapping[str, Any]) -> Reply:
        """One changing call. Safe to repeat with the same ids: what was done before counts as done."""
        reply = await self._ask("POST", operation, body)
        if isinstance(reply, RefusedCall):
            return _settled(operation, reply)
        return reply

    async def orders(self, ids: Sequence[str]) -> OrdersReply | RefusedCall | Unreachable:
        """All these orders with one call (by address, or by body when the address would be too long).

        A fleet that pages its orders without the filter is asked again for those that are missing, one by one and a
        bounded number in a round.
        """
        wanted = set(ids)
        query = f"orders?page=1&size={max(len(ids), 1)}&ids={quote(','.join(ids), safe='')}"
        if len(query) <= MAX_ADDRESS:
            reply = await self._ask("GET", query)
        else:
            reply = await self._ask("POST", "orders", {"ids": list(ids), "page": 1, "size": len(ids)})
        if isinstance(reply, Unreachable):
            return reply
        found: dict[str, Mapping[str, Any]] = {}
        if isinstance(reply, Answered):
            found = {order["id"]: order for order in _listed(reply.document) if order["id"] in wanted}
        missing = [order_id for order_id in ids if order_id not in found]
        unknown: set[str] = set()
        for order_id in missing[:MAX_SINGLE]:
            single = await self._ask("GET", f"orderDetails/{quote(order_id, safe='')}")
            if isinstance(single, Unreachable):
                return single
            if isinstance(single, Answered) and isinstance(single.document, dict) and single.document.get("state"):
                found[order_id] = single.document
            elif isinstance(single, Answered) or single.code == UNKNOWN or single.status == 404:
                unknown.add(order_id)
        return OrdersReply(found, frozenset(unknown), frozenset(missing[MAX_SINGLE:]))

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        try:
            async with asyncio.timeout(self._total_s):
                return await self._exchange(method, f"{self.url}/{path}", body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Unreachable(self._nobody(_cause(error)))
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            return Unreachable(f"FLEET_URL {self.url!r} is not an address of the fleet: {error}.")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:  # TimeoutError is an OSError
            return Unreachable(self._nobody(_cause(error)), maybe_sent=True)

    async def _exchange(self, method: str, url: str, body: Mapping[str, Any] | None) -> Reply:
        async with self._http.stream(method, url, json=body) as response:
            parts: list[bytes] = []
            length = 0
            async for part in response.aiter_bytes():
                length += len(part)
                if length > MAX_ANSWER:
                    return Unreachable(self._nobody(f"its answer is longer than {MAX_ANSWER} bytes"), maybe_sent=True)
                parts.append(part)
        return self._read(response.status_code, b"".join(parts))

    def _read(self, status: int, content: bytes) -> Reply:
        try:
            document = json.loads(content) if content.strip() else None
        except (ValueError, RecursionError):
            return Unreachable(self._nobody(f"status {status}, and its answer is not JSON"), maybe_sent=True)
        said = document if isinstance(document, dict) else {}
        code = said.get("code")
        if isinstance(code, int) and code != 0:
            return RefusedCall(code, clean(said.get("msg") or f"code {code}"), status)
        if status >= 500:
            return Unreachable(self._nobody(f"status {status}"), maybe_sent=True)
        if status >= 400:
            return RefusedCall(status, f"status {status}", status)
        return Answered(document)

    def _nobody(self, why: str) -> str:
        return f"The fleet at {self.url} does not answer ({why}). Check that it runs, and FLEET_URL."


def _settled(operation: str, refusal: RefusedCall) -> Reply:
    """A refusal that means that there is nothing left to do counts as done."""
    known = refusal.code == EXISTS and "exist" in refusal.message.lower()
    over = operation == "markComplete" and refusal.code == COMPLETE
    gone = operation == "terminate" and refusal.code in (UNKNOWN, COMPLETE)
    return Answered(already=True) if known or over or gone else refusal


def _listed(document: Any) -> list[Mapping[str, Any]]:
    rows = document.get("list") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        return []
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def _cause(error: BaseException) -> str:
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return "no answer in time"
    text = str(error).lower()
    if "refused" in text or "all connection attempts failed" in text:
        return "connection refused"
    return str(error) or type(error).__name__
