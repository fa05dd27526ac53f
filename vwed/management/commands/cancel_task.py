"""``manage.py cancel_task``: end runs by their ids."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from scheduler.commands.cancel import cancel
from vwed.management.action import ActionCommand, Answer, actor
from vwed.management.outcome import outcome


class Command(ActionCommand):
    help = (
        "Cancels runs by record id. Their robot orders are terminated, robots stay in service. "
        "An empty list is refused: it never means all."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("record_ids", nargs="*", metavar="RECORD_ID")
        parser.add_argument("--reason", default="", help="why, for the audit log")
        parser.add_argument("--release-sites", action="store_true", help="free the locations that the runs hold, too")

    def act(self, options: Mapping[str, Any]) -> Answer:
        result = cancel(
            options["record_ids"],
            actor=actor(),
            reason=options["reason"],
            origin="command",
            release_sites=options["release_sites"],
        )
        said = {
            "cancelled": result.cancelled,
            "is running and stops at its next block": result.requested,
            "had ended already": result.ended,  # as it should be: no refusal
        }
        lists = {"cancelled": list(result.cancelled), "requested": list(result.requested), "ended": list(result.ended)}
        return outcome(said, {}, result.unknown, **lists)
