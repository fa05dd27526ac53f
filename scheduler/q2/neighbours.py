"""Processes beside a cluster that cannot speak for themselves: the supervisor of a console, and what else it started.

Neither has a database connection. The main of the cluster that the same supervisor started looks at them; when the
web pages run without a cluster, nobody does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from scheduler.flags import Pace
from scheduler.q2.parentage import PROGRAM, is_running

#: Role by the name that the supervisor gave a program. The others sample themselves.
ROLES: Mapping[str, str] = {"fleet simulator": "simulator", "demo": "demo"}
#: How often the supervisor's children are looked for, in seconds: that reads all of /proc.
SEARCH_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One of them."""

    role: str
    pid: int
    parent_pid: int


class Neighbours:
    """Finds them for a process that the supervisor may have started: ``told`` is what its environment says of that."""

    def __init__(self, told: str, parent_pid: int) -> None:
        # What was inherited from further up says nothing about us: our parent it must be.
        self._console = parent_pid if told == str(parent_pid) else None
        self._search = Pace(SEARCH_EVERY_S)
        self._found: tuple[Neighbour, ...] = ()

    def living(self) -> list[Neighbour]:
        """Those that run now."""
        if self._console is None:
            return []
        if self._search.due():
            self._found = tuple(_find(self._console))
        return [each for each in self._found if is_running(each.pid)]


def _find(console: int) -> list[Neighbour]:
    found = []
    try:
        supervisor = psutil.Process(console)
        found.append(Neighbour("console", console, supervisor.ppid()))
        for child in supervisor.children():
            role = _role(child)
            if role is not None and child.pid != os.getpid():
                found.append(Neighbour(role, child.pid, console))
    except psutil.NoSuchProcess:
        return []
    return found


def _role(process: psutil.Process) -> str | None:
    try:
        return ROLES.get(process.environ().get(PROGRAM, ""))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
