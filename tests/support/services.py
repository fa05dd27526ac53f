"""What the tests need beside Python: MariaDB, Redis, a browser. Found, installed or started, never assumed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support import mariadb
from tests.support.ports import free_port
from tests.support.waiting import wait_until

#: program that must be there → Debian packages that bring it
PROGRAMS: dict[str, tuple[str, ...]] = {
    "mariadbd": ("mariadb-server",),
    "redis-server": ("redis-server",),
    "chromium": ("chromium", "fonts-noto-cjk"),
}
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def missing_programs() -> list[str]:
    """Programs of ``PROGRAMS`` that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]


def install_missing() -> list[str]:
    """Install what is missing through apt-get where that is possible; return what is missing afterwards."""
    missing = missing_programs()
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [package for name in missing for package in PROGRAMS[name]]
        print(f"Installing test services: {' '.join(packages)}", flush=True)  # noqa: T201
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        ):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    return missing_programs()


def redis_answers(port: int = 6379, host: str = "127.0.0.1") -> bool:
    """Whether a Redis at that address says PONG."""
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


@contextmanager
def own_redis(directory: Path) -> Iterator[int]:
    """A Redis on a free port, without persistence."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    program = shutil.which("redis-server", path=_PATH)
    assert program, "Redis is not installed (package redis-server)"
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: redis_answers(port), 20, f"Redis answering on port {port}")
        yield port
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def running_services(directory: Path) -> Iterator[dict[str, str]]:
    """Environment variables that tell the tests where MariaDB and Redis are; started here where that is possible.

    What can be neither found nor started is left out: the tests that need it skip with a reason, or fail with ``CI``.
    """
    missing = install_missing()
    for name in missing:
        print(f"Not available: {name} (packages: {', '.join(PROGRAMS[name])})", flush=True)  # noqa: T201
    environment: dict[str, str] = {}
    with ExitStack() as stack:
        if "VWED_TEST_MYSQL_URL" not in os.environ:
            # One of our own need not wait for the disk at each commit: a third of the time.
            if "mariadbd" not in missing:
                server = stack.enter_context(mariadb.MariaDb(directory / "mariadb"))
                environment["VWED_TEST_MYSQL_URL"] = f"{server.url}/vwed"
            elif mariadb.answers():
                environment["VWED_TEST_MYSQL_URL"] = "mysql://root@127.0.0.1:3306/vwed"
        if "VWED_TEST_REDIS_URL" not in os.environ:
            if redis_answers():
                environment["VWED_TEST_REDIS_URL"] = "redis://127.0.0.1:6379/0"
            elif "redis-server" not in missing:
                port = stack.enter_context(own_redis(directory / "redis"))
                environment["VWED_TEST_REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
        yield environment
