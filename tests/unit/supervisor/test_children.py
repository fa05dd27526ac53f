"""A supervised child: its pauses, its signals, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from vwed.supervisor.children import BACKOFF_S, STEADY_S, Child, Program

WAITS = (sys.executable, "-c", "import time; time.sleep(60)")


def program(code: str, *arguments: str) -> Program:
    return Program("probe", (sys.executable, "-c", code, *arguments))


def ended(child: Child, now: float) -> str:
    return wait_until(lambda: child.check(now), 10, "the child's end noticed") or ""


def test_a_child_that_dies_is_started_again_after_growing_pauses() -> None:
    child = Child(program("raise SystemExit(3)"))
    now, pauses = 0.0, []
    child.start(now)
    for _ in range(3):
        assert "probe ended with code 3" in ended(child, now)
        assert child.due is not None
        pauses.append(child.due - now)
        assert child.check(child.due - 0.01) is None
        assert child.pid is None
        now = child.due
        child.check(now)
        assert child.pid is not None
    child.kill()

    assert pauses == [BACKOFF_S[0], BACKOFF_S[0] * 2, BACKOFF_S[0] * 4]
    assert child.restarts == 3


def test_the_pause_never_exceeds_its_bound_and_a_steady_child_starts_afresh() -> None:
    child = Child(program(""))
    now = 0.0
    for _ in range(12):
        child.start(now)
        ended(child, now)
        assert child.due is not None
        assert child.due - now <= BACKOFF_S[1]
    child.start(now)
    ended(child, now + STEADY_S)

    assert child.due == now + STEADY_S + BACKOFF_S[0]


def test_the_message_names_the_signal_that_ended_it() -> None:
    child = Child(Program("probe", WAITS))
    child.start(0.0)
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)

    assert "was ended by SIGKILL" in ended(child, 0.0)


def test_a_child_leads_its_own_session_so_that_ctrl_c_does_not_reach_it() -> None:
    child = Child(Program("probe", WAITS))
    child.start(0.0)
    assert child.pid
    try:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
    finally:
        child.kill()


def test_asking_to_end_reaches_the_process_itself_and_not_its_children(tmp_path: Path) -> None:
    code = """
import signal, subprocess, sys, pathlib
inner = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
def end(*_):
    inner.stdin.close()
    pathlib.Path(sys.argv[1], "code").write_text(str(inner.wait()))
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[1], "ready").touch()
signal.pause()
"""
    child = Child(program(code, str(tmp_path)))
    child.start(0.0)
    wait_until((tmp_path / "ready").exists, 10, "the child being ready")
    child.ask_to_end()
    wait_until(child.has_ended, 10, "the child's end")

    # -15 would mean that the inner process was signalled as well.
    assert (tmp_path / "code").read_text() == "0"
    assert child.check(1000.0) is not None
    assert child.due is not None


def test_killing_takes_everything_the_child_started_with_it(tmp_path: Path) -> None:
    code = """
import subprocess, sys, pathlib, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(sys.argv[1]).write_text(str(inner.pid)); time.sleep(60)
"""
    note = tmp_path / "inner"
    child = Child(program(code, str(note)))
    child.start(0.0)
    inner = int(wait_until(lambda: note.exists() and note.read_text(), 10, "the inner process"))
    child.kill()

    wait_until(lambda: _gone(inner), 10, f"the end of the inner process {inner}")


def test_a_child_dies_with_its_supervisor_even_when_that_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = """
import pathlib, sys, time
from vwed.supervisor.children import Child, Program
child = Child(Program("probe", (sys.executable, "-c", "import time; time.sleep(60)")))
child.start(0.0)
pathlib.Path(sys.argv[1]).write_text(str(child.pid)); time.sleep(60)
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code, str(note)])
    pid = int(wait_until(lambda: note.exists() and note.read_text(), 20, "the supervisor's child"))
    supervisor.kill()
    supervisor.wait()

    wait_until(lambda: _gone(pid), 10, f"the end of the orphan {pid}")


@pytest.mark.parametrize("command", [("/nonexistent/program",)])
def test_a_program_that_is_not_there_is_an_error_at_once(command: tuple[str, ...]) -> None:
    with pytest.raises(FileNotFoundError):
        Child(Program("probe", command)).start(0.0)


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_child_is_told_who_started_it_and_as_what(tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = "import os, sys; open(sys.argv[1], 'w').write(os.environ['VWED_CONSOLE_PID'] + os.environ['VWED_PROGRAM'])"
    child = Child(program(code, str(told)))
    child.start(0.0)
    ended(child, 0.0)
    child.kill()

    assert told.read_text() == f"{os.getpid()}probe"
