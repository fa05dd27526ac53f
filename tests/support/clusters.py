"""A cluster to be shot at: real processes on the test database, counted in /proc, never left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from django.db import connection

from scheduler.models import ProcessRow
from tests.support.installation import database_url
from tests.support.leaks import orphans_of
from tests.support.waiting import wait_until
from vwed.env import ROOT

#: Seconds for a cluster to come up on a busy machine, and to go down when asked.
START_S, STOP_S = 30.0, 15.0


class Cluster:
    """``manage.py cluster`` with a mark in the environment of all its processes. A context manager.

    ``url`` is the database (the test database without it). Not ``sized``: workers and recycling are the settings'
    matter; ``workers`` is only what the test counts with. Leaving the context asks it to end, and kills whatever of
    it is left.
    """

    def __init__(
        self,
        log: Path,
        *,
        workers: int = 2,
        recycle: int = 500,
        queues: str = "",
        url: str | None = None,
        environment: Mapping[str, str] | None = None,
        sized: bool = True,
    ) -> None:
        self.workers = workers
        self._log = log
        self._name = f"VWED_TEST_CLUSTER={uuid.uuid4().hex}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
            "DATABASE_URL": url or database_url(),
            "FLEET_URL": "http://127.0.0.1:9",
            **(environment or {}),
            **dict([self._name.split("=")]),
        }
        self._command = [sys.executable, str(ROOT / "manage.py"), "cluster"]
        self._command += ["--workers", str(workers), "--recycle", str(recycle)] if sized else []
        self._command += ["--queues", queues] if queues else []
        self.process: subprocess.Popen[bytes] | None = None

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self, *, wait: bool = True) -> None:
        """Start it; with ``wait``, until every process has registered."""
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=ROOT,
                start_new_session=True,
            )
        if wait:
            self.wait_complete()

    def stop(self) -> int:
        """Ask the main process to end; its exit code. Nothing of the cluster is left afterwards."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_S)
        assert not self.processes(), f"left running: {self.processes()}"
        return code

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if kind is None and self.process is not None and self.process.poll() is None:
                assert self.stop() == 0, f"the cluster ended badly: {self.said()}"
        finally:
            self.destroy()

    def destroy(self) -> None:
        """SIGKILL to everything that carries the mark."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)

    # --- looking -----------------------------------------------------------------------------------------------------

    def processes(self) -> set[int]:
        """Process ids of everything that belongs to it, by its mark: children that it forgot too."""
        return {pid for pid in orphans_of(self._name) if _state(pid) not in ("Z", "X", "")}

    def rows(self, role: str | None = None) -> list[ProcessRow]:
        """Open process rows whose processes are ours."""
        mine = self.processes()
        rows = ProcessRow.objects.filter(ended_at__isnull=True, **({"role": role} if role else {}))
        return [row for row in rows.order_by("pk") if row.pid in mine]

    def pid(self, role: str) -> int:
        """The process id of the only process of a role."""
        (row,) = self.rows(role)
        return row.pid

    def worker_pids(self) -> list[int]:
        """Process ids of the workers."""
        return [row.pid for row in self.rows("worker")]

    def census(self) -> dict[str, int]:
        """How many processes each role has, by rows; and ``unknown``, those that run without a row."""
        rows = self.rows()
        counts = Counter(row.role for row in rows)
        unknown = self.processes() - {row.pid for row in rows}
        return dict(counts) | ({"unknown": len(unknown)} if unknown else {})

    @property
    def complete(self) -> dict[str, int]:
        """The census of a whole cluster."""
        return {"main": 1, "sentinel": 1, "pusher": 1, "monitor": 1, "io": 1, "worker": self.workers}

    def wait_complete(self, timeout: float = START_S) -> None:
        """Until exactly the processes of a whole cluster run, each with its row."""

        def whole() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"the cluster ended: {self.said()}"
            return self.census() == self.complete

        wait_until(whole, timeout, lambda: f"a whole cluster; there is {self.census()}; it said: {self.said()}")

    def said(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text(errors="replace")[-4000:] if self._log.is_file() else ""


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal."""
    os.kill(pid, number)


def freeze(pid: int) -> None:
    """SIGSTOP, and wait until the process has stopped."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: _state(pid) == "T", 5, f"the process {pid} being stopped")


def thaw(pid: int) -> None:
    """SIGCONT."""
    os.kill(pid, signal.SIGCONT)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def reconnect() -> None:
    """Forget this process's connection, after the server went away."""
    connection.close()
