"""``manage.py run_task``: start a run, and follow it to its end when asked to."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.timezone import localtime, make_aware

from scheduler.commands.starting import start
from scheduler.documents import is_over, record_document
from scheduler.models import TaskRecord
from scheduler.states import Status
from scheduler.submission import Submitted
from vwed.inline import InlineRun, inline_queue
from vwed.management.action import ActionCommand, Answer, WrongUsage, actor
from vwed.management.progress import Progress
from vwed.management.records import lines_of, status_line
from vwed.management.values import named_values

#: Seconds between two looks: the first, the longest, and the factor between.
_LOOKS_S = (0.02, 0.5, 1.3)


class Command(ActionCommand):
    help = (
        "Starts a run of a definition. --wait follows it to its end and exits with 0 only when it finished well; "
        "--inline runs it in this process, without a cluster."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("label", metavar="LABEL")
        parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", help="one input; repeatable")
        parser.add_argument("--inputs", default="{}", metavar="JSON", help="all inputs as one JSON object")
        parser.add_argument("--priority", type=int, default=1, help="higher starts earlier (default 1)")
        parser.add_argument("--record-id", help="id of the run; the same id twice is one run")
        parser.add_argument("--out-order", metavar="NUMBER", help="out-order number; the same one twice is one run")
        parser.add_argument("--queue", help="queue of the run (default: the definition's)")
        parser.add_argument("--at", type=_moment, metavar="TIME", help="start it then: 2026-11-24T06:30, plant time")
        parser.add_argument("--wait", type=_seconds, metavar="SECONDS", help="follow it for at most this long")
        parser.add_argument("--inline", action="store_true", help="run it in this process, without a cluster")

    def act(self, options: Mapping[str, Any]) -> Answer:
        if options["inline"] and (options["queue"] or options["at"]):
            raise WrongUsage("--inline runs it here and now: it takes neither --queue nor --at.")
        submitted = start(
            label=options["label"],
            inputs=named_values(options["inputs"], options["input"], "input", '{"site": "A-01"}'),
            priority=options["priority"],
            record_id=options["record_id"],
            out_order_no=options["out_order"],
            due_at=options["at"],
            queue=inline_queue() if options["inline"] else options["queue"],
            actor=actor(),
            origin="command",
        )
        for note in submitted.notes:
            self.stderr.write(f"Note on {note.name}: {note.message} {note.remedy}")
        record = submitted.record
        if not submitted.created:
            since = f"{localtime(record.created_at):%Y-%m-%d %H:%M:%S}"
            self.stderr.write(f"{record.record_id} is already there since {since}; nothing new was started.")
        if not options["inline"] and options["wait"] is None:
            return _submitted(submitted)
        deadline = None if options["wait"] is None else time.monotonic() + options["wait"]
        if options["inline"] and submitted.created:
            record = self._run_inline(record, deadline)
        else:
            record = self._watch(_follow(record, deadline))
        return _ended(record, options["wait"])

    def _run_inline(self, record: TaskRecord, deadline: float | None) -> TaskRecord:
        with InlineRun(record, actor=actor()) as inline:
            last = self._watch(inline.drive(is_over, deadline))
            if not is_over(last):
                inline.give_up("It did not end within the time of --wait, and it ran in that command's process only.")
        return last

    def _watch(self, steps: Iterator[TaskRecord]) -> TaskRecord:
        progress = Progress(self.stderr)
        record = next(steps)
        for record in steps:
            progress.show(record)
        progress.clear()
        return record


def _follow(record: TaskRecord, deadline: float | None) -> Iterator[TaskRecord]:
    """Look at a run until it is over, less and less often."""
    pause, longest, factor = _LOOKS_S
    while True:
        record.refresh_from_db()
        yield record
        left = None if deadline is None else deadline - time.monotonic()
        if is_over(record) or (left is not None and left <= 0):
            return
        time.sleep(pause if left is None else min(pause, left))
        pause = min(pause * factor, longest)


def _submitted(submitted: Submitted) -> Answer:
    record = submitted.record
    return Answer(record_document(record), f"{record.record_id} is {record.status}.")


def _ended(record: TaskRecord, waited: float | None) -> Answer:
    document = record_document(record)
    failure = ""
    if not is_over(record):
        failure = (
            f"{record.record_id} is still {record.status} after {waited:g} s. "
            f"manage.py show_task {record.record_id} says why; manage.py doctor whether a cluster runs."
        )
    elif record.status != Status.FINISHED:
        failure = f"{record.record_id} did not finish: {status_line(document)}"
    return Answer(document, "\n".join(lines_of(document)), failure)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86_400 * 365:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 on")
    return value


def _moment(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
        return value if value.tzinfo else make_aware(value)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-11-24T06:30") from None
