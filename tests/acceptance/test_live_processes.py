"""Live panels of two web processes on one database and one Redis, as browsers with sockets to either of them see it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.db import connections
from django.test import Client
from pytest_django import DjangoDbBlocker

from tests.support.installation import own_database
from tests.support.services import own_redis
from tests.support.web import Web, listen, live_socket

pytestmark = [pytest.mark.acceptance, pytest.mark.db, pytest.mark.redis, pytest.mark.timeout(120)]

#: Longer than twice the expiry of channel groups in these processes.
LISTENED_S = 14.0
#: A frame is due every second; this machine does other things too.
LATE_S = 2.5
Frames = list[tuple[float, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Installation:
    """Two web processes and what can be stopped under them."""

    ports: tuple[int, int]
    stop_redis: contextlib.ExitStack


@pytest.fixture(scope="module")
def installation(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("live")
    with django_db_blocker.unblock(), own_database("live"), contextlib.ExitStack() as redis:
        port = redis.enter_context(own_redis(directory / "redis"))
        environment = {
            "REDIS_URL": f"redis://127.0.0.1:{port}/0",
            "DJANGO_SETTINGS_MODULE": "tests.support.expiring_settings",
        }
        logs: tuple[Path, Path] = (directory / "one.log", directory / "two.log")
        with Web(logs[0], environment=environment) as one, Web(logs[1], environment=environment) as two:
            yield Installation((one.port, two.port), redis)


def session_of(name: str, role: str = "Viewer") -> str:
    """A new login with a role; the key of its session."""
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    """Run a scenario in a loop of its own."""

    async def inside() -> Any:
        try:
            return await scenario
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(inside())


def told(frames: Frames) -> list[tuple[float, dict[str, Any]]]:
    """Those that carry numbers of the overview."""
    return [(at, frame) for at, frame in frames if "overview" in frame.get("t", {})]


def gaps(frames: Frames) -> list[float]:
    """Seconds between one frame and the next."""
    times = [at for at, frame in frames if "t" in frame]
    return [after - before for before, after in itertools.pairwise(times)]


def test_each_socket_hears_one_message_a_second_however_many_processes_there_are(installation: Installation) -> None:
    sessions = [session_of(f"watcher-{number}") for number in range(2)]

    async def listen_everywhere() -> list[Frames]:
        async with contextlib.AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(live_socket(port, session, "overview"))
                for port in installation.ports
                for session in sessions
            ]
            return list(await asyncio.gather(*(listen(socket, LISTENED_S) for socket in sockets)))

    for frames in run(listen_everywhere()):
        # After the first, which answers the subscription: twice the expiry of the groups, and still once a second.
        numbers = [frame["seq"] for _, frame in told(frames)]
        assert numbers == sorted(set(numbers)), "no frame comes twice"
        assert LISTENED_S - LATE_S <= len(numbers) <= LISTENED_S + 2
        assert max(gaps(frames)) < LATE_S
        assert told(frames)[-1][0] - told(frames)[0][0] > 10


def test_a_role_that_is_taken_away_silences_its_sockets_everywhere_within_five_seconds(
    installation: Installation,
) -> None:
    mine, other = session_of("dismissed"), session_of("kept")

    async def take_away() -> tuple[float, list[Frames], Frames]:
        async with contextlib.AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(live_socket(port, mine, "overview")) for port in installation.ports
            ]
            witness = await stack.enter_async_context(live_socket(installation.ports[0], other, "overview"))
            heard = [asyncio.ensure_future(listen(socket, 12)) for socket in (*sockets, witness)]
            await asyncio.sleep(3)
            taken = time.monotonic()
            user = await sync_to_async(User.objects.get)(username="dismissed")
            await sync_to_async(user.groups.clear)()
            *silenced, seen = await asyncio.gather(*heard)
            return taken, silenced, seen

    taken, silenced, witness = run(take_away())
    for frames in silenced:
        assert told(frames), "it did hear something before"
        assert told(frames)[-1][0] - taken < 5.5, "5 s, and half a second of a busy machine"
        [notice] = [frame for _, frame in frames if "perms" in frame]
        assert notice["deny"] == {"overview": "perm"}
        # Not cut off: it goes on hearing that the server lives, and no number.
        assert frames[-1][0] - taken > 6
        assert frames[-1][1]["t"] == {}
    assert told(witness)[-1][0] - taken > 6


def test_without_redis_the_panels_go_on(installation: Installation) -> None:
    """The last one: it stops the Redis of this module."""
    session = session_of("undisturbed")

    async def pull_the_plug() -> Frames:
        async with live_socket(installation.ports[0], session, "overview") as socket:
            before = await listen(socket, 2.5)
            await asyncio.to_thread(installation.stop_redis.close)
            return before + await listen(socket, 5)

    frames = run(pull_the_plug())
    assert len(told(frames)) >= 5
    assert max(gaps(frames)) < LATE_S + 1
