"""The doorbell: whoever commits something that makes work runnable rings, so that nobody has to poll fast.

On a host every listener owns a unix datagram socket in one directory per installation (named after the database, so
that two installations do not ring each other); ringing is one datagram to each. Between hosts Redis carries the ring,
when ``REDIS_URL`` is set. A ring may get lost: every listener also polls, at least every 250 ms.

Ringing never blocks and never fails its caller.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import select
import socket
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

#: What a listener listens for.
RUNS, EFFECTS = "runs", "effects"
#: After a failure Redis is left alone for this long.
REDIS_PAUSE_S = 5.0
REDIS_TIMEOUT_S = 0.1


def ring(*topics: str) -> None:
    """Ring after the commit of the current transaction (now, outside of one).

    Args:
        topics: ``RUNS`` (a run became ready), ``EFFECTS`` (something to send); both when none is named.
    """
    connection = transaction.get_connection()
    knock = _knock(topics or (RUNS, EFFECTS))
    if connection.in_atomic_block and any(entry[1] is knock for entry in connection.run_on_commit[-4:]):
        return  # a thousand submissions in one transaction ring once
    transaction.on_commit(knock, robust=True)


def ring_now(*topics: str) -> None:
    """Ring at once, whatever the transaction does."""
    _knock(topics or (RUNS, EFFECTS))()


@functools.lru_cache(maxsize=8)
def _knock(topics: tuple[str, ...]) -> Callable[[], None]:
    """The same one for the same topics. A function: Django asks a hook that raised for its name."""

    def knock() -> None:
        _ring_all(topics)

    return knock


def _ring_all(topics: tuple[str, ...]) -> None:
    _ring_here(topics)
    url = str(getattr(settings, "REDIS_URL", ""))
    if url:
        _redis(os.getpid(), url).publish(topics)


def _ring_here(topics: tuple[str, ...]) -> None:
    """One datagram to each listener on this host. The socket lives for this ring only: it costs 10 µs."""
    place = directory()
    try:
        entries = [entry for entry in os.listdir(place) if entry.startswith(topics)]
    except OSError:
        return
    if not entries:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as bell:
        bell.setblocking(False)
        for entry in entries:
            _knock_at(bell, place / entry)


def _knock_at(bell: socket.socket, path: Path) -> None:
    try:
        bell.sendto(b"!", str(path))
    except ConnectionRefusedError:  # its listener is dead
        with contextlib.suppress(OSError):
            path.unlink()
    except OSError:
        return  # full: it will wake anyway; gone: nobody listens


@functools.lru_cache(maxsize=1)
def _redis(_pid: int, url: str) -> _Redis:
    """This process's way to other hosts. Keyed by the process: a fork makes its own."""
    return _Redis(url)


def hang_up() -> None:
    """Close this process's connection to Redis, if it has one. The next ring makes a new one."""
    _redis(os.getpid(), str(getattr(settings, "REDIS_URL", ""))).close()
    _redis.cache_clear()


def identity() -> str:
    """A short name of this installation: the same for all its processes, different for another database."""
    connection = transaction.get_connection()
    parts = connection.settings_dict
    return _identity(connection.vendor, str(parts["NAME"]), str(parts.get("HOST", "")), str(parts.get("PORT", "")))


@functools.lru_cache(maxsize=8)
def _identity(vendor: str, name: str, host: str, port: str) -> str:
    if vendor == "sqlite" and not name.startswith("file:"):
        name = str(Path(name).resolve())
    return hashlib.sha256("|".join((vendor, name, host, port)).encode()).hexdigest()[:16]


def directory() -> Path:
    """Where the listeners of this installation on this host have their sockets. Short: socket paths are limited."""
    return Path(tempfile.gettempdir()) / f"vwed-{os.getuid()}-{identity()}"


