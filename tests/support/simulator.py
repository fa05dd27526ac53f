"""A fleet simulator as a real process on a free port, for tests that need real HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import Any

import httpx

from vwed.env import ROOT


class SimulatorProcess:
    """``with SimulatorProcess(robots=2, speed=50) as fleet``: ``fleet.url``, ``fleet.post`` and ``fleet.get``."""

    def __init__(self, *, robots: int = 1, speed: float = 50.0, port: int = 0) -> None:
        self.port = port
        self._arguments = ["--robots", str(robots), "--speed", str(speed), "--port", str(port)]
        self.url = ""

    def __enter__(self) -> SimulatorProcess:
        environment = {**os.environ, "DATABASE_URL": "sqlite:////nonexistent/none.sqlite3", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "fleet_simulator", *self._arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()  # written once the port is bound; requests queue from then on
        found = re.search(r"http://\S+", first)
        if found is None:
            rest = self.process.communicate(timeout=10)[0]
            raise AssertionError(f"the simulator did not start: {first}{rest}")
        self.url = found[0]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.client = httpx.Client(
            base_url=self.url, timeout=10, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.client.close()
        self.stop()

    def stop(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """End the process as an operator would; exit code and everything it said since the first line."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            said = self.process.communicate(timeout=10)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            said = self.process.communicate()[0]
            raise AssertionError(f"the simulator did not end within 10 s: {said}") from None
        return self.process.returncode, said

    def kill(self) -> None:
        """SIGKILL: the fleet is gone without a word."""
        self.process.kill()
        self.process.wait()

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def calls(self, *, without: tuple[str, ...] = ("dispatchable",)) -> list[dict[str, Any]]:
        """The mutating calls in order."""
        return [call for call in self.get("/sim/calls") if call["call"] not in without]
