"""A cluster as real processes on the test database, for tests that look at it from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from scheduler.models import ProcessRow
from tests.support.waiting import wait_until
from vwed.env import ROOT


def database_url() -> str:
    """The test database as a process finds it in its environment."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    account = settings["USER"] + (f":{settings['PASSWORD']}" if settings["PASSWORD"] else "")
    return f"mysql://{account}@{settings['HOST']}:{settings['PORT'] or 3306}/{settings['NAME']}"


@contextlib.contextmanager
def own_database(name: str) -> Iterator[None]:
    """A migrated database beside the tests' own, for processes that live longer than one test."""
    names = connection.settings_dict["TEST"]
    before, connection_name = names["NAME"], connection.settings_dict["NAME"]
    stem, dot, ending = str(before).partition(".sqlite3")
    names["NAME"] = f"{stem}_{name}{dot}{ending}"
    connection.close()
    ContentType.objects.clear_cache()  # its keys are those of the other database
    try:
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        try:
            yield
        finally:
            teardown_databases(made, verbosity=0)
    finally:
        names["NAME"] = before
        ContentType.objects.clear_cache()
        assert connection.settings_dict["NAME"] == connection_name


class ClusterProcess:
    """``manage.py cluster`` as an operator starts it: ``with ClusterProcess(log_directory, fleet_url=...)``."""

    def __init__(self, directory: Path, *, fleet_url: str = "http://127.0.0.1:9", workers: int = 2) -> None:
        self._log = directory / "cluster.log"
        self._fleet_url = fleet_url
        self._workers = workers
        self._output: IO[bytes] | None = None

    def __enter__(self) -> ClusterProcess:
        self.start()
        return self

    def start(self) -> None:
        """Start it and wait until all its processes live."""
        environment = {
            **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
            "DATABASE_URL": database_url(),
            "FLEET_URL": self._fleet_url,
        }
        self._output = self._log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "cluster", "--workers", str(self._workers)],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=ROOT,
        )
        try:
            wait_until(self._ready, 30, lambda: f"the cluster to be ready: {self.said()}")
        except BaseException:
            self.kill()
            raise

    def _ready(self) -> bool:
        assert self.process.poll() is None, f"the cluster ended: {self.said()}"
        return len(self.rows("worker")) >= self._workers and len(self.rows("io")) == 1

    def rows(self, role: str) -> list[ProcessRow]:
        """The live processes of a role."""
        found = ProcessRow.objects.filter(role=role, ended_at__isnull=True)
        return [row for row in found if psutil.pid_exists(row.pid)]

    def said(self) -> str:
        """Everything it wrote."""
        return self._log.read_text(errors="replace") if self._log.is_file() else ""

    def __exit__(self, *exc_info: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the cluster did not end within 15 s: {self.said()}") from None
        assert self._output is not None
        self._output.close()
        assert code == 0, f"the cluster ended with code {code}: {self.said()}"

    def kill(self) -> None:
        """SIGKILL of the main process; its children die with it."""
        self.process.kill()
        self.process.wait()
        if self._output is not None:
            self._output.close()
