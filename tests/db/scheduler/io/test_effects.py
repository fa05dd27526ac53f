"""Effect rows under the hands of io processes: claimed once, stored once, taken over from the dead."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from scheduler import clock
from scheduler.fleet import orders
from scheduler.fleet.views import read_order
from scheduler.io import effects
from scheduler.io.effects import Ended
from scheduler.io.verdict import Claimed, Verdict
from scheduler.models import Effect, FleetOrder, LogLine, ProcessRow, TaskRecord, Wait
from scheduler.states import EffectStatus, Status
from tests.db.scheduler.io.conftest import World, status_of

DONE = Verdict(EffectStatus.DONE, {"code": 0})
SILENCE = Verdict(EffectStatus.PENDING, {"error": "gone", "maybe_sent": True}, 5.0)


def claim(owner: str = "boot-a", **room: int) -> list[Claimed]:
    return effects.claim(owner, room, 100, default_room=10)


def test_a_due_effect_is_claimed_by_one_process_only_with_its_try_counted(world: World) -> None:
    effect = world.effect(world.run())
    (mine,) = claim("boot-a")
    assert claim("boot-b") == []
    effect.refresh_from_db()
    assert (effect.status, effect.owner, effect.attempts, mine.attempts) == (EffectStatus.SENT, "boot-a", 1, 1)
    assert effect.sent_at is not None


def test_an_effect_that_is_not_due_yet_or_has_ended_stays_where_it_is(world: World) -> None:
    record = world.run()
    world.effect(record, due_at=clock.now() + timedelta(minutes=1))
    world.effect(record, "markComplete", order_id="other", status=EffectStatus.DONE)
    assert claim() == []


def test_a_target_gets_no_more_calls_than_it_has_room_for_and_others_go_on(world: World) -> None:
    record = world.run()
    for number in range(5):
        world.effect(record, order_id=f"o{number}")
        world.effect(record, order_id=f"p{number}", target="plant-2")
    assert sorted(effect.target for effect in claim(fleet=2)) == ["fleet"] * 2 + ["plant-2"] * 5
    assert claim(fleet=0) == []


def test_calls_of_one_order_are_sent_one_after_the_other(world: World) -> None:
    record = world.run()
    world.effect(record, "setOrder")
    world.effect(record, "terminate")
    (first,) = claim("boot-a")
    assert first.operation == "setOrder"
    assert claim("boot-b") == []
    effects.store("boot-a", [Ended(first, DONE)], world.wake)
    assert [effect.operation for effect in claim("boot-b")] == ["terminate"]


def test_an_answer_is_stored_wakes_its_run_and_makes_the_order_row_once(world: World) -> None:
    record = world.run()
    effect = world.effect(record)
    (mine,) = claim()
    assert effects.store("boot-a", [Ended(mine, DONE)], world.wake) == 1
    assert world.woken == [f"effect:{effect.key}"]
    effect.refresh_from_db()
    assert (effect.status, effect.result) == (EffectStatus.DONE, {"code": 0})
    order = FleetOrder.objects.get()
    assert (order.order_id, order.record_id, order.block, order.closed) == (effect.order_id, record.pk, "b1", False)


def test_a_process_that_was_given_up_for_dead_stores_nothing(world: World) -> None:
    effect = world.effect(world.run())
    (late,) = claim("boot-a")
    Effect.objects.filter(pk=effect.pk).update(sent_at=clock.now() - timedelta(minutes=1))
    assert effects.take_over("boot-b", world.wake) == 1
    (again,) = claim("boot-b")
    assert effects.store("boot-a", [Ended(late, DONE)], world.wake) == 0
    assert (status_of(effect), world.woken) == (EffectStatus.SENT, [])
    assert effects.store("boot-b", [Ended(again, DONE)], world.wake) == 1


def test_silence_puts_it_off_and_the_wait_tells_what_the_target_said(world: World) -> None:
    record = world.run()
    effect = world.effect(record)
    world.wait(record, f"effect:{effect.key}")
    (mine,) = claim()
    assert effects.store("boot-a", [Ended(mine, SILENCE)], world.wake) == 0
    effect.refresh_from_db()
    assert (effect.status, effect.owner, world.woken) == (EffectStatus.PENDING, "", [])
    assert timedelta(seconds=4) < effect.due_at - clock.now() <= timedelta(seconds=5)
    args = Wait.objects.get().args
    assert (args["target"], args["a"], args["error"]) == ("fleet", 1, "gone")


def test_every_repeat_of_a_call_that_may_have_arrived_is_counted_in_one_log_line(world: World) -> None:
    effect = world.effect(world.run())
    for _ in range(3):
        (mine,) = claim()
        verdict = Verdict(EffectStatus.PENDING, {**mine.result, "error": "cut off", "maybe_sent": True}, 0.0)
        effects.store("boot-a", [Ended(mine, verdict)], world.wake)
    line = LogLine.objects.get()
    assert (line.code, line.level, line.block) == ("effect_repeated", 4, "b1")
    assert json.loads(line.args) == {"operation": "setOrder", "order": effect.order_id, "times": 2}


@pytest.mark.parametrize("verdict", [DONE, SILENCE])
def test_an_order_made_for_a_run_that_ended_meanwhile_is_terminated_without_disabling_the_robot(
    world: World, verdict: Verdict
) -> None:
    record = world.run()
    effect = world.effect(record)
    (mine,) = claim()
    TaskRecord.objects.filter(pk=record.pk).update(status=Status.CANCELLED)
    effects.store("boot-a", [Ended(mine, verdict)], world.wake)
    assert status_of(effect) == (EffectStatus.DONE if verdict is DONE else EffectStatus.ABANDONED)
    terminate = Effect.objects.get(operation="terminate")
    assert terminate.request == {"id": effect.order_id, "disableVehicle": False}


def test_a_call_that_never_left_is_abandoned_with_its_run_and_nothing_is_terminated(world: World) -> None:
    record = world.run()
    effect = world.effect(record)
    (mine,) = claim()
    TaskRecord.objects.filter(pk=record.pk).update(status=Status.CANCELLED)
    refused = Verdict(EffectStatus.PENDING, {"error": "refused", "maybe_sent": False}, 1.0)
    effects.store("boot-a", [Ended(mine, refused)], world.wake)
    assert (status_of(effect), Effect.objects.filter(operation="terminate").exists()) == (EffectStatus.ABANDONED, False)


def test_what_a_dead_predecessor_of_the_same_boot_sent_is_repeated_at_once(world: World) -> None:
    effect = world.effect(world.run())
    claim("boot-a")
    assert effects.take_over("boot-a", world.wake) == 1
    (again,) = claim("boot-a")
    assert (again.key, again.attempts) == (effect.key, 2)
    assert LogLine.objects.get().code == "effect_repeated"


def test_what_this_process_is_sending_itself_and_what_a_live_one_sends_is_left_alone(world: World) -> None:
    record = world.run()
    mine = world.effect(record, order_id="o1")
    claim("boot-a")
    world.effect(record, order_id="o2")
    claim("boot-b")
    now = clock.now()
    ProcessRow.objects.create(name="io-b", role="io", boot_id="boot-b", host="h", pid=1, started_at=now, beat_at=now)
    Effect.objects.update(sent_at=now - timedelta(minutes=5))
    assert effects.take_over("boot-a", world.wake, [mine.pk]) == 0
    ProcessRow.objects.update(ended_at=now)
    assert effects.take_over("boot-a", world.wake, [mine.pk]) == 1


def test_a_sender_without_a_heartbeat_yet_is_given_time(world: World) -> None:
    world.effect(world.run())
    claim("boot-b")
    assert effects.take_over("boot-a", world.wake) == 0


def test_a_call_that_must_not_be_repeated_becomes_unknown_and_wakes_its_run(world: World) -> None:
    effect = world.effect(world.run(), kind="http", operation="POST", order_id="")
    claim("boot-a")
    assert effects.take_over("boot-a", world.wake) == 1
    assert (status_of(effect), world.woken) == (EffectStatus.UNKNOWN, [f"effect:{effect.key}"])


def test_leftovers_of_ended_runs_are_terminated_once(world: World) -> None:
    ended, alive = world.run("ended", Status.FAILED), world.run("alive")
    for record in (ended, alive):
        orders.note_sent(f"{record.record_id}~b1", record.pk, "b1", clock.now())
    world.effect(ended, order_id="maybe", status=EffectStatus.ABANDONED, attempts=1)
    world.effect(ended, order_id="never", status=EffectStatus.ABANDONED, attempts=0)
    assert orders.terminate_leftovers() == {"terminated": 2}
    asked = Effect.objects.filter(operation="terminate").values_list("order_id", flat=True)
    assert sorted(asked) == ["ended~b1", "maybe"]
    assert orders.terminate_leftovers() == {"terminated": 0}


def test_what_a_hostile_fleet_says_about_an_order_can_be_stored(world: World) -> None:
    orders.note_sent("o1", world.run().pk, "b1", clock.now())
    (known,) = orders.open_orders()
    nasty = "\ud800\x00💥" * 1000
    seen = read_order(
        {
            "state": nasty,
            "vehicle": nasty,
            "msg": {"deep": nasty},
            "blocks": [{"blockId": nasty, "state": nasty, "containerName": nasty}, 7, None],
            "errors": [{"code": 2**100, "desc": nasty}, {"code": True}, "x"],
        }
    )
    assert orders.store_seen([(known, seen)], world.wake) == 1
    assert orders.open_orders()[0].seen == seen


def test_an_order_that_changed_is_written_once_even_when_two_processes_saw_it(world: World) -> None:
    record = world.run()
    orders.note_sent("o1", record.pk, "b1", clock.now())
    (known,) = orders.open_orders()
    (same,) = orders.open_orders()
    seen = orders.SeenOrder("FAILED", "AMB-01", {"o1~1": "FAILED"}, {}, "fork blocked", (52111,))
    assert orders.store_seen([(known, seen)], world.wake) == 1
    assert orders.store_seen([(same, seen)], world.wake) == 0
    assert world.woken == ["order:o1"]
    assert orders.open_orders()[0].seen == seen
    (known,) = orders.open_orders()
    orders.store_seen([(known, orders.SeenOrder("FINISHED", "AMB-01"))], world.wake)
    assert orders.open_orders() == []
