"""``manage.py skip_block``: go on behind the block a run stopped at, with values in the place of its outputs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from scheduler.commands.continuing import skip, value_of
from vwed.management.action import ActionCommand, Answer, actor
from vwed.management.values import named_values


class Command(ActionCommand):
    help = (
        "Skips the block a failed or interrupted run stopped at; later blocks read the outputs given here. A value is "
        "JSON when it reads as JSON, else text: siteId=A-03, count=3, code='\"003\"'."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("record_id", metavar="RECORD_ID")
        parser.add_argument("--block", default="", metavar="NAME", help="which one, when it stopped at more than one")
        parser.add_argument(
            "--output", action="append", default=[], metavar="NAME=VALUE", help="one output; repeatable"
        )
        parser.add_argument("--outputs", default="{}", metavar="JSON", help="all outputs as one JSON object")
        parser.add_argument("--reason", default="", help="why, for the audit log")

    def act(self, options: Mapping[str, Any]) -> Answer:
        record_id = options["record_id"]
        example = '{"siteId": "A-01"}'
        outputs = named_values(options["outputs"], options["output"], "output", example, value_of)
        block = skip(record_id, options["block"], outputs, actor=actor(), reason=options["reason"], origin="command")
        document = {"skipped": [record_id], "block": block, "outputs": outputs}
        return Answer(document, f"{record_id}: goes on behind {block}")
