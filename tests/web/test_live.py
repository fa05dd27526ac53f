"""The live socket: who may connect and hear what, what arrives, what is bounded, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import OriginValidator
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from scheduler.models import TaskRecord
from scheduler.states import Status
from tests.support.websockets import SocketClient
from vwed.live import broadcaster as broadcasting
from vwed.live import consumer as consuming
from vwed.live import frames
from vwed.live.access import read_rights
from vwed.live.broadcaster import Broadcaster
from vwed.live.consumer import LiveConsumer
from vwed.live.topics import TOPICS

pytestmark = pytest.mark.django_db(transaction=True)
ORIGIN = (b"origin", b"http://testserver")


class House:
    """One web process's worth of sockets."""

    def __init__(self) -> None:
        self.broadcaster = Broadcaster(tick_s=0.05, rights_every_s=0.1)
        sockets = URLRouter([path("ws/live/", LiveConsumer.as_asgi(broadcaster=self.broadcaster))])
        self.application = OriginValidator(AuthMiddlewareStack(sockets), ["http://testserver"])

    @asynccontextmanager
    async def socket(self, client: Client | None, *, origin: tuple[bytes, bytes] = ORIGIN) -> AsyncIterator[Any]:
        """A connected socket with the login of ``client``."""
        headers = [origin]
        if client is not None:
            headers.append((b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode()))
        made = SocketClient(self.application, "/ws/live/", headers)
        await made.connect()
        try:
            yield made
        finally:
            await made.disconnect()


def ready(message: dict[str, Any]) -> int | None:
    """Number of ready runs that a frame tells."""
    return message.get("t", {}).get("overview", {}).get("n", {}).get("ready")


