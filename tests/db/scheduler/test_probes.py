"""Probes as rows: asked within bounds, answered by the housekeeper, ended when nobody can answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler import clock, retention, worker
from scheduler.commands.recycling import recycle_worker
from scheduler.errors import Refused
from scheduler.housekeeping import Housekeeper, rows
from scheduler.housekeeping.housekeeper import STATEMENTS
from scheduler.models import AuditEntry, Probe, ProcessRow
from scheduler.probes import answering, asking, heap
from scheduler.probes.kinds import RESULT_LIMIT, Kind, State
from scheduler.process import Process, new_boot_id
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def process() -> Process:
    return Process(name="worker-test-1", boot_id=new_boot_id(), role="worker")


@pytest.fixture
def keeper(process: Process) -> Iterator[Housekeeper]:
    """A registered process whose ticks the test makes."""
    clock.now()
    made = Housekeeper(process)
    made.tick()
    yield made
    made._prober.stop()


def other(name: str, role: str = "worker", **fields: object) -> ProcessRow:
    now = clock.now()
    values = {"boot_id": "b", "host": "h", "pid": 1, "started_at": now, "beat_at": now, **fields}
    return ProcessRow.objects.create(name=name, role=role, **values)


def ask(kind: str = "collect", process: str = "worker-test-1", **options: object) -> Probe:
    return asking.ask(process, kind, actor="li", origin="page", **options)  # type: ignore[arg-type]


def answered(keeper: Housekeeper, probe: Probe) -> Probe:
    """The probe after two ticks, between which the looking thread comes to its end."""
    keeper.tick()
    look = keeper._prober._look
    assert look is not None
    assert look.over.wait(20)
    keeper.tick()
    return Probe.objects.get(pk=probe.pk)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TRACE])
def test_a_probe_is_answered_within_two_ticks(keeper: Housekeeper, kind: Kind) -> None:
    found = answered(keeper, ask(kind))

    assert (found.state, found.error) == (State.DONE, "")
    assert found.started_at is not None
    assert found.ended_at is not None
    assert json.loads(found.result)
    assert len(found.result.encode()) <= RESULT_LIMIT
    assert found.asked_by == "li"
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.object_id, entry.refused) == ("li", f"probe_{kind}", found.process, False)


def test_a_collection_tells_what_it_freed_and_what_it_took(keeper: Housekeeper) -> None:
    result = json.loads(answered(keeper, ask("collect")).result)
    assert result["freed"] >= 0
    assert result["pause_ms"] > 0
    assert result["before"]["uss"] > 0
    assert result["after"]["rss"] > 0


def test_the_second_snapshot_tells_what_grew(keeper: Housekeeper) -> None:
    assert "grown" not in json.loads(answered(keeper, ask("snapshot")).result)
    kept = [set[int]() for _ in range(5000)]
    result = json.loads(answered(keeper, ask("snapshot")).result)
    assert ["set", 5000] in [[name, more // 5000 * 5000] for name, more, _ in result["grown"]]
    assert kept


def test_a_tick_without_a_probe_costs_no_further_statement(keeper: Housekeeper) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            keeper.tick()
        return len(captured)

    assert statements() == 2
    ask("stack")
    assert statements() <= STATEMENTS + answering.STATEMENTS
    look = keeper._prober._look
    assert look is not None
    assert look.over.wait(20)
    assert statements() == 3
    assert statements() == 2


def test_the_tick_goes_on_while_a_trace_runs_and_the_end_of_the_process_stops_it(
    keeper: Housekeeper, process: Process
) -> None:
    probe = ask("trace", seconds=60)
    keeper.tick()
    assert Probe.objects.get(pk=probe.pk).state == State.RUNNING
    assert [job.context for job in process.background.running()] == ["trace"]
    keeper.tick()  # does not wait
    keeper._prober.stop()
    found = Probe.objects.get(pk=probe.pk)
    assert found.state == State.FAILED
    assert "ended" in found.error
    assert process.background.join(5) == []


def test_what_a_look_raises_is_the_probes_error(keeper: Housekeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_before: object) -> dict[str, object]:
        raise MemoryError("no room " + "x" * 900)

    monkeypatch.setattr(heap, "snapshot", broken)
    found = answered(keeper, ask("snapshot"))
    assert found.state == State.FAILED
    assert found.error.startswith("MemoryError: no room")
    assert len(found.error) == 500
    assert answered(keeper, ask("collect")).state == State.DONE


def test_one_after_the_other_and_at_most_four_are_open(keeper: Housekeeper) -> None:
    probes = [ask("stack") for _ in range(asking.OPEN_LIMIT)]
    with pytest.raises(Refused) as refused:
        ask("stack")
    assert refused.value.code == "probe_limit"
    assert refused.value.remedy
    assert [answered(keeper, probe).state for probe in probes[:1]] == [State.DONE]
    assert Probe.objects.filter(state=State.RUNNING).count() == 1


@pytest.mark.parametrize("role", ["main", "sentinel", "monitor", "console", "simulator"])
def test_a_process_without_housekeeper_is_refused_with_the_way_out(role: str) -> None:
    other("p-1", role)
    with pytest.raises(Refused) as refused:
        ask(process="p-1")
    assert refused.value.code == "probe_impossible"
    assert "pmap" in refused.value.remedy
    assert not Probe.objects.exists()


def test_wrong_questions_are_refused(keeper: Housekeeper) -> None:
    other("io-1", "io")
    other("gone", ended_at=clock.now(), cause="killed by SIGKILL")
    cases = {
        "probe_kind_unknown": {"kind": "dump"},
        "process_unknown": {"process": "nobody"},
        "process_ended": {"process": "gone"},
        "probe_impossible": {"process": "io-1", "kind": "trace"},
    }
    for code, options in cases.items():
        with pytest.raises(Refused) as refused:
            ask(**options)
        assert refused.value.code == code
    for kind, seconds in (("trace", 9), ("trace", 61), ("collect", 5)):
        with pytest.raises(Refused) as refused:
            ask(kind, seconds=seconds)
        assert refused.value.code == "probe_seconds_invalid"


def test_one_worker_is_traced_at_a_time(keeper: Housekeeper) -> None:
    other("worker-2")
    ask("trace")
    with pytest.raises(Refused) as refused:
        ask("trace", process="worker-2")
    assert refused.value.code == "trace_busy"
    assert ask("collect", process="worker-2").state == State.ASKED


def test_two_who_ask_for_a_trace_at_once_get_one(keeper: Housekeeper) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time anyway")
    other("worker-2")
    together, codes = threading.Barrier(2), list[str]()

    def one(name: str) -> None:
        try:
            together.wait(5)
            codes.append(ask("trace", process=name).state)
        except Refused as refused:
            codes.append(refused.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(name,)) for name in ("worker-test-1", "worker-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["asked", "trace_busy"]


def test_a_probe_nobody_takes_up_expires(keeper: Housekeeper) -> None:
    probe = ask()
    assert asking.settle() == 0
    assert asking.settle(clock.now() + timedelta(seconds=asking.ASKED_S + 1)) == 1
    found = Probe.objects.get(pk=probe.pk)
    assert (found.state, found.error) == (State.EXPIRED, "nobody answered within 30 s")
    keeper.tick()
    assert Probe.objects.get(pk=probe.pk).state == State.EXPIRED


def test_an_answer_after_the_verdict_changes_nothing(keeper: Housekeeper) -> None:
    probe = ask("stack")
    keeper.tick()
    late = clock.now() + timedelta(seconds=asking.RUNNING_S + 1)
    assert asking.settle(late) == 1
    look = keeper._prober._look
    assert look is not None
    assert look.over.wait(20)
    keeper.tick()
    found = Probe.objects.get(pk=probe.pk)
    assert (found.state, found.error, found.result) == (State.FAILED, "no result within 60 s", "")


def test_a_probe_of_a_process_that_dies_fails_with_its_cause() -> None:
    row = other("worker-9")
    probe = ask(process="worker-9")
    rows.retire([row.pk], "killed by SIGKILL")
    assert asking.settle() == 1
    found = Probe.objects.get(pk=probe.pk)
    assert found.state == State.FAILED
    assert found.error == "the process ended before it answered: killed by SIGKILL"


def test_probes_are_kept_a_day_and_bounded(keeper: Housekeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = ask("stack"), ask("stack")
    Probe.objects.filter(pk=old.pk).update(asked_at=clock.now() - timedelta(hours=25))
    retention.run_once()
    assert list(Probe.objects.values_list("pk", flat=True)) == [new.pk]
    monkeypatch.setattr(asking, "ROWS_LIMIT", 1)
    newest = ask("stack")
    retention.run_once()
    assert list(Probe.objects.values_list("pk", flat=True)) == [newest.pk]


def test_a_look_that_refers_to_everything_makes_no_context_a_leak(process: Process) -> None:
    class Context:
        finished = True

    context = Context()
    process.contexts.add(context)  # type: ignore[arg-type]
    process.looking.acquire()
    seen = threading.Thread(target=worker.check_contexts, args=(process,))
    held = [context]
    del context
    seen.start()
    assert seen.is_alive()
    held.clear()
    process.looking.release()
    seen.join(10)
    assert process.duty.leaked == 0


def test_a_worker_is_recycled_once_and_others_never(keeper: Housekeeper, process: Process) -> None:
    recycle_worker(process.name, actor="li", origin="page", reason="grows")
    keeper.tick()
    assert process.duty.draining
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id, entry.reason) == ("recycle_worker", process.name, "grows")
    other("web-1", "web")
    for name, code in ((process.name, "already_draining"), ("web-1", "not_a_worker"), ("x", "process_unknown")):
        with pytest.raises(Refused) as refused:
            recycle_worker(name, actor="li", origin="page")
        assert refused.value.code == code


def test_a_look_ends_in_time_for_the_lease(keeper: Housekeeper) -> None:
    """The tick that takes a probe up only starts a thread."""
    ask("snapshot")
    began = clock.now()
    keeper.tick()
    assert (clock.now() - began).total_seconds() < 5
    wait_until(lambda: keeper._prober._look is not None and keeper._prober._look.over.is_set(), 20, "the look to end")
