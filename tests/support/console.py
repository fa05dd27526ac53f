"""``manage.py console`` as a process of its own, with a database and a directory of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


class Console:
    """A console under test. Its output is a file, so that it can never block on a pipe that nobody reads."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.output = directory / "console.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What configures it: nothing but the environment."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "vwed.settings",
            "DATABASE_URL": f"sqlite:///{self.directory / 'console.sqlite3'}",
            "VAR_DIR": str(self.directory),
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, *arguments: str) -> None:
        """Start it in a session of its own, as a terminal would."""
        command = [sys.executable, "manage.py", "console", "--port", str(self.port), *arguments]
        with self.output.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def text(self) -> str:
        """What it has said so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def wait_for(self, words: str, timeout: float = 60) -> re.Match[str]:
        """The first place in the output that matches ``words``; fails early when the console ends without saying it."""
        assert self.process is not None
        process = self.process
        wait_until(
            lambda: re.search(words, self.text()) or process.poll() is not None,
            timeout,
            lambda: f"the console saying {words!r}; it said: {self.text()}",
        )
        found = re.search(words, self.text())
        assert found, f"the console ended without saying {words!r}: {self.text()}"
        return found

    def manage(self, *arguments: str) -> Any:
        """What a command says of this installation, as JSON."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments, "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout)

    def family(self) -> list[psutil.Process]:
        """Everything that runs below it now."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def ctrl_c(self, timeout: float = 20) -> float:
        """What a terminal does: SIGINT to the whole foreground group. Returns the seconds until everything ended."""
        assert self.process is not None
        family = self.family()
        started = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout)
        wait_until(lambda: not any(alive(each) for each in family), timeout, lambda: f"no orphans among {family}")
        return time.monotonic() - started

    def end(self) -> None:
        """Make sure that nothing is left, whatever the test did."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)


def alive(process: psutil.Process) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
