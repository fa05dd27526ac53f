"""``manage.py recycle_worker``: a worker ends what it does, and another takes its place."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from scheduler.commands.recycling import recycle_worker
from vwed.management.action import ActionCommand, Answer, actor


class Command(ActionCommand):
    help = (
        "Asks a worker to drain: it hands its run over after the present slice, ends, and its cluster starts another "
        "in its place. Nothing is lost."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("process", metavar="PROCESS", help="its name, as the Memory page shows it")
        parser.add_argument("--reason", default="", help="why, for the audit log")

    def act(self, options: Mapping[str, Any]) -> Answer:
        row = recycle_worker(options["process"], actor=actor(), origin="command", reason=options["reason"])
        document = {"process": row.name, "pid": row.pid, "draining": True, "current_record": row.current_record}
        return Answer(document, f"{row.name} drains; its place is taken again as soon as it has ended.")