def run(scenario: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario in a loop of its own; the database threads of the loop end with it."""

    async def inside() -> None:
        house = House()
        try:
            await scenario(house)
        finally:
            # Sockets use one database thread of the whole process; elsewhere connections end with each use.
            await sync_to_async(connections.close_all)()
        assert not house.broadcaster.running

    asyncio.run(inside())


async def next_frame(socket: Any, wanted: Callable[[dict[str, Any]], bool], limit: int = 100) -> dict[str, Any]:
    """The first message that ``wanted`` accepts."""
    for _ in range(limit):
        message = json.loads(await socket.receive_from())
        if wanted(message):
            return message
    raise AssertionError("the message did not come")


async def closed(socket: Any) -> int:
    """The code with which the server closes, skipping frames."""
    for _ in range(200):
        message = await socket.receive_output(timeout=5)
        if message["type"] == "websocket.close":
            return int(message["code"])
    raise AssertionError("the socket was not closed")


async def subscribe(socket: Any, *topics: str) -> dict[str, Any]:
    await socket.send_to(json.dumps({"op": "sub", "v": 1, "topics": list(topics)}))
    return (await next_frame(socket, lambda message: "hello" in message))["hello"]


def test_a_viewer_hears_the_overview_and_its_numbers_change(
    as_role: Callable[[str], Client], make_record: Callable[..., TaskRecord]
) -> None:
    viewer = as_role("Viewer")
    make_record("run-1", Status.READY)

    async def scenario(house: House) -> None:
        async with house.socket(viewer) as socket:
            hello = await subscribe(socket, "overview", "nothing")
            first = await next_frame(socket, lambda m: "overview" in m.get("t", {}))
            await sync_to_async(make_record)("run-2", Status.READY)
            second = await next_frame(
                socket, lambda m: m.get("t", {}).get("overview", {}).get("n", {}).get("ready") == 2
            )

        assert hello == {"user": "viewer", "perms": [], "topics": ["overview"], "deny": {"nothing": "unknown"}}
        assert first["v"] == frames.VERSION
        assert first["t"]["overview"]["n"]["ready"] == 1
        assert second["seq"] > first["seq"]
        assert second["now"] >= first["now"]
        assert len(json.dumps(second["t"]["overview"])) <= 4096

    run(scenario)


def test_without_a_role_the_topic_is_refused(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True))

    async def scenario(house: House) -> None:
        async with house.socket(client) as socket:
            hello = await subscribe(socket, "overview")
            message = await next_frame(socket, lambda m: "t" in m)

        assert (hello["topics"], hello["deny"]) == ([], {"overview": "perm"})
        assert message["t"] == {}

    run(scenario)


def test_strangers_and_people_who_are_no_staff_are_closed_with_their_codes(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("customer"))

    async def scenario(house: House) -> None:
        async with house.socket(None) as socket:
            assert await closed(socket) == consuming.SIGNED_OUT
        async with house.socket(client) as socket:
            assert await closed(socket) == consuming.FORBIDDEN

    run(scenario)


def test_another_origin_is_refused(as_role: Callable[[str], Client]) -> None:
    viewer = as_role("Viewer")

    async def scenario(house: House) -> None:
        async with house.socket(viewer, origin=(b"origin", b"http://evil.example")) as socket:
            assert not socket.accepted

    run(scenario)


def test_a_role_that_is_taken_away_stops_the_topic(as_role: Callable[[str], Client], people: dict[str, User]) -> None:
    viewer = as_role("Viewer")

    async def scenario(house: House) -> None:
        async with house.socket(viewer) as socket:
            await subscribe(socket, "overview")
            await next_frame(socket, lambda m: "overview" in m.get("t", {}))
            await sync_to_async(people["Viewer"].groups.clear)()
            notice = await next_frame(socket, lambda m: "perms" in m)
            after = await next_frame(socket, lambda m: "t" in m)

        assert notice["deny"] == {"overview": "perm"}
        assert after["t"] == {}

    run(scenario)


def _log_out(client: Client, user: User) -> None:
    client.post("/admin/logout/")


def _deactivate(client: Client, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _change_password(client: Client, user: User) -> None:
    user.set_password("another-password-2")
    user.save()


@pytest.mark.parametrize("change", [_log_out, _deactivate, _change_password])
def test_who_signs_out_is_closed_everywhere(
    change: Callable[[Client, User], None], as_role: Callable[[str], Client], people: dict[str, User]
) -> None:
    viewer = as_role("Viewer")

    async def scenario(house: House) -> None:
        async with house.socket(viewer) as socket:
            await subscribe(socket, "overview")
            await sync_to_async(change)(viewer, people["Viewer"])
            assert await closed(socket) == consuming.SIGNED_OUT

    run(scenario)


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"op":"delete"}',
        '{"op":"sub","topics":"overview"}',
        '{"op":"sub","topics":["1","2","3","4","5","6","7","8","9"]}',
        '{"op":"sub","topics":["' + "x" * 1100 + '"]}',
        "[" * 900,
    ],
)
def test_what_is_no_message_closes_the_socket(text: str, as_role: Callable[[str], Client]) -> None:
    viewer = as_role("Viewer")

    async def scenario(house: House) -> None:
        async with house.socket(viewer) as socket:
            await socket.send_to(text)
            assert await closed(socket) == consuming.TOO_MUCH

    run(scenario)


def test_too_many_messages_close_the_socket(as_role: Callable[[str], Client]) -> None:
    viewer = as_role("Viewer")

    async def scenario(house: House) -> None:
        async with house.socket(viewer) as socket:
            for _ in range(consuming.MESSAGES_IN_WINDOW + 1):
                await socket.send_to('{"op":"show"}')
            assert await closed(socket) == consuming.TOO_MUCH

    run(scenario)


def test_sockets_are_bounded_per_person(as_role: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcasting, "SOCKETS_PER_USER", 1)
    viewer, operator = as_role("Viewer"), as_role("Operator")

    async def scenario(house: House) -> None:
        async with house.socket(viewer) as first, house.socket(viewer) as second, house.socket(operator) as third:
            assert await closed(second) == consuming.TOO_MANY_SOCKETS
            assert (await subscribe(first, "overview"))["topics"] == ["overview"]
            assert (await subscribe(third, "overview"))["topics"] == ["overview"]

    run(scenario)


def test_a_hidden_page_gets_fewer_frames(as_role: Callable[[str], Client]) -> None:
    viewer = as_role("Viewer")

    async def scenario(house: House) -> None:
        async with house.socket(viewer) as socket:
            await subscribe(socket, "overview")
            await socket.send_to('{"op":"hide"}')
            await next_frame(socket, lambda m: "t" in m)
            seen = [(await next_frame(socket, lambda m: "t" in m))["seq"] for _ in range(4)]

        assert seen[3] - seen[2] == consuming.HIDDEN_TICKS

    run(scenario)


def test_numbers_are_read_once_for_all_sockets_and_not_without_any(as_role: Callable[[str], Client]) -> None:
    clients = [as_role(role) for role in ("Viewer", "Operator", "Engineer")]

    async def scenario(house: House) -> None:
        assert not house.broadcaster.running
        async with house.socket(clients[0]) as a, house.socket(clients[1]) as b, house.socket(clients[2]) as c:
            for socket in (a, b, c):
                await subscribe(socket, "overview")
            texts = [await next_frame(socket, lambda m: "overview" in m.get("t", {})) for socket in (a, b, c)]
            assert house.broadcaster.running
            assert all(text["t"]["overview"]["n"] == texts[0]["t"]["overview"]["n"] for text in texts)
        assert not house.broadcaster.running

    run(scenario)


def test_a_slow_reader_gets_the_latest_and_nothing_piles_up(as_role: Callable[[str], Client]) -> None:
    viewer = as_role("Viewer")

    async def scenario(house: House) -> None:
        sent: list[str] = []
        gate = asyncio.Event()

        async def slow(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.send" and '"t":' in message["text"]:
                sent.append(message["text"])
                await gate.wait()

        consumer = await _stuck_consumer(house, viewer, slow)
        await _until(lambda: len(sent) == 1)
        before = house.broadcaster.frame([])
        await _until(lambda: _seq(house.broadcaster.frame([])) > _seq(before) + 10)
        assert len(sent) == 1
        gate.set()
        await _until(lambda: len(sent) >= 2)
        assert _seq(sent[1]) > _seq(before) + 10
        await consumer.disconnect(1000)

    run(scenario)


def test_a_browser_that_has_gone_is_no_failure_of_the_sender(as_role: Callable[[str], Client]) -> None:
    viewer = as_role("Viewer")

    async def scenario(house: House) -> None:
        async def vanished(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.send":
                raise ConnectionResetError("the browser has gone")

        consumer = await _stuck_consumer(house, viewer, vanished)
        sender = consumer._sender
        assert sender is not None
        await _until(sender.done)
        assert sender.exception() is None
        await consumer.disconnect(1006)

    run(scenario)


async def _stuck_consumer(
    house: House, client: Client, send: Callable[[dict[str, Any]], Awaitable[None]]
) -> LiveConsumer:
    consumer = LiveConsumer(broadcaster=house.broadcaster)
    user = await sync_to_async(User.objects.get)(username="viewer")
    consumer.scope = {"user": user, "session": client.session, "subprotocols": []}
    consumer.base_send = send
    consumer.groups = []
    await consumer.connect()
    return consumer


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def _seq(text: str) -> int:
    return int(json.loads(text)["seq"])


def test_rights_of_any_number_of_logins_cost_one_query(
    people: dict[str, User], as_role: Callable[[str], Client]
) -> None:

    clients = {role: as_role(role) for role in people if role != "root"} | {"root": as_role("root")}
    logins = [(people[role].pk, client.session.session_key or "") for role, client in clients.items()]
    with CaptureQueriesContext(connection) as queries:
        rights = read_rights([*logins, (people["root"].pk, "no-such-session")])

    assert len(queries) == 1
    assert rights.keys() == set(logins)
    by_name = {found.username: found for found in rights.values()}
    assert by_name["root"].superuser
    assert by_name["viewer"].permissions == {topic.permission for topic in TOPICS.values()}
    assert "operate_taskrecord" in by_name["operator"].actions


def test_a_permission_of_the_person_alone_counts_too(people: dict[str, User], as_role: Callable[[str], Client]) -> None:
    viewer = as_role("Viewer")
    people["Viewer"].groups.clear()
    people["Viewer"].user_permissions.add(Permission.objects.get(codename="view_taskrecord"))
    login = (people["Viewer"].pk, viewer.session.session_key or "")

    assert read_rights([login])[login].allowed(["overview"]) == (["overview"], {})
    assert Group.objects.filter(name="Viewer").exists()


def test_polling_answers_the_same_frame_and_names_what_is_refused(
    as_role: Callable[[str], Client], make_record: Callable[..., TaskRecord]
) -> None:
    make_record("run-1", Status.READY)

    answer = as_role("Viewer").get("/admin/live/poll/?t=overview,nothing")

    assert "no-store" in answer["Cache-Control"]
    assert answer.json()["t"]["overview"]["n"]["ready"] == 1
    assert answer.json()["deny"] == {"nothing": "unknown"}


def test_a_frame_too_large_becomes_the_order_to_fetch_again() -> None:
    small = frames.frame(1, 2, {"a": '{"x":1}', "b": "2"}, ["a"])
    large = frames.frame(1, 2, {"a": '"' + "x" * frames.FRAME_LIMIT + '"'}, ["a"])

    assert json.loads(small) == {"v": 1, "seq": 1, "now": 2, "t": {"a": {"x": 1}}}
    assert json.loads(large) == {"v": 1, "seq": 1, "now": 2, "t": {}, "resync": 1}
