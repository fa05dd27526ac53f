"""``manage.py cancel_task``: end runs by their ids."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from scheduler.cancel import CancelResult, cancel
from vwed.management.action import ActionCommand, Answer, actor


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
        document = {
            "cancelled": list(result.cancelled),
            "requested": list(result.requested),
            "ended": list(result.ended),
            "unknown": list(result.unknown),
        }
        return Answer(document, "\n".join(_lines(result)), _failure(result))


def _lines(result: CancelResult) -> list[str]:
    return [
        *(f"{each}: cancelled" for each in result.cancelled),
        *(f"{each}: is running and stops at its next block" for each in result.requested),
        *(f"{each}: had ended already" for each in result.ended),
    ]


def _failure(result: CancelResult) -> str:
    """What was not done; ids that had ended are as they should be."""
    if not result.unknown:
        return ""
    return f"There is no task record {', '.join(result.unknown)}. Ids are shown by run_task and under Task records."
