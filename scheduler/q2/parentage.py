"""Children that die with their parent: nobody goes on claiming after its cluster is gone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

#: In the environment of every program that a supervisor starts: its own process id, and what it calls the program.
CONSOLE_PID, PROGRAM = "VWED_CONSOLE_PID", "VWED_PROGRAM"

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with(parent_pid: int) -> None:
    """Ask the kernel for a SIGKILL when the parent dies; end at once when it is dead already.

    Call it first thing after the fork, in the child. Without this, a SIGKILL of the sentinel leaves workers that
    nobody guards.
    """
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent_pid:  # it died between the fork and the request
        os._exit(1)


def state_of(pid: int) -> str:
    """The kernel's letter for what a process does (``T``: stopped, ``Z``: dead and not taken off); empty: none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]


def is_running(pid: int) -> bool:
    """Whether a process runs (or is stopped): a zombie does not."""
    return state_of(pid) not in ("", "Z", "X")


def kill(pid: int) -> None:
    """SIGKILL; nothing when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_group(leader_pid: int) -> None:
    """SIGKILL a process group; nothing when it is gone."""
    try:
        os.killpg(leader_pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
