"""``manage.py resume_task``: let paused runs go on."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from scheduler.commands.pausing import resume
from vwed.management.action import ActionCommand, Answer, actor
from vwed.management.outcome import outcome, refusals


class Command(ActionCommand):
    help = (
        "Lets paused runs go on by record id; one that was paused before its time keeps that time. "
        "An empty list is refused: it never means all."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("record_ids", nargs="*", metavar="RECORD_ID")
        parser.add_argument("--reason", default="", help="why, for the audit log")

    def act(self, options: Mapping[str, Any]) -> Answer:
        done = resume(options["record_ids"], actor=actor(), reason=options["reason"], origin="command")
        remedy = "A run that failed or needs a decision is continued with manage.py retry_task."
        refused = refusals(done.refused, "not_paused", "Run {id} is not paused.", remedy)
        return outcome({"goes on": done.done}, refused, done.unknown, resumed=list(done.done))
