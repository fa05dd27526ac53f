"""``manage.py console``: the whole system on one machine, until one Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connection

from scheduler.errors import Refused
from vwed import diagnosis, first_start, logs
from vwed.demo import warehouse
from vwed.management.action import ActionCommand, Answer
from vwed.supervisor.children import Program
from vwed.supervisor.plan import Plan, become_supervisor

_DEFAULT_FLEET_PORT = 8088


class Command(ActionCommand):
    help = (
        "Runs web and cluster (with --demo also a fleet simulator and a demo warehouse with a trickle of tasks) under "
        "one supervisor. One Ctrl-C ends all of it."
    )
    json_option = False

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="with a simulated fleet and a demo warehouse")
        parser.add_argument("--port", type=_port, default=8000, help="port of the web pages (default 8000)")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--workers", type=_workers, default=None, help="worker processes (default: WORKERS)")
        parser.add_argument("--prepare", action="store_true", help="migrate the database first")

    def act(self, options: Mapping[str, Any]) -> Answer:
        _require_port(options["port"], options["host"])
        if options["prepare"]:
            first_start.migrate()
        _require_database()
        administrator = first_start.ensure_administrator()
        if options["demo"]:
            made = warehouse.prepare()
            if made.locations or made.definitions:
                self._say(f"Demo warehouse: {made.locations} locations and {made.definitions} definitions made.")
        host, port = options["host"], options["port"]
        reached = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
        connection.close()
        become_supervisor(
            Plan(
                programs=tuple(_programs(options)),
                host=reached,
                port=port,
                announcement=_announcement(f"http://{reached}:{port}", administrator),
                log_format=settings.LOG_FORMAT,
            )
        )

    def _say(self, text: str) -> None:
        logs.announce(text, settings.LOG_FORMAT, self.stdout.write)
        self.stdout.flush()


def _require_port(port: int, host: str) -> None:
    taken = diagnosis.port_taken(port, host)
    if taken is not None:
        raise Refused(taken.code, taken.message, taken.remedy)


def _require_database() -> None:
    for finding in diagnosis.database():
        if finding.level == diagnosis.ERROR:
            raise Refused(finding.code, finding.message, finding.remedy)


def _programs(options: Mapping[str, Any]) -> list[Program]:
    """What is supervised, in the order of starting."""
    manage = (sys.executable, str(settings.BASE_DIR / "manage.py"))
    environment: dict[str, str] = {"DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}
    programs: list[Program] = []
    if options["demo"]:
        port = _fleet_port()
        environment |= {"FLEET_URL": f"http://127.0.0.1:{port}", "INSTALLATION": settings.INSTALLATION or "Demo"}
        arguments = ("fleet_simulator", "--port", str(port), "--robots", str(warehouse.ROBOTS), "--speed", "2")
        programs.append(Program("fleet simulator", (*manage, *arguments), environment))
    web = (sys.executable, "-m", "uvicorn", "vwed.asgi:application")
    address = ("--host", options["host"], "--port", str(options["port"]))
    programs.append(Program("web", (*web, *address, *UVICORN), environment))
    workers = ("--workers", str(options["workers"])) if options["workers"] else ()
    programs.append(Program("cluster", (*manage, "cluster", *workers), environment))
    if options["demo"]:
        programs.append(Program("demo", (sys.executable, "-m", "vwed.demo"), environment))
    return programs


UVICORN = (
    *("--log-level", "warning", "--no-access-log", "--lifespan", "on"),
    # Per-message deflate keeps tens of kilobytes per socket; the panels' frames are small.
    *("--ws", "websockets-sansio", "--ws-max-size", "16384", "--ws-per-message-deflate", "false"),
    # Open sockets of live panels must not hold up the end.
    *("--timeout-graceful-shutdown", "2"),
)


def _fleet_port() -> int:
    """The usual port of a fleet, or another one when something listens there."""
    for port in range(_DEFAULT_FLEET_PORT, _DEFAULT_FLEET_PORT + 100):
        if diagnosis.port_taken(port) is None:
            return port
    raise Refused("no_port", "No port is free for the fleet simulator.", "End what uses ports 8088 to 8187.")


def _announcement(address: str, administrator: first_start.Administrator) -> tuple[str, ...]:
    """Where to click and how to log in."""
    name, password = administrator.username, administrator.password
    secret = (
        f"{name}  with the password  {password}   (shown only this once)"
        if password
        else f"{name}  (its password was shown at the first start; manage.py changepassword {name} sets a new one)"
    )
    return ("", "VWED is running.", f"  Open    {address}/admin/", f"  Log in  {secret}", "  Stop    Ctrl-C")


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to 65535")
    return number


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 256")
    return number
