"""The io process as a child: started again when it dies or freezes, counted, and not in a hurry when it keeps dying."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler.io.main import _beat_on
from scheduler.q2 import iochild
from scheduler.q2.generation import Generation
from scheduler.q2.iochild import PAUSE_MAX_S, PAUSE_MIN_S, IoChild
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def generation() -> Iterator[Generation]:
    made = Generation.begin(workers=1, queues=("default",))
    yield made
    made.end()


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[IoChild]:
    made = IoChild(settings_version=None)
    yield made
    made.stop(0)


def dies_at_once(*_: object) -> None:
    os._exit(3)


def sleeps(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pause()


def ignores_requests(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pause()


def test_a_living_process_is_left_alone(
    child: IoChild, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iochild, "_run_io", sleeps)
    child.ensure(generation)
    first = child._process
    child.ensure(generation)
    assert child._process is first
    assert child.restarts == 0


def turns(*arguments: Any) -> None:
    async def main() -> None:
        _beat_on(asyncio.get_running_loop(), lambda: setattr(arguments[-1], "value", time.monotonic()))
        await asyncio.sleep(60)

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(main())


def test_one_that_is_frozen_is_killed_and_replaced_and_one_that_turns_is_not(
    child: IoChild, generation: Generation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(iochild, "_run_io", turns)
    monkeypatch.setattr(iochild, "BEAT_LIMIT_S", 2.0)
    child.ensure(generation)
    first = child._process
    assert first is not None
    began = child._beat.value
    wait_until(lambda: child._beat.value > began + 2.5, 30, "its event loop turning longer than the limit")
    child.ensure(generation)
    assert (child._process, first.is_alive()) == (first, True), "it turns"
    os.kill(first.pid or 0, signal.SIGSTOP)

    def replaced() -> bool:
        child.ensure(generation)
        return child._process not in (None, first)

    wait_until(replaced, 30, "another in its place")
    assert (first.exitcode, child.restarts) == (-signal.SIGKILL, 1)
    assert "has not moved for 2." in caplog.text


def test_one_that_keeps_dying_is_started_ever_more_seldom(
    child: IoChild, generation: Generation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(iochild, "_run_io", dies_at_once)
    pauses = []
    for restart in range(1, 9):
        child._next_start = 0.0  # the pause is over
        child.ensure(generation)
        process = child._process
        assert process is not None
        wait_until(lambda process=process: not process.is_alive(), 10, "the process dying")
        child.ensure(generation)
        assert child.restarts == restart
        assert child._process is None, "not at once"
        pauses.append(child._pause)
    assert pauses[:3] == [PAUSE_MIN_S, 2 * PAUSE_MIN_S, 4 * PAUSE_MIN_S]
    assert pauses[-1] == PAUSE_MAX_S
    assert "restart 8" in caplog.text


def test_one_that_does_not_end_when_asked_is_killed(
    child: IoChild, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iochild, "_run_io", ignores_requests)
    child.ensure(generation)
    process = child._process
    assert process is not None
    child.ask_to_stop()
    child.stop(0.2)
    assert process.exitcode in (-signal.SIGKILL, -signal.SIGTERM)  # asked before it could refuse
