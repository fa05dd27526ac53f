"""``manage.py pause_task``: let runs stop before their next block."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from scheduler.commands.pausing import pause
from vwed.management.action import ActionCommand, Answer, actor
from vwed.management.outcome import outcome, refusals


class Command(ActionCommand):
    help = (
        "Pauses runs by record id, before their next block; a robot finishes its present action. A pause is kept "
        "across restarts. An empty list is refused: it never means all."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("record_ids", nargs="*", metavar="RECORD_ID")
        parser.add_argument("--reason", default="", help="why, for the audit log")

    def act(self, options: Mapping[str, Any]) -> Answer:
        done = pause(options["record_ids"], actor=actor(), reason=options["reason"], origin="command")
        remedy = "manage.py show_task says how it stands."
        refused = refusals(done.refused, "not_pausable", "Run {id} has ended, or stands still already.", remedy)
        said = {"paused": done.done, "is running and pauses at its next block": done.requested}
        return outcome(said, refused, done.unknown, paused=list(done.done), requested=list(done.requested))
