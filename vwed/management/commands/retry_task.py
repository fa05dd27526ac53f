"""``manage.py retry_task``: continue stopped runs from the failed block, or start them again from the beginning."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from scheduler.commands.continuing import go_on
from scheduler.commands.restarting import restart
from vwed.management.action import ActionCommand, Answer, actor
from vwed.management.outcome import outcome


class Command(ActionCommand):
    help = (
        "Continues failed and interrupted runs by record id, from the block they stopped at and in the version they "
        "started with; --from-start begins at the first block, as a new attempt of the same record. "
        "An empty list is refused: it never means all."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("record_ids", nargs="*", metavar="RECORD_ID")
        parser.add_argument("--from-start", action="store_true", help="start again from the first block")
        parser.add_argument("--reason", default="", help="why, for the audit log")

    def act(self, options: Mapping[str, Any]) -> Answer:
        command = restart if options["from_start"] else go_on
        done = command(options["record_ids"], actor=actor(), reason=options["reason"], origin="command")
        word = "starts again from the beginning" if options["from_start"] else "goes on from the failed block"
        name = "restarted" if options["from_start"] else "continued"
        return outcome({word: done.done}, done.refused, done.unknown, **{name: list(done.done)})
