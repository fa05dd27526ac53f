"""The leak check itself: it must see what it promises to see, and nothing else."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from scheduler import process
from scheduler.background import Background
from tests.support import leaks
from tests.support.waiting import wait_until


@pytest.fixture
def opened() -> leaks.OpenConnections:
    return leaks.OpenConnections()


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(leaks, "GRACE_S", 0.05)
        yield


def test_a_clean_test_is_not_accused(opened: leaks.OpenConnections) -> None:
    before = leaks.Leaks(opened)

    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()

    assert before.found() == []


def test_a_running_thread_is_named(opened: leaks.OpenConnections) -> None:
    before = leaks.Leaks(opened)
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="forgotten")
    thread.start()
    try:
        assert before.found() == ["the thread 'forgotten' still runs"]
    finally:
        release.set()
        thread.join()


def test_a_child_process_is_named(opened: leaks.OpenConnections) -> None:
    before = leaks.Leaks(opened)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        wait_until(lambda: "input" in leaks._command(child.pid), 5, "the child running")
        (found,) = before.found()
        assert str(child.pid) in found
    finally:
        child.communicate()


def test_an_open_socket_is_seen(opened: leaks.OpenConnections) -> None:
    before = leaks.Leaks(opened)
    with socket.socket(), socket.socket():
        assert any("sockets are open" in line for line in before.found())
    assert before.found() == []


def test_a_log_handler_is_seen(opened: leaks.OpenConnections) -> None:
    before = leaks.Leaks(opened)
    handler = logging.NullHandler()
    logging.getLogger("vwed").addHandler(handler)
    try:
        assert len(before.found()) == 1
    finally:
        logging.getLogger("vwed").removeHandler(handler)


def test_a_context_that_outlived_its_run_is_seen(opened: leaks.OpenConnections) -> None:
    class Context:
        finished = True

    class Register:
        kept = (Context(),)

        def left_behind(self) -> tuple[Context, ...]:
            return self.kept

    before = leaks.Leaks(opened)
    token = process.CURRENT.set(SimpleNamespace(contexts=Register(), background=Background()))  # type: ignore[arg-type]
    try:
        assert before.found() == ["1 task contexts are alive after their runs"]
    finally:
        process.CURRENT.reset(token)


@pytest.mark.django_db(transaction=True)
def test_a_database_connection_of_another_thread_is_seen(opened: leaks.OpenConnections) -> None:
    from django.db import connection

    before = leaks.Leaks(opened)
    connected, release = threading.Event(), threading.Event()

    def hold() -> None:
        connection.ensure_connection()
        connected.set()
        release.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    connected.wait(10)
    try:
        assert any("database connection of another thread" in line for line in before.found())
    finally:
        release.set()
        thread.join()
    assert before.found() == []


def test_a_process_that_left_its_parent_is_found_by_its_environment() -> None:
    marker = f"VWED_ORPHAN_PROBE={os.getpid()}"
    name, _, value = marker.partition("=")
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        env={**os.environ, name: value},
        start_new_session=True,
    )
    try:
        wait_until(lambda: child.pid in leaks.orphans_of(marker), 5, "the child seen by its marker")
    finally:
        child.communicate()
    assert leaks.orphans_of(marker) == {}
