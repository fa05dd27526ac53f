"""The fleet client: every way an exchange can go is a value."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from scheduler.fleet.client import MAX_SINGLE, Answered, FleetClient, OrdersReply, RefusedCall, Unreachable
from tests.support.simulator import SimulatorProcess

Handler = Callable[[httpx.Request], httpx.Response]


def ask(handler: Handler, question: Callable[[FleetClient], Any]) -> Any:
    async def run() -> Any:
        client = FleetClient("http://fleet/", transport=httpx.MockTransport(handler), total_s=2)
        try:
            return await question(client)
        finally:
            await client.close()

    return asyncio.run(run())


def call(handler: Handler, operation: str = "addBlocks") -> Any:
    return ask(handler, lambda client: client.call(operation, {"id": "o1"}))


def says(status: int, document: Any) -> Handler:
    return lambda request: httpx.Response(status, json=document)


def raises(error: Exception) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


@pytest.mark.parametrize("document", [{"code": 0, "msg": "ok"}, {}, None, [], "done"])
def test_a_two_hundred_without_a_code_is_an_answer(document: Any) -> None:
    assert isinstance(call(says(200, document)), Answered)


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("addBlocks", 50001, "block id b1 already exist"),
        ("setOrder", 50001, "order already exists"),
        ("markComplete", 50003, "already complete"),
        ("terminate", 50002, "does not exist"),
        ("terminate", 50003, "already complete"),
    ],
)
def test_what_was_done_before_counts_as_done(operation: str, code: int, message: str) -> None:
    assert call(says(400, {"code": code, "msg": message}), operation) == Answered(already=True)


@pytest.mark.parametrize(
    ("operation", "code", "status"), [("addBlocks", 50003, 400), ("addBlocks", 50002, 404), ("setOrder", 60000, 500)]
)
def test_any_other_code_is_a_refusal_in_the_fleets_own_words(operation: str, code: int, status: int) -> None:
    assert call(says(status, {"code": code, "msg": "no"}), operation) == RefusedCall(code, "no", status)


@pytest.mark.parametrize(
    ("handler", "maybe_sent"),
    [
        (raises(httpx.ConnectError("All connection attempts failed")), False),
        (raises(httpx.ConnectTimeout("slow")), False),
        (raises(httpx.ReadTimeout("slow")), True),
        (raises(httpx.RemoteProtocolError("cut off")), True),
        (raises(httpx.ReadError("reset")), True),
        (lambda request: httpx.Response(502, text="<html>Bad Gateway</html>"), True),
        (lambda request: httpx.Response(200, text="<html>login</html>"), True),
        (lambda request: httpx.Response(200, content=b"[" * 200_000), True),
        (lambda request: httpx.Response(503, json={}), True),
    ],
)
def test_silence_and_nonsense_are_told_with_whether_the_call_may_have_arrived(
    handler: Handler, maybe_sent: bool
) -> None:
    reply = call(handler)
    assert isinstance(reply, Unreachable)
    assert reply.maybe_sent is maybe_sent
    assert "http://fleet does not answer" in reply.reason


def test_an_address_that_is_none_names_the_setting() -> None:
    async def run() -> Any:
        client = FleetClient("fleet-without-scheme:8088")
        try:
            return await client.call("setOrder", {"id": "x"})
        finally:
            await client.close()

    reply = asyncio.run(run())
    assert isinstance(reply, Unreachable)
    assert "FLEET_URL" in reply.reason


def test_all_orders_are_asked_for_with_one_call() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        ids = request.url.params["ids"].split(",")
        return httpx.Response(200, json={"list": [{"id": name, "state": "RUNNING"} for name in ids]})

    reply = ask(handler, lambda client: client.orders([f"run~b{n}" for n in range(50)]))
    assert len(seen) == 1
    assert len(reply.found) == 50
    assert reply.unknown == frozenset()


def test_more_orders_than_fit_into_an_address_travel_in_a_body() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"list": []}) if request.url.path == "/orders" else httpx.Response(404)

    ask(handler, lambda client: client.orders([f"{'x' * 100}{n}" for n in range(500)]))
    assert (seen[0].method, seen[0].url.query) == ("POST", b"")


def test_a_fleet_that_cannot_filter_is_asked_one_by_one_a_bounded_number_of_times() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/orders":
            return httpx.Response(200, json={"list": [{"id": "somebody else's", "state": "RUNNING"}], "total": 90})
        order_id = request.url.path.rsplit("/", 1)[1]
        if order_id == "o0":
            return httpx.Response(404, json={"code": 50002, "msg": "unknown"})
        return httpx.Response(200, json=None if order_id == "o1" else {"id": order_id, "state": "WAITING"})

    reply = ask(handler, lambda client: client.orders([f"o{n}" for n in range(MAX_SINGLE + 5)]))
    assert len(asked) == 1 + MAX_SINGLE
    assert reply.unknown == {"o0", "o1"}
    assert set(reply.found) == {f"o{n}" for n in range(2, MAX_SINGLE)}
    assert reply.unasked == {f"o{n}" for n in range(MAX_SINGLE, MAX_SINGLE + 5)}


def test_a_fleet_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    async def run() -> Any:
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            client = FleetClient(f"http://127.0.0.1:{mute.getsockname()[1]}", total_s=0.2)
            try:
                return await client.call("setOrder", {"id": "x"})
            finally:
                await client.close()

    reply = asyncio.run(run())
    assert isinstance(reply, Unreachable)
    assert (reply.maybe_sent, "no answer in time" in reply.reason) == (True, True)


def test_against_the_simulator_over_real_http() -> None:
    async def run(fleet: SimulatorProcess) -> None:
        client = FleetClient(fleet.url)
        try:
            for order_id in ("o1", "o2", "o1"):
                assert isinstance(await client.call("setOrder", {"id": order_id, "keyRoute": ["PP"]}), Answered)
            blocks = {"id": "o1", "blocks": [{"blockId": "o1:1", "location": "LM1"}]}
            assert isinstance(await client.call("addBlocks", blocks), Answered)
            assert await client.call("addBlocks", blocks) == Answered(already=True)
            assert isinstance(await client.call("addBlocks", {**blocks, "id": "nobody"}), RefusedCall)
            reply = await client.orders(["o1", "o2", "nobody"])
            assert isinstance(reply, OrdersReply)
            assert (set(reply.found), reply.unknown) == ({"o1", "o2"}, {"nobody"})
        finally:
            await client.close()

    with SimulatorProcess(robots=1) as fleet:
        asyncio.run(run(fleet))
        fleet.kill()
        gone = asyncio.run(_call_once(fleet.url))
    assert isinstance(gone, Unreachable)
    assert (gone.maybe_sent, "connection refused" in gone.reason) == (False, True)


async def _call_once(url: str) -> Any:
    client = FleetClient(url)
    try:
        return await client.call("setOrder", {"id": "x"})
    finally:
        await client.close()
