"""The register of what a process does besides its main job."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import logging
import threading

import pytest

from scheduler.background import CANCELLED, DONE, FAILED, HISTORY, NAMES, OTHERS, SHOWN, Background, Closed
from scheduler.process import CURRENT, Process, current
from tests.support.leaks import background_failures, background_jobs
from tests.support.waiting import wait_until


def test_a_thread_is_known_by_name_and_context_while_it_runs_and_remembered_afterwards() -> None:
    register, go = Background(), threading.Event()
    thread = register.thread("reader", go.wait, context="rows")
    (job,) = register.running()
    assert (job.name, job.context, job.outcome, job.handle) == ("reader", "rows", "running", thread)
    assert register.report()["reader"]["now"][0][0] == "rows"

    go.set()
    assert register.join(5) == []
    (job,) = register.history()
    assert (job.outcome, job.error, job.handle) == (DONE, "", None)
    assert job.ended is not None
    assert job.ended >= job.started
    assert register.report()["reader"] == {
        **{"running": 0, "started": 1, "done": 1, "failed": 0, "cancelled": 0},
        **{"last": "done", "error": "", "now": []},
    }


def test_a_thread_that_fails_is_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    register = Background()

    def fail() -> None:
        raise SystemExit("no more")

    with caplog.at_level(logging.ERROR):
        register.thread("reader", fail, context="rows").join()
    assert [record.getMessage() for record in caplog.records] == ["reader failed in the background (rows)"]
    assert caplog.records[0].exc_info
    assert register.report()["reader"]["failed"] == 1
    assert register.report()["reader"]["error"] == "SystemExit: no more"


def test_a_thread_sees_the_context_of_its_starter() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("mine")
    seen: list[str] = []
    Background().thread("reader", lambda: seen.append(variable.get("none"))).join()
    assert seen == ["mine"]


def test_a_task_lives_without_another_reference_and_its_outcome_is_counted() -> None:
    async def main() -> Background:
        register, go = Background(), asyncio.Event()

        async def work() -> None:
            await go.wait()

        register.task("sender", work(), context="page")
        gc.collect()
        await asyncio.sleep(0)
        assert [job.context for job in register.running()] == ["page"]
        go.set()
        while register.running():
            await asyncio.sleep(0)
        return register

    assert asyncio.run(main()).report()["sender"]["done"] == 1


def test_a_task_that_fails_is_logged_once_and_one_of_a_group_is_left_to_the_group(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    async def main() -> Background:
        register = Background()
        task = register.task("sender", fail())
        await asyncio.wait([task])
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                register.task("orders", fail(), group=group)
        return register

    register = asyncio.run(main())
    gc.collect()  # a task whose exception nobody took would be told about here
    assert [record.getMessage() for record in caplog.records] == ["sender failed in the background (-)"]
    assert {name: figures["failed"] for name, figures in register.report().items()} == {"sender": 1, "orders": 1}
    assert [(job.outcome, job.error) for job in register.history()] == [(FAILED, "ValueError: broken")] * 2


def test_closing_cancels_the_tasks_starts_nothing_more_and_says_what_goes_on() -> None:
    async def main() -> Background:
        register, forever, stubborn = Background(), asyncio.Event(), asyncio.Event()

        async def refuse() -> None:
            try:
                await forever.wait()
            finally:
                await stubborn.wait()

        register.task("sender", asyncio.sleep(3600))
        register.task("mule", refuse())
        await asyncio.sleep(0)
        assert [job.name for job in await register.cancel_tasks(0.05)] == ["mule"]
        with pytest.raises(Closed):
            register.task("late", asyncio.sleep(0))
        with pytest.raises(Closed):
            register.thread("late", print)
        stubborn.set()
        assert await register.cancel_tasks() == []
        return register

    register = asyncio.run(main())
    assert [job.outcome for job in register.history()] == [CANCELLED, CANCELLED]


def test_joining_says_which_threads_go_on() -> None:
    register, go = Background(), threading.Event()
    register.thread("mule", go.wait)
    assert [job.name for job in register.join(0.01)] == ["mule"]
    go.set()
    assert register.join(5) == []


def test_an_executor_runs_until_it_is_shut_down() -> None:
    register = Background()
    with register.executor("database", context="io") as pool:
        assert pool.submit(lambda: threading.current_thread().name).result().startswith("database")
        assert [job.name for job in register.running()] == ["database"]
    assert register.running() == []
    assert register.report()["database"]["done"] == 1


def test_a_thread_that_cannot_start_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    register = Background()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        register.thread("reader", print)
    assert register.running() == []
    assert register.report()["reader"]["failed"] == 1


def test_a_task_without_an_event_loop_is_refused_and_not_left_running() -> None:
    register = Background()
    with pytest.raises(RuntimeError, match="no running event loop"):
        register.task("sender", asyncio.sleep(0))
    assert register.running() == []
    assert register.report()["sender"]["failed"] == 1


def test_what_is_remembered_and_reported_is_bounded() -> None:
    register, go = Background(), threading.Event()
    for number in range(NAMES + 20):
        register.thread(f"name {number}", lambda: None, context="x" * 1000)
    for _ in range(HISTORY + 10):
        register.thread("many", lambda: None)
    for _ in range(SHOWN + 5):
        register.thread("waiting", go.wait)
    wait_until(lambda: len(register.running()) == SHOWN + 5, 10, "the short ones have ended")
    report = register.report()
    assert len(report) == NAMES + 1
    assert report[OTHERS]["running"] == SHOWN + 5
    assert len(register.history()) == HISTORY
    assert len(json.dumps(report)) < 20_000
    go.set()
    assert register.join(10) == []


def test_the_leak_check_names_what_still_runs_and_what_failed() -> None:
    register, go = current().background, threading.Event()
    register.thread("mule", go.wait, context="rows")
    assert "mule still runs in the background (rows)" in background_jobs()
    go.set()
    assert register.join(5) == []
    assert background_jobs() == []
    assert background_failures() == []

    def fail() -> None:
        raise ValueError("broken")

    other = Process("other", "boot", "test")
    token = CURRENT.set(other)
    try:
        other.background.thread("reader", fail).join()
        assert background_failures() == ["reader failed in the background: ValueError: broken"]
    finally:
        CURRENT.reset(token)