class _Redis:
    """Rings other hosts; quiet for a while after a failure."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None
        self._again = 0.0

    def publish(self, topics: tuple[str, ...]) -> None:
        """Tell every other host. Gives up after a tenth of a second."""
        if time.monotonic() < self._again:
            return
        import redis

        try:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    self._url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
                )
            for topic in topics:
                self._client.publish(_channel(topic), socket.gethostname())
        except (redis.RedisError, OSError):
            self.close()
            self._again = time.monotonic() + REDIS_PAUSE_S

    def close(self) -> None:
        """Drop the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _channel(topic: str) -> str:
    # The database's name alone: another host may reach the same server under another address.
    return f"vwed:{transaction.get_connection().settings_dict['NAME']}:{topic}"


class Listener:
    """One listener for a topic, with its own socket. Make it after the fork, in the process that waits; close it.

    ``fileno()`` and ``drain()`` serve an event loop; ``wait()`` serves everyone else.
    """

    def __init__(self, topic: str, *, redis_url: str | None = None) -> None:
        self._path = directory() / f"{topic}-{os.getpid()}-{os.urandom(4).hex()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._bind()
        self._remote = _Remote(topic, getattr(settings, "REDIS_URL", "") if redis_url is None else redis_url)

    def _bind(self) -> None:
        try:
            for attempt in range(3):
                _own(self._path.parent)
                try:
                    self._socket.bind(str(self._path))
                    return
                except FileNotFoundError:  # the last other listener has just left, and the directory with it
                    if attempt == 2:
                        raise
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The descriptor that becomes readable when somebody on this host rang."""
        return self._socket.fileno()

    def wait(self, timeout: float, *others: int) -> bool:
        """Wait up to ``timeout`` seconds for a ring, or for one of the ``others`` (descriptors) to become readable.

        Rings that came meanwhile count as one. Returns whether anything happened.
        """
        poll = select.poll()
        descriptors = [self.fileno(), *others]
        remote = self._remote.fileno()
        if remote is not None:
            descriptors.append(remote)
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        happened = bool(poll.poll(max(0.0, timeout) * 1000))
        if happened:
            self.drain()
        return happened

    def drain(self) -> None:
        """Take all rings that wait."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(16)
        self._remote.drain()

    def close(self) -> None:
        """Stop listening; idempotent."""
        self._socket.close()
        self._remote.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
            self._path.parent.rmdir()  # only the last listener succeeds

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Remote:
    """Rings of other hosts, through Redis. Without it, or while it fails, the poll is the net."""

    def __init__(self, topic: str, url: str) -> None:
        self._topic = topic
        self._url = url
        self._connection: Any = None
        self._again = 0.0

    def fileno(self) -> int | None:
        """The subscribed connection's descriptor, connecting when it is time; ``None`` when there is none."""
        if not self._url:
            return None
        if self._connection is None and time.monotonic() >= self._again:
            self._connect()
        sock = getattr(self._connection, "_sock", None)  # redis-py has no public way to wait for two things
        return None if sock is None else int(sock.fileno())

    def _connect(self) -> None:
        import redis

        try:
            # Protocol 2: in 3 a subscription's messages are no answers, and reading would wait for one.
            pool = redis.ConnectionPool.from_url(
                self._url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S, protocol=2
            )
            self._connection = pool.get_connection()
            self._connection.send_command("SUBSCRIBE", _channel(self._topic))
        except (redis.RedisError, OSError):
            self._fail()

    def drain(self) -> None:
        """Read what came."""
        if self._connection is None:
            return
        import redis

        try:
            while self._connection.can_read(timeout=0):
                self._connection.read_response()
        except (redis.RedisError, OSError):
            self._fail()

    def _fail(self) -> None:
        self.close()
        self._again = time.monotonic() + REDIS_PAUSE_S

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None


def _own(place: Path) -> None:
    """Make the directory, ours alone.

    Raises:
        PermissionError: somebody else owns a directory of this name.
    """
    place.mkdir(mode=0o700, exist_ok=True)
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"{place} does not belong to this user; remove it, or set TMPDIR to another directory")
