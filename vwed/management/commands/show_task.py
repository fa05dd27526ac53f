"""``manage.py show_task``: everything about one run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from scheduler.documents import record_document
from vwed.management.action import ActionCommand, Answer
from vwed.management.records import find_record, lines_of


class Command(ActionCommand):
    help = "Shows one task record: status, what it waits for, blocks in order, variables and log."

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("record_id", metavar="RECORD_ID")

    def act(self, options: Mapping[str, Any]) -> Answer:
        record = find_record(options["record_id"])
        document = record_document(record, detail=True)
        return Answer(document, "\n".join(lines_of(document)))
