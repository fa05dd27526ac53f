"""``manage.py set_priority``: change the place of runs in the queue and among those who wait for a location."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from scheduler.commands.priority import set_priority
from vwed.management.action import ActionCommand, Answer, actor
from vwed.management.outcome import outcome, refusals


class Command(ActionCommand):
    help = (
        "Gives active runs a priority by record id: the order in the queue and for location grants changes at once. "
        "An empty list is refused: it never means all."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("record_ids", nargs="*", metavar="RECORD_ID")
        parser.add_argument("--priority", type=int, required=True, metavar="N", help="higher goes first")
        parser.add_argument("--reason", default="", help="why, for the audit log")

    def act(self, options: Mapping[str, Any]) -> Answer:
        priority = options["priority"]
        done = set_priority(options["record_ids"], priority, actor=actor(), reason=options["reason"], origin="command")
        refused = refusals(done.ended, "has_ended", "Run {id} has ended.", "Only active runs have a place to change.")
        said = {f"has priority {priority}": done.done, f"had priority {priority} already": done.same}
        return outcome(said, refused, done.unknown, changed=list(done.done), same=list(done.same))
