"""``manage.py fleet_simulator``: the robot fleet's HTTP API without robots."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from vwed import logs
from vwed.simulator import server
from vwed.simulator.api import SPEEDS
from vwed.simulator.engine import Fleet


class Command(BaseCommand):
    help = "Runs a simulated robot fleet that speaks the fleet's HTTP API (for the demo and for tests). Ctrl-C ends it."
    requires_system_checks = ()  # it starts in any state of the installation

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, default=8088, help="port (default 8088; 0 takes a free one)")
        parser.add_argument("--robots", type=int, default=4, help="number of robots AMB-01, AMB-02 … (default 4)")
        parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds in a real one (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["robots"] <= 1000:
            raise CommandError("--robots must be from 0 to 1000.", returncode=2)
        if not 0 <= options["port"] <= 65535:
            raise CommandError("--port must be from 0 to 65535.", returncode=2)
        if not SPEEDS[0] <= options["speed"] <= SPEEDS[1]:
            raise CommandError(f"--speed must be from {SPEEDS[0]:g} to {SPEEDS[1]:g}.", returncode=2)
        try:
            sock = server.bind(options["host"], options["port"])
        except server.PortTaken as error:
            raise CommandError(str(error)) from None
        host, port = sock.getsockname()[:2]
        text = f"Fleet simulator: http://{host}:{port} with {options['robots']} robots. Ctrl-C ends it."
        logs.announce(text, settings.LOG_FORMAT, self.stdout.write)
        self.stdout.flush()
        # uvicorn raises the signal again after its clean end; for Ctrl-C that is no error.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sock, Fleet(server.make_robots(options["robots"]), speed=options["speed"]))
