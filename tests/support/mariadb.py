"""A MariaDB of the tests' own: on a free port, with its data in a directory that is removed afterwards.

Used where a test restarts or kills the server, and by ``make test`` on machines where none is running.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Self

import MySQLdb

from tests.support.ports import free_port
from tests.support.waiting import wait_until

_SPEED = (
    # A test database may lose its last second on a power cut; a commit must not wait for the disk.
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=256M",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--max-connections=300",
)


def find_server() -> str | None:
    """Path of the server program, or ``None`` when it is not installed."""
    return shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def answers(port: int = 3306, host: str = "127.0.0.1", user: str = "root") -> bool:
    """Whether a server at that address lets ``user`` in without a password."""
    try:
        MySQLdb.connect(host=host, port=port, user=user, connect_timeout=3).close()
    except MySQLdb.Error:
        return False
    return True


class MariaDb:
    """One server process. ``start`` after ``stop`` or ``kill`` finds the data as it was left."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address without a database name, for ``DATABASE_URL``-like settings."""
        return f"mysql://root@127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def _account(self) -> list[str]:
        # The server refuses to run as root unless told so; a container's tests usually are root.
        return [f"--user={pwd.getpwuid(os.getuid()).pw_name}"]

    def install(self) -> None:
        """Create the system tables (once per directory)."""
        self.directory.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={self.directory / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *self._account(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )

    def start(self, timeout: float = 60) -> None:
        """Start the server and wait until it answers."""
        program = find_server()
        assert program, "MariaDB is not installed (package mariadb-server)"
        if not (self.directory / "data" / "mysql").is_dir():
            self.install()
        log = (self.directory / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    program,
                    "--no-defaults",
                    f"--datadir={self.directory / 'data'}",
                    f"--socket={self.directory / 'server.sock'}",
                    f"--pid-file={self.directory / 'server.pid'}",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    *_SPEED,
                    *self._account(),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(
            lambda: self._process is None or self._process.poll() is not None or answers(self.port),
            timeout,
            lambda: f"MariaDB answering on port {self.port}; its log: {self.log_tail()}",
        )
        assert self._process.poll() is None, f"MariaDB did not start: {self.log_tail()}"

    def stop(self, timeout: float = 60) -> None:
        """Shut the server down in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout)
            self._process = None

    def kill(self) -> None:
        """SIGKILL, as a crash of the machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def log_tail(self, characters: int = 2000) -> str:
        """The end of the server's own log."""
        path = self.directory / "server.log"
        return path.read_text(errors="replace")[-characters:] if path.is_file() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
