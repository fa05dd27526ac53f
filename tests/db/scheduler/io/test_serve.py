"""The io process's loop against the simulator over real HTTP and a real database."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from scheduler import clock, conf, doorbell
from scheduler.fleet import orders
from scheduler.io import main
from scheduler.io.services import Service
from scheduler.models import Effect, FleetOrder, LogLine, ServiceRow
from scheduler.states import EffectStatus
from tests.db.scheduler.io.conftest import World, status_of
from tests.support.simulator import SimulatorProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Served:
    """``serve`` in a thread of its own, stopped with the test."""

    def __init__(self, world: World, url: str, *, bell: bool = False, services: tuple[Service, ...] = ()) -> None:
        self._world, self._url, self._services, self._with_bell = world, url, services, bell
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="served")

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        bell = doorbell.Listener(doorbell.EFFECTS) if self._with_bell else None
        self._ready.set()
        try:
            await main.serve(
                "boot-a",
                self._stop,
                bell=bell,
                fleet_url=self._url,
                wake=self._world.wake,
                services=self._services,
            )
        finally:
            if bell is not None:
                bell.close()

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> float:
        """Ask it to end; seconds that it took."""
        began = time.monotonic()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
        assert not self._thread.is_alive(), "serve did not end"
        return time.monotonic() - began


@pytest.fixture(scope="module")
def simulator(django_db_setup: None) -> Iterator[SimulatorProcess]:
    doorbell.ring_now()  # the process's own bell, made once, is nothing that a test leaves behind
    with SimulatorProcess(robots=2, speed=100) as fleet:
        yield fleet


@pytest.fixture
def fleet(simulator: SimulatorProcess) -> SimulatorProcess:
    simulator.post("/sim/reset")
    return simulator


@pytest.fixture
def fast(default_values: None) -> None:
    values = conf.Values(order_poll_s=0.1, effect_retry_min_s=0.05, effect_retry_max_s=0.2, breaker_pause_s=0.3)

    def source() -> conf.Values:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()  # an event loop must not ask: the answer may take a query
        return values

    conf.use(source)


def until(predicate: Callable[[], Any], describe: str) -> None:
    wait_until(predicate, 8, describe)


@pytest.mark.usefixtures("fast")
def test_an_order_is_sent_followed_and_closed_and_its_run_is_woken_at_each_change(
    world: World, fleet: SimulatorProcess
) -> None:
    record = world.run()
    effect = world.effect(record)
    with Served(world, fleet.url):
        until(lambda: FleetOrder.objects.filter(state="WAITING").exists(), "the order to get a robot")
        assert status_of(effect) == EffectStatus.DONE
        world.effect(record, "addBlocks")
        until(lambda: "FINISHED" in FleetOrder.objects.get().blocks.values(), "the action to be done")
        world.effect(record, "markComplete")
        until(lambda: FleetOrder.objects.get().closed, "the order to be closed")
    order = FleetOrder.objects.get()
    assert (order.state, order.vehicle, order.blocks) == ("FINISHED", "AMB-01", {f"{order.order_id}~1": "FINISHED"})
    assert world.woken.count(f"order:{order.order_id}") == order.rev >= 3
    assert [call["call"] for call in fleet.calls()] == ["setOrder", "addBlocks", "markComplete"]


@pytest.mark.usefixtures("fast")
def test_what_a_dead_process_had_sent_is_repeated_with_the_same_id_and_done_once(
    world: World, fleet: SimulatorProcess
) -> None:
    effect = world.effect(world.run(), status=EffectStatus.SENT, owner="boot-a", attempts=1, sent_at=clock.now())
    fleet.post("/setOrder", {"id": effect.order_id})
    with Served(world, fleet.url):
        until(lambda: status_of(effect) == EffectStatus.DONE, "the effect to be repeated")
    assert [call["body"]["id"] for call in fleet.calls()] == [effect.order_id] * 2
    assert fleet.get("/orders")["total"] == 1
    assert LogLine.objects.get().code == "effect_repeated"
    assert Effect.objects.get().attempts == 2


@pytest.mark.usefixtures("fast")
def test_without_a_fleet_nothing_is_lost_nothing_spins_and_it_goes_on_when_the_fleet_is_back(world: World) -> None:
    with SimulatorProcess(robots=1, speed=100) as gone:
        url, port = gone.url, int(gone.url.rsplit(":", 1)[1])
        gone.kill()
    record = world.run()
    wanted = [world.effect(record, order_id=f"o{number}") for number in range(20)]
    world.wait(record, f"effect:{wanted[0].key}")
    with Served(world, url):
        until(lambda: ServiceRow.objects.filter(name=main.FOLLOWING).exists(), "the first report")
        until(lambda: "error" in Effect.objects.get(pk=wanted[0].pk).result, "the silence to be noted")
        until(lambda: "does not answer" in record.waits.get().args.get("error", ""), "the wait to tell it")
        tried = sum(Effect.objects.values_list("attempts", flat=True))
        assert tried <= 40, "the breaker lets only probes pass"
        with SimulatorProcess(robots=1, speed=100, port=port):
            until(lambda: not Effect.objects.exclude(status=EffectStatus.DONE).exists(), "all effects to be done")
    assert FleetOrder.objects.count() == 20
    assert not LogLine.objects.exists(), "a call that was refused a connection was never sent, so nothing was repeated"


@pytest.mark.usefixtures("fast")
def test_an_order_that_the_fleet_has_forgotten_ends_with_a_reason(
    world: World, fleet: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.io.following.LOST_AFTER_S", 0.5)
    orders.note_sent("forgotten", world.run().pk, "b1", clock.now())
    with Served(world, fleet.url):
        until(lambda: FleetOrder.objects.get().closed, "the order to be given up")
    assert FleetOrder.objects.get().state == "STOPPED"
    assert "does not know this order any more" in FleetOrder.objects.get().reason
    assert world.woken == ["order:forgotten"]


def test_a_ring_starts_an_effect_at_once(
    world: World, fleet: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.io.calls.POLL_S", 30.0)
    record = world.run()
    with Served(world, fleet.url, bell=True):
        until(lambda: ServiceRow.objects.filter(name=main.FOLLOWING).exists(), "the start")
        effect = world.effect(record)
        doorbell.ring_now(doorbell.EFFECTS)
        until(lambda: status_of(effect) == EffectStatus.DONE, "the rung effect to be done")


def test_without_open_orders_the_fleet_is_not_asked(world: World) -> None:
    asked: list[object] = []

    async def never(*arguments: object) -> None:
        asked.append(arguments)

    with pytest.MonkeyPatch.context() as patch, Served(world, "http://127.0.0.1:9", services=()):
        patch.setattr("scheduler.fleet.client.FleetClient.orders", never)
        until(lambda: ServiceRow.objects.filter(name=main.FOLLOWING).exists(), "the start")
    assert asked == []


def test_it_ends_within_two_seconds_while_a_call_hangs_and_gives_the_call_back(world: World) -> None:
    import socket

    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        effect = world.effect(world.run())
        served = Served(world, f"http://127.0.0.1:{mute.getsockname()[1]}")
        with served:
            until(lambda: status_of(effect) == EffectStatus.SENT, "the call to be on its way")
            assert served.stop() < 2.0
    effect.refresh_from_db()
    assert (effect.status, effect.result["maybe_sent"]) == (EffectStatus.PENDING, True)


def test_services_run_when_due_and_a_fault_of_one_is_shown_and_stops_no_other(world: World) -> None:
    ran: list[str] = []

    def good() -> dict[str, int]:
        ran.append("good")
        return {"pruned": len(ran)}

    def bad() -> None:
        ran.append("bad")
        raise RuntimeError("no such table")

    services = (Service("bad", lambda: 0.5, bad), Service("good", lambda: 0.5, good))
    with Served(world, "http://127.0.0.1:9", services=services):
        until(lambda: ran.count("good") >= 2 and ran.count("bad") >= 2, "both services to run twice")
    rows = {row.name: row for row in ServiceRow.objects.filter(name__in=("good", "bad"))}
    assert (rows["good"].error, rows["good"].result["pruned"] >= 2) == ("", True)
    assert rows["bad"].error == "RuntimeError: no such table"


@pytest.mark.usefixtures("fast")
def test_hundreds_of_effects_are_carried_out_each_once(world: World, fleet: SimulatorProcess) -> None:
    record = world.run()
    now = clock.now() - timedelta(seconds=1)
    Effect.objects.bulk_create(
        Effect(
            key=f"k{number}",
            record=record,
            kind="fleet",
            target="fleet",
            operation="setOrder",
            order_id=f"o{number}",
            request={"body": {"id": f"o{number}", "complete": True}},
            due_at=now,
            created_at=now,
        )
        for number in range(300)
    )
    with Served(world, fleet.url):
        wait_until(lambda: Effect.objects.filter(status="done").count() == 300, 30, "all effects to be done")
        wait_until(lambda: not FleetOrder.objects.filter(closed=False).exists(), 20, "all orders to be closed")
    assert sorted(call["body"]["id"] for call in fleet.calls()) == sorted(f"o{n}" for n in range(300))
