"""A queue between processes that survives the death of any of its users.

django-q2's queues are ``multiprocessing`` queues: readers sleep holding a shared lock, and a reader that is killed
there takes the lock with it, so that nobody reads again. A channel is one ``SOCK_SEQPACKET`` socket pair: one receive
is one whole message, the kernel hands each to exactly one reader, and there is neither a lock nor a feeder thread.

Limits: messages up to ``INLINE`` bytes travel in the socket; larger ones in an anonymous file whose descriptor travels,
up to ``LARGEST`` bytes. What waits unread is bounded by the socket's send buffer; a full channel makes ``put`` wait.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import pickle
import queue
import select
import socket
import struct
import termios
import time
from collections.abc import Callable
from typing import Any

#: Messages up to this size travel inline; far below the smallest send buffer (212,992 bytes), so that many fit.
INLINE = 32 * 1024
#: Nothing larger is accepted.
LARGEST = 64 * 1024 * 1024
#: A reader looks again at least this often: when a reader is killed (or stopped) between being woken and reading, the
#: message it was woken for waits for the next look of another.
LOOK_AGAIN_S = 1.0
_SEND_BUFFER = 256 * 1024
_STOP = "STOP"
_ANCILLARY = socket.CMSG_LEN(array.array("i").itemsize)  # room for one descriptor


class MessageTooLarge(ValueError):
    """A message exceeds ``LARGEST`` bytes."""


class Channel:
    """One queue. Any inheriting process may put and get; pickles never come from outside this process tree.

    ``should_stop`` (set by a reader for itself) makes ``get`` return django-q2's stop word; ``while_waiting`` (set by
    a writer for itself) is called several times a second while a full channel makes it wait; ``skip`` drops messages
    that nobody needs before they are written.
    """

    def __init__(self, *, skip: Callable[[Any], bool] | None = None) -> None:
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        seconds, rest = divmod(LOOK_AGAIN_S, 1)
        timeval = struct.pack("ll", int(seconds), int(rest * 1_000_000))
        self._reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        self._taken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._unread = 0
        self._skip = skip
        self.should_stop: Callable[[], bool] | None = None
        self.while_waiting: Callable[[], None] | None = None
        self.on_wait: Callable[[], None] | None = None
        self.on_take: Callable[[], None] | None = None

    # --- writing -----------------------------------------------------------------------------------------------------

    def put(self, message: Any, block: bool = True, timeout: float | None = None) -> None:
        """Append one message.

        Raises:
            queue.Full: it did not fit within ``timeout`` seconds (at once without ``block``).
            MessageTooLarge: more than ``LARGEST`` bytes.
        """
        if self._skip is not None and self._skip(message):
            return
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        if len(data) <= INLINE:
            self._send(data, (), block, timeout)
            return
        if len(data) > LARGEST:
            raise MessageTooLarge(f"a message of {len(data)} bytes exceeds the limit of {LARGEST}")
        file = os.memfd_create("vwed-message", os.MFD_CLOEXEC)
        try:
            with open(file, "wb", closefd=False) as stream:
                stream.write(data)
            self._send(b"F", (file,), block, timeout)
        finally:
            os.close(file)

    def _send(self, data: bytes, files: tuple[int, ...], block: bool, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
        poll = None
        while True:
            try:
                self._writer.sendmsg([data], ancillary, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError as error:
                # ETOOMANYREFS: descriptors in flight; like a full buffer, it passes when somebody reads.
                if error.errno not in (errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS):
                    raise
            else:
                self._unread += 1
                return
            if not block or (deadline is not None and time.monotonic() >= deadline):
                raise queue.Full
            if self.while_waiting is not None:
                self.while_waiting()
            if poll is None:
                poll = select.poll()
                poll.register(self._writer, select.POLLOUT)
            poll.poll(200)

    # --- reading -----------------------------------------------------------------------------------------------------

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the oldest message.

        Raises:
            queue.Empty: none within ``timeout`` seconds (at once without ``block``; the resolution is one second).
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if self.on_wait is not None:
            self.on_wait()
        while True:
            if self.should_stop is not None and self.should_stop():
                return _STOP
            try:
                # Not socket.recv_fds: it drops the flags it is given.
                data, ancillary, flags, _ = self._reader.recvmsg(
                    INLINE, _ANCILLARY, socket.MSG_CMSG_CLOEXEC | (0 if block else socket.MSG_DONTWAIT)
                )
            except BlockingIOError:
                if not block or (deadline is not None and time.monotonic() >= deadline):
                    raise queue.Empty from None
                continue
            if not data:
                return _STOP  # every writer is gone
            if flags & socket.MSG_TRUNC:
                raise OSError(errno.EMSGSIZE, "a message was cut off; the channel's limit does not hold")
            os.eventfd_write(self._taken, 1)
            if self.on_take is not None:
                self.on_take()
            if ancillary:
                data = _read_file(array.array("i", ancillary[0][2])[0])
            return pickle.loads(data)  # noqa: S301 - written by our own processes

    # --- looking -----------------------------------------------------------------------------------------------------

    def empty(self) -> bool:
        """Whether nothing waits to be read."""
        waiting = array.array("i", [0])
        fcntl.ioctl(self._reader, termios.FIONREAD, waiting)
        return waiting[0] == 0

    def unread(self) -> int:
        """How many messages put by this process nobody has taken yet; a miscount heals when the channel is empty."""
        try:
            taken = os.eventfd_read(self._taken)
        except BlockingIOError:
            taken = 0
        self._unread = 0 if self.empty() else max(0, self._unread - taken)
        return self._unread

    def assume_unread(self, messages: int) -> None:
        """Start counting from ``messages``: for a writer that takes over from one that died."""
        self._unread = messages

    def qsize(self) -> int:
        """A lower bound of the messages waiting: 0, or at least 1 (the kernel counts bytes, not messages)."""
        return 0 if self.empty() else max(1, self._unread)

    @property
    def taken_descriptor(self) -> int:
        """Readable when a message has been taken since ``unread`` was asked last."""
        return self._taken

    # --- ending ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Nothing more will be put by this process (nothing is buffered in it: there is nothing to do)."""

    def join_thread(self) -> None:
        """There is no thread to join."""

    def cancel_join_thread(self) -> None:
        """There is no thread to cancel."""

    def destroy(self) -> None:
        """Give the descriptors back; for the process that made the channel, when its users are gone."""
        self._reader.close()
        self._writer.close()
        if self._taken >= 0:
            os.close(self._taken)
            self._taken = -1


def _read_file(file: int) -> bytes:
    try:
        # The descriptor shares its offset with the writer's: read from the start, not from where it stands.
        size = os.fstat(file).st_size
        parts, offset = [], 0
        while offset < size:
            part = os.pread(file, min(size - offset, 1 << 20), offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
        return b"".join(parts)
    finally:
        os.close(file)
