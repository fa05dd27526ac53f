"""``manage.py cluster``: run the kill-safe cluster on this machine until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import logging
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from scheduler import conf
from scheduler.errors import Refused
from scheduler.q2.preflight import wait_for_database
from scheduler.q2.watchdog import Options, Watchdog
from vwed import logs
from vwed.monitoring.services import monitoring_services
from vwed.tuning.store import StoreSource


class Command(BaseCommand):
    help = (
        "Run the cluster: a sentinel, a pusher, workers, a monitor and an io process, watched and replaced when they "
        "freeze or die. Send SIGTERM or SIGINT to this process alone: it drains and ends the others."
    )
    # The database may be away for a moment at the start; the checks that need it are ours.
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's way
    requires_migrations_checks = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--workers", type=_workers, default=None, help="worker processes (default: the setting workers)"
        )
        parser.add_argument("--queues", default="", help="named queues, the preferred first, as a,b (default: default)")
        parser.add_argument("--recycle", type=_workers, default=None, help="tasks after which a worker is renewed")
        parser.add_argument("--wait-database", type=float, default=60.0, metavar="SECONDS", help="default: 60")
        parser.add_argument("--without-io", action="store_true", help="start no io process (another host has one)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wait_for_database(options["wait_database"], self._tell)
        except Refused as refused:
            if settings.LOG_FORMAT == logs.JSON:
                self._tell(f"{refused.message} {refused.remedy}", logging.CRITICAL)
                raise SystemExit(1) from None
            raise CommandError(f"{refused.message} {refused.remedy}") from refused
        source = StoreSource()
        conf.use(source)
        queues = tuple(dict.fromkeys(name.strip() for name in options["queues"].split(",") if name.strip()))
        workers = options["workers"] or conf.values().workers
        self._tell(f"Cluster with {workers} workers starts (process {os.getpid()}); stop it with Ctrl-C or SIGTERM.")
        code = Watchdog(
            Options(
                workers=options["workers"],
                queues=queues or (conf.values().default_queue,),
                recycle=options["recycle"],
                settings_version=source.newest,
                io=not options["without_io"],
                services=monitoring_services(),
            )
        ).run()
        if code:
            raise SystemExit(code)
        self._tell("Cluster has stopped.")

    def _tell(self, text: str, level: int = logging.INFO) -> None:
        logs.announce(text, settings.LOG_FORMAT, self._write, level)

    def _write(self, text: str) -> None:
        self.stderr.write(text, str)  # no colour of an error
        self.stderr.flush()


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 10000")
    return number
