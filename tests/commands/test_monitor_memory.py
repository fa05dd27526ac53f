"""``manage.py monitor_memory``: every process with its figures, once, as a document, and live in a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError

from scheduler import clock
from scheduler.models import ProcessRow
from tests.architecture.sources import ROOT
from tests.commands.invoke import run
from tests.db.monitoring.making import MB, process
from vwed.management.commands import monitor_memory
from vwed.models import Growth

pytestmark = pytest.mark.django_db


@pytest.fixture
def family() -> list[ProcessRow]:
    """A console with a worker that weighs something, and one that has not told yet."""
    now = clock.now()
    sample = {
        "rss": 60 * MB, "uss": 20 * MB, "pss": 30 * MB, "vms": 200 * MB, "percent": 1.5, "cpu_percent": 12.5,
        "threads": 2, "fds": 11, "gc": [10, 2, 1], "blocks": 1000, "contexts": 0, "connections": 2,
        "connection_ids": [7, 8],
    }  # fmt: skip
    pool = {"in_use": 3, "size": 10, "overflow": 1, "waits": 0}
    web = {"rss": 90 * MB, "pss": 80 * MB, "threads": 5, "asyncio_tasks": 4, "pool": pool, "percent": 2.0}
    host = socket.gethostname()
    return [
        process("console-1", "console", at=now, host=host, pid=10, parent_pid=1),
        process("web-1", "web", at=now, host=host, pid=11, parent_pid=10, sample=web),
        process(
            "worker-1", seat=1, at=now, host=host, pid=os.getpid(), parent_pid=10, sample=sample,
            runs=41, current_record="r-9", current_block="b2",
        ),
        process("worker-0", seat=2, at=now - timedelta(minutes=2), host=host, pid=13, parent_pid=10, sample=sample),
    ]  # fmt: skip


def test_one_table_has_parents_figures_what_each_does_and_the_sums(family: list[ProcessRow]) -> None:
    Growth.objects.create(subject="system", verdict="flat", low=-MB, high=2 * MB, at=clock.now())
    Growth.objects.create(subject="worker 1", verdict="grows", low=MB, high=2 * MB, at=clock.now())
    out = run("monitor_memory", "--once").out
    head, _empty, *rows = out.splitlines()
    assert "3 live processes, 110.0 MB together" in head or "3 live processes, 110 MB together" in head
    cells = {row.split("  ")[0].strip() or row.split()[0]: row.split() for row in rows}
    names = rows[0].split()
    worker = dict(zip(names, next(row for row in rows if "worker 1" in row).replace("worker 1", "worker-1").split(),
                      strict=False))  # fmt: skip
    assert (worker["RSS"], worker["USS"], worker["PSS"]) == ("60.0", "20.0", "30.0")
    assert (worker["%MEM"], worker["%CPU"], worker["THREADS"], worker["FDS"]) == ("1.5", "12.5", "2", "11")
    assert (worker["GC"], worker["CONTEXTS"], worker["RUNS"], worker["VERDICT"]) == ("10/2/1", "0", "41", "grows")
    assert worker["PARENT"] == "10"
    assert "r-9 b2" in out
    assert "3/10+1" in out
    assert "  web " in out  # below its parent
    assert cells["sum"][1:4] == ["150.0", "20.0", "110.0"]
    assert "worker 2" not in out  # not heard of any more
    assert "All: Flat: within ±2.0 MB/day" in out


def test_the_document_has_the_same_and_null_for_what_nobody_measured(family: list[ProcessRow]) -> None:
    found = run("monitor_memory", "--once", "--json").json()
    console, web, worker = found["processes"]
    assert [each["series"] for each in found["processes"]] == ["console", "web", "worker 1"]
    assert (console["rss"], console["size"], console["parent"], console["depth"]) == (None, None, None, 0)
    assert (worker["parent"], worker["parent_pid"], worker["depth"]) == ("console-1", 10, 1)
    assert (worker["pss"], worker["gc"], worker["record"], worker["connection_ids"]) == (
        30 * MB,
        [10, 2, 1],
        "r-9",
        [7, 8],
    )
    assert web["pool"]["in_use"] == 3
    assert (found["size"], found["sum"]["rss"], found["sum"]["percent"]) == (110 * MB, 150 * MB, 3.5)
    assert "maps" not in worker
    # Without an interval --json ends by itself.
    assert run("monitor_memory", "--json").json()["size"] == found["size"]


def test_maps_are_those_of_the_kernel_or_say_why_not(family: list[ProcessRow]) -> None:
    process("worker-9", seat=9, at=clock.now(), host="elsewhere", pid=1)
    ProcessRow.objects.filter(name="web-1").update(pid=2**22 + 5)  # beyond what the kernel gives
    found = run("monitor_memory", "--once", "--json", "--maps").json()
    by_name = {each["name"]: each["maps"] for each in found["processes"]}
    own = by_name["worker-1"]
    assert own["pss"] > MB
    assert len(own["mappings"]) == 6
    assert own["further"] > 0
    assert [row[1] for row in own["mappings"]] == sorted((row[1] for row in own["mappings"]), reverse=True)
    assert by_name["web-1"] == {"unknown": "it has ended"}
    assert "probe worker-9 --kind map" in by_name["worker-9"]["unknown"]
    text = run("monitor_memory", "--once", "--maps").out
    assert f"worker 1 ({os.getpid()}): " in text
    assert "web (4194309): it has ended" in text


def test_nothing_to_show_is_said_in_words(settings: object) -> None:
    assert "No live process has reported. Start some: manage.py console" in run("monitor_memory", "--once").out
    process("worker-1", at=clock.now())
    assert "1 live process, none measured yet" in run("monitor_memory", "--once").out
    settings.MONITORING = False  # type: ignore[attr-defined]
    assert "MONITORING is false" in run("monitor_memory", "--once").out
    found = run("monitor_memory", "--once", "--json").json()
    assert (found["monitoring"], found["size"], found["sum"]["rss"]) == (False, None, None)


def _rounds(monkeypatch: pytest.MonkeyPatch, count: int, between: Callable[[int], None] = lambda _n: None) -> None:
    """Let ``count`` rounds pass, then press Ctrl-C."""
    seen: list[float] = []

    def sleep(seconds: float) -> None:
        seen.append(seconds)
        between(len(seen))
        if len(seen) == count:
            raise KeyboardInterrupt

    monkeypatch.setattr(monitor_memory.time, "sleep", sleep)  # type: ignore[attr-defined]
    monkeypatch.setattr(monitor_memory, "close_old_connections", lambda: None)


def test_into_a_file_it_prints_a_table_each_round_until_ctrl_c(
    family: list[ProcessRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    _rounds(monkeypatch, 3)
    ran = run("monitor_memory", "--interval", "5")
    assert ran.code == 0
    assert ran.out.count("3 live processes") == 3
    assert "\x1b" not in ran.out


def test_with_an_interval_json_is_one_document_a_line(
    family: list[ProcessRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    _rounds(monkeypatch, 2)
    ran = run("monitor_memory", "--json", "--interval", "5")
    assert [json.loads(line)["size"] for line in ran.out.splitlines()] == [110 * MB] * 2


def test_a_database_that_goes_away_later_does_not_end_it(
    family: list[ProcessRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_number: int) -> None:
        monkeypatch.setattr(monitor_memory, "read_memory", _away)

    _rounds(monkeypatch, 2, lose)
    ran = run("monitor_memory")
    assert (ran.code, ran.out.count("live processes")) == (0, 1)
    assert "does not answer" in ran.err.lower() or "lost connection" in ran.err.lower()

    _rounds(monkeypatch, 2)
    assert run("monitor_memory").code == 1  # from the beginning: no console to look at


def _away() -> None:
    raise OperationalError(2013, "Lost connection to server during query")


@pytest.mark.parametrize("seconds", ["0", "soon", "-3"])
def test_an_interval_out_of_reach_is_wrong_usage(seconds: str) -> None:
    assert run("monitor_memory", f"--interval={seconds}").code != 0


def test_a_narrow_terminal_gets_fewer_columns_and_no_line_is_too_long(
    family: list[ProcessRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    for columns, there, gone in ((100, "RSS", "GC"), (400, "GC", "nothing")):
        monkeypatch.setenv("COLUMNS", str(columns))
        _rounds(monkeypatch, 1)
        terminal = Terminal()
        call_command("monitor_memory", stdout=terminal)
        shown = terminal.getvalue()
        assert shown.startswith("\x1b[H\x1b[J")
        lines = shown.removeprefix("\x1b[H\x1b[J").splitlines()
        assert max(map(len, lines)) <= columns
        heads = next(line.split() for line in lines if line.startswith("PROCESS"))
        assert there in heads
        assert gone not in heads


def test_ctrl_c_in_a_terminal_ends_it_cleanly(tmp_path: Path) -> None:
    """A real terminal, a real Ctrl-C: exit code 0, and no stack trace behind it."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "vwed.settings",
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'live.sqlite3'}",
        "COLUMNS": "120",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True, timeout=120)
    ours, theirs = pty.openpty()
    try:
        started = subprocess.Popen(
            [sys.executable, "manage.py", "monitor_memory", "--interval", "0.5"],
            cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        said = _read_until(ours, r"(No live process.*){2}", 60)
        started.send_signal(signal.SIGINT)
        code = started.wait(20)
        said += _read_until(ours, None, 5)
    finally:
        os.close(ours)
    assert code == 0, said
    assert "Traceback" not in said


def _read_until(descriptor: int, words: str | None, seconds: float) -> str:
    """What a terminal shows until it matches, or, without ``words``, until the other side is closed."""
    said, deadline = "", time.monotonic() + seconds
    while time.monotonic() < deadline and not (words and re.search(words, said, re.DOTALL)):
        if select.select([descriptor], [], [], 0.5)[0]:
            try:
                said += os.read(descriptor, 65536).decode(errors="replace")
            except OSError:  # how Linux tells that nobody holds the other side any more
                break
    return said
