"""Children that die with their parent: nobody goes on claiming after its cluster is gone."""

from __future__ import annotations

import ctypes
import os
import signal

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


def is_alive(pid: int) -> bool:
    """Whether a process of this id exists (a zombie counts until its parent has taken it off)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def kill_group(leader_pid: int) -> None:
    """SIGKILL a process group; nothing when it is gone."""
    try:
        os.killpg(leader_pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
