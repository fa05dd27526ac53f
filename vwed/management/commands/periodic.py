"""``manage.py periodic``: show a periodic start, switch it, change its times, or start one run now."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from scheduler.definitions import periodic, switching
from scheduler.errors import Refused
from scheduler.models import TaskDefinition
from vwed.management.action import ActionCommand, Answer, WrongUsage, actor


class Command(ActionCommand):
    help = (
        "Shows the periodic start of a definition. --on and --off switch it, --period and --delay change its times, "
        "--start-now starts one run beside the schedule."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("definition", metavar="LABEL", help="label or id of the definition")
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--on", action="store_true", help="start it periodically")
        switch.add_argument("--off", action="store_true", help="do not start it periodically any more")
        parser.add_argument("--period", type=int, metavar="MS", help="from start to start")
        parser.add_argument("--delay", type=int, metavar="MS", help="from switching on to the first start")
        parser.add_argument("--start-now", action="store_true", help="start one run at once")
        parser.add_argument("--reason", default="", help="why, for the audit log")

    def act(self, options: Mapping[str, Any]) -> Answer:
        row = _find(options["definition"])
        changes = options["on"] or options["off"] or options["period"] is not None or options["delay"] is not None
        if options["start_now"]:
            if changes:
                raise WrongUsage("--start-now changes nothing; give the other options in a command of their own.")
            done = switching.start_now(row.pk, actor=actor(), origin="command")
            return Answer({"record_id": done.record.record_id}, f"{done.record.record_id} is {done.record.status}.")
        if changes:
            row = switching.set_periodic(
                row.pk,
                on=options["on"] or (not options["off"] and row.periodic and row.periodic_enabled),
                period_ms=options["period"],
                delay_ms=options["delay"],
                actor=actor(),
                origin="command",
                reason=options["reason"],
            )
        return Answer(_document(row), _text(row))


def _find(name: str) -> TaskDefinition:
    row = TaskDefinition.objects.filter(Q(label=name) | Q(definition_id=name)).order_by("pk").first()
    if row is None:
        raise Refused("definition_unknown", f"There is no task {name[:190]!r}.", "Check the label, or import the task.")
    return row


def _document(row: TaskDefinition) -> dict[str, Any]:
    return {
        "label": row.label,
        "on": periodic.is_scheduled(row),
        "enabled": row.enabled,
        "period_ms": row.period_ms,
        "delay_ms": row.delay_ms,
        "next_start_at": row.next_start_at,
        "last_start_at": row.last_start_at,
        "last_record_id": row.last_periodic_record,
        "starts": row.periodic_starts,
        "skipped": row.periodic_skipped,
        "error": row.periodic_error,
    }


def _text(row: TaskDefinition) -> str:
    state = f"starts every {row.period_ms} ms, next {row.next_start_at}" if row.next_start_at else "does not start"
    if row.periodic and row.periodic_enabled and not row.enabled:
        state = "does not start: the definition is disabled"
    lines = [f"{row.label} {state}. {row.periodic_starts} starts, {row.periodic_skipped} skipped overlaps."]
    if row.period_ms < periodic.INTERVAL_S * 1000:
        lines.append(f"The period is shorter than the {periodic.INTERVAL_S:g} s between two looks.")
    if row.periodic_error:
        lines.append(f"The last start was refused: {row.periodic_error}")
    return "\n".join(lines)
