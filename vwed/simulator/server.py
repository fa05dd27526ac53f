"""Binding the port and running the simulator until a signal ends it."""

from __future__ import annotations

import errno
import socket

import uvicorn

from vwed.simulator.app import SimulatorApp
from vwed.simulator.engine import Fleet
from vwed.simulator.model import Robot


class PortTaken(Exception):
    """The address cannot be used; the message says why and what to do."""


def make_robots(count: int) -> list[Robot]:
    """``count`` robots AMB-01, AMB-02 … without a group."""
    return [Robot(f"AMB-{number:02d}") for number in range(1, count + 1)]


def bind(host: str, port: int) -> socket.socket:
    """A listening address; port 0 takes a free one.

    Raises:
        PortTaken: with a remedy for the operator.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # Listens before anybody is told: from here on requests queue instead of being refused.
        sock.listen(128)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} on {host} is taken. Stop the program that uses it, or choose another: --port {port + 1} "
                f"(then set FLEET_URL=http://{host}:{port + 1})."
            ) from None
        raise PortTaken(f"{host}:{port} cannot be opened: {error.strerror}. Choose another --host or --port.") from None
    sock.set_inheritable(False)
    return sock


def run(sock: socket.socket, fleet: Fleet) -> None:
    """Serve until SIGINT or SIGTERM; the socket is closed on the way out."""
    config = uvicorn.Config(
        SimulatorApp(fleet),
        lifespan="on",
        log_config=None,  # as every process logs
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    try:
        uvicorn.Server(config).run(sockets=[sock])
    finally:
        sock.close()
