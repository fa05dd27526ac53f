"""``manage.py monitor_memory``: what every process of the system weighs and holds, once or again and again."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from django.db import DatabaseError, close_old_connections

from vwed import diagnosis
from vwed.management import memory_table
from vwed.management.action import ActionCommand, Answer
from vwed.monitoring.memory import read_memory

INTERVAL_S = 60.0
#: Cursor to the corner, and clear what is below: a terminal shows one table, not a roll of them.
_TOP = "\x1b[H\x1b[J"


class Command(ActionCommand):
    help = (
        "Shows every live process with its parent, memory (RSS, USS, PSS, percent), CPU, threads, descriptors, "
        "connections, pool, contexts and growth verdict, and the sums; again every interval until Ctrl-C. The figures "
        "are those of the Memory page."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="print one table and end")
        parser.add_argument(
            "--interval",
            type=_seconds,
            metavar="S",
            help=f"seconds between two tables (default {INTERVAL_S:g}); with --json one document a line",
        )
        parser.add_argument("--maps", action="store_true", help="the heaviest memory mappings of each process too")

    def act(self, options: Mapping[str, Any]) -> Answer:
        if options["once"] or (options["json"] and options["interval"] is None):
            memory = read_memory()
            maps = memory_table.read_maps(memory) if options["maps"] else None
            return Answer(memory_table.document(memory, maps), "\n".join(memory_table.lines(memory, maps)))
        self._follow(options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Like every command's; Ctrl-C is the way to end this one, not an accident."""
        try:
            super().handle(*args, **options)
        except KeyboardInterrupt:
            self.stderr.write("", str)

    def _follow(self, options: Mapping[str, Any]) -> NoReturn:
        """Until Ctrl-C. A database that goes away later is told, and asked again with the next round."""
        interval = options["interval"] or INTERVAL_S
        started = False
        while True:
            began = time.monotonic()
            try:
                self._show(options)
            except DatabaseError as error:
                if not started:
                    raise
                self.stderr.write(str(diagnosis.explain_database_error(error)))
            started = True
            close_old_connections()
            time.sleep(max(0.0, interval - (time.monotonic() - began)))

    def _show(self, options: Mapping[str, Any]) -> None:
        memory = read_memory()
        maps = memory_table.read_maps(memory) if options["maps"] else None
        if options["json"]:
            text = json.dumps(memory_table.document(memory, maps), ensure_ascii=False)
        else:
            live = self.stdout.isatty()
            width = shutil.get_terminal_size().columns if live else None
            text = "\n".join(memory_table.lines(memory, maps, width))
            text = f"{_TOP}{text}" if live else f"{text}\n"
        self.stdout.write(text)
        self.stdout.flush()


def _seconds(text: str) -> float:
    number = float(text)
    if not 0.2 <= number <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.2 and 86400 seconds")
    return number
